import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatUuid, parseUuid, randomUuid } from "./uuid.js";

describe("uuid", () => {
  it("prints four groups, as mdadm does", () => {
    const bytes = Uint8Array.from({ length: 16 }, (_, index) => 0x10 + index);
    expect(formatUuid(bytes)).toBe("10111213:14151617:18191a1b:1c1d1e1f");
  });

  it("reads what it prints, and the usual other forms", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const text = formatUuid(bytes);
        const digits = text.replaceAll(":", "");
        const dashed = digits.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
        for (const form of [text, digits, dashed, text.toUpperCase()]) expect(parseUuid(form)).toEqual(bytes);
      }),
    );
  });

  it.each([
    "",
    "10111213",
    "10111213:14151617:18191a1b:1c1d1e1g",
    `${"00".repeat(16)}0`,
    "0".repeat(34),
    "0 ".repeat(32),
  ])("refuses %j", (text) => {
    expect(() => parseUuid(text)).toThrow(expect.objectContaining({ code: "ERR_MD_ARGUMENT" }));
  });

  it("makes random ones", () => {
    expect(parseUuid(randomUuid())).toHaveLength(16);
    expect(randomUuid()).not.toBe(randomUuid());
  });
});
