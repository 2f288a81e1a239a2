import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSize } from "./size.js";

describe("parseSize", () => {
  it.each([
    ["0", 0],
    ["12345", 12_345],
    ["3s", 1536],
    ["64K", 65_536],
    ["64k", 65_536],
    ["2M", 2 * 1024 ** 2],
    ["5G", 5 * 1024 ** 3],
    ["4T", 4 * 1024 ** 4],
  ])("takes %s for %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    "",
    "K",
    "-1",
    "1.5K",
    "1e3",
    "0x10",
    "64KB",
    "64 K",
    " 1",
    "99999999999999999",
    "9007199254740993T",
  ])("refuses %j", (text) => {
    expect(() => parseSize(text)).toThrow("expected a number of bytes");
  });

  it("never takes anything else for a number", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        let bytes: number;
        try {
          bytes = parseSize(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "commander.invalidArgument" });
          return;
        }
        expect(text).toMatch(/^\d+[skmgtSKMGT]?$/);
        expect(Number.isSafeInteger(bytes)).toBe(true);
      }),
    );
  });
});
