import { describe, expect, it } from "vitest";
import { isSuperblock090 } from "./superblock-090.js";
import { GOLDEN_090_CHECKSUM, goldenSuperblock090 } from "./testing/golden.js";

describe("isSuperblock090", () => {
  it("accepts the golden superblock in both byte orders", () => {
    expect(isSuperblock090(goldenSuperblock090())).toBe(true);
    expect(isSuperblock090(goldenSuperblock090({ littleEndian: false }))).toBe(true);
  });

  it("accepts a checksum that is the same when folded to 16 bits, as the kernel does", () => {
    const bytes = goldenSuperblock090();
    const folded = (GOLDEN_090_CHECKSUM & 0xffff) + (GOLDEN_090_CHECKSUM >>> 16);
    new DataView(bytes.buffer).setUint32(38 * 4, folded, true);
    expect(isSuperblock090(bytes)).toBe(true);
  });

  it("refuses every single flipped bit", () => {
    const golden = goldenSuperblock090();
    for (let bit = 0; bit < golden.length * 8; bit++) {
      const flipped = golden.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      if (isSuperblock090(flipped)) throw new Error(`accepted with bit ${bit} flipped`);
    }
  });
});
