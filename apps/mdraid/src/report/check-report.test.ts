import { describe, expect, it } from "vitest";
import { describeCheck } from "./check-report.js";

const row = (
  memberOffset: number,
  pMismatch: boolean,
  qMismatch: boolean,
  wrongSlot: number | null = null,
) => ({
  memberOffset,
  lengthBytes: 4096,
  pMismatch,
  qMismatch,
  wrongSlot,
  repaired: false,
});

describe("describeCheck", () => {
  it("says that all is well", () => {
    expect(describeCheck({ mismatches: [], mismatchSectors: 0 })).toBe(
      "no mismatches: data and parity fit together",
    );
  });

  it("joins rows that follow each other with the same parity wrong", () => {
    const mismatches = [
      row(0, true, true),
      row(4096, true, true),
      row(8192, false, true),
      row(65_536, true, false),
      row(69_632, true, true, 3),
    ];
    expect(describeCheck({ mismatches, mismatchSectors: 40 })).toBe(
      [
        "parity does not match the data in 5 rows (mismatch_cnt 40 sectors):",
        "  8 KiB from byte 0 of each member's data: P and Q",
        "  4 KiB from byte 8192 of each member's data: Q",
        "  4 KiB from byte 65536 of each member's data: P",
        "  4 KiB from byte 69632 of each member's data: P and Q; the block in slot 3 is the wrong one",
      ].join("\n"),
    );
  });

  it("ends a long list with the number of what is left out", () => {
    const mismatches = Array.from({ length: 30 }, (_, index) => row(index * 65_536, true, true));
    const lines = describeCheck({ mismatches, mismatchSectors: 240 }).split("\n");
    expect(lines).toHaveLength(22);
    expect(lines.at(-1)).toBe("  … and 10 more places; --json lists all rows");
  });
});
