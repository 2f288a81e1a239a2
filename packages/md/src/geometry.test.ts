import { describe, expect, it } from "vitest";
import { badBlockLogPlace, bitmapSpace, defaultDataOffset, usableSize } from "./geometry.js";
import { maxDevFor } from "./superblock-1.js";

const MIB = 2048;
const GIB = 1024 * MIB;

describe("bitmapSpace", () => {
  it.each([
    [127, 0],
    [128, 8],
    [8 * GIB + 8, 8],
    [8 * GIB + 9, 128],
    [200 * GIB + 127, 128],
    [200 * GIB + 128, 256],
  ])("of %d sectors is %d", (sectors, expected) => {
    expect(bitmapSpace(sectors)).toBe(expected);
  });
});

describe("defaultDataOffset and badBlockLogPlace", () => {
  // Seen in arrays that mdadm 4.2 made: size of the device, data_offset with chunks of 512 KiB and 64 KiB,
  // place of the log.
  it.each([
    [8 * MIB, 4096, 2048, 16],
    [64 * MIB, 4096, 2048, 16],
    [512 * MIB, 4096, 2048, 16],
    [1 * GIB, 4096, 4096, 16],
    [8 * GIB, 18_432, 18_432, 16],
    [9 * GIB, 18_432, 18_432, 136],
    [10 * GIB, 18_432, 18_432, 136],
    [100 * GIB, 133_120, 133_120, 136],
    [200 * GIB, 264_192, 264_192, 136],
    [201 * GIB, 264_192, 264_192, 264],
    [12_288 * GIB, 264_192, 264_192, 264],
  ])("on %d sectors are those of mdadm", (device, with512, with64, log) => {
    for (const [chunkSize, dataOffset] of [
      [1024, with512],
      [128, with64],
    ] as const) {
      expect(defaultDataOffset(device, chunkSize)).toBe(dataOffset);
      const size = usableSize(device - dataOffset, chunkSize);
      expect(badBlockLogPlace(size, dataOffset)).toEqual({ shift: 0, size: 8, offset: log });
    }
  });

  it("squeezes the log in front of the data, or leaves it out", () => {
    // Behind the room for a bitmap of 256 sectors it needs 280 sectors of metadata.
    expect(badBlockLogPlace(300 * GIB, 280)?.offset).toBe(264);
    expect(badBlockLogPlace(300 * GIB, 279)?.offset).toBe(263);
    expect(badBlockLogPlace(300 * GIB, 24)?.offset).toBe(8);
    expect(badBlockLogPlace(300 * GIB, 23)).toBeNull();
  });
});

describe("maxDevFor", () => {
  it("fills the sectors that the roles take anyway", () => {
    expect([3, 128, 129, 384, 385].map(maxDevFor)).toEqual([128, 128, 384, 384, 640]);
  });
});
