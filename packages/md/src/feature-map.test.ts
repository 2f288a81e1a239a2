import { describe, expect, it } from "vitest";
import { Feature, featureMapFault, featureNames } from "./feature-map.js";

describe("feature map", () => {
  it("has the kernel's bits, without a gap up to 0x1000", () => {
    expect(Object.values(Feature)).toEqual(Array.from({ length: 13 }, (_, shift) => 1 << shift));
  });

  it("names known and unknown bits", () => {
    expect(featureNames(0x13)).toEqual(["BITMAP_OFFSET", "RECOVERY_OFFSET", "REPLACEMENT"]);
    expect(featureNames(0x80002000)).toEqual(["bit 0x2000", "bit 0x80000000"]);
  });

  it("accepts exactly the combinations that the kernel accepts", () => {
    for (let map = 0; map < 0x4000; map++) {
      const has = (bit: number) => (map & bit) !== 0;
      const refused =
        map > 0x1fff ||
        (has(0x400) && has(0x800)) ||
        ((has(0x400) || has(0x800)) && (has(0x1) || has(0x200))) ||
        has(0x1000);
      expect(featureMapFault(map, 5) !== undefined, `0x${map.toString(16)}`).toBe(refused);
    }
    expect(featureMapFault(Feature.RAID0_LAYOUT, 0)).toBeUndefined();
  });
});
