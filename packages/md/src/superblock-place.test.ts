import { MemoryMember } from "@dmaengine/raid456";
import { describe, expect, it } from "vitest";
import {
  METADATA_VERSIONS,
  readSuperblockBlock,
  superblockSector,
  zeroSuperblocks,
} from "./superblock-place.js";
import { goldenSuperblock12, goldenSuperblock090 } from "./testing/golden.js";

describe("superblockSector", () => {
  // 8 MiB and 64 MiB: positions that mdadm was seen to use.
  it.each([
    ["0.90", 16_384, 16_256],
    ["1.0", 131_072, 131_056],
    ["1.1", 131_072, 0],
    ["1.2", 131_072, 8],
    ["0.90", 2 ** 33 + 127, 2 ** 33 - 128],
    ["1.0", 2 ** 33 + 7, 2 ** 33 - 16],
  ] as const)("%s on %d sectors is at %d", (version, sectors, expected) => {
    expect(superblockSector(version, sectors)).toBe(expected);
  });

  it("is undefined where the superblock would not fit, and inside the device everywhere else", () => {
    for (const version of METADATA_VERSIONS) {
      for (let sectors = 0; sectors < 600; sectors++) {
        const sector = superblockSector(version, sectors);
        if (sector !== undefined) {
          expect(sector).toBeGreaterThanOrEqual(0);
          expect(sector + 8).toBeLessThanOrEqual(sectors);
        }
      }
      expect(superblockSector(version, 7)).toBeUndefined();
    }
  });
});

describe("zeroSuperblocks", () => {
  it("removes all four formats, and nothing else", async () => {
    const device = new MemoryMember(1 << 20);
    device.bytes.fill(0x5a);
    for (const version of METADATA_VERSIONS) {
      const sector = superblockSector(version, 2048) as number;
      device.bytes.set(version === "0.90" ? goldenSuperblock090() : goldenSuperblock12(), sector * 512);
    }
    expect(await zeroSuperblocks(device)).toEqual(["1.2", "1.1", "1.0", "0.90"]);
    const zeros = device.bytes.reduce((count, byte) => count + Number(byte === 0), 0);
    expect(zeros).toBe(4 * 4096);
    for (const version of METADATA_VERSIONS) expect(await readSuperblockBlock(device, version)).toBeNull();
    expect(await zeroSuperblocks(device)).toEqual([]);
  });

  it("tells 0.90 of either byte order and 1.1 apart where they share a place", async () => {
    // 128 to 255 sectors: 0.90 is at sector 0 too.
    const device = new MemoryMember(200 * 512);
    device.bytes.set(goldenSuperblock090({ littleEndian: false }));
    expect(await readSuperblockBlock(device, "1.1")).toBeNull();
    expect(await readSuperblockBlock(device, "0.90")).not.toBeNull();
    device.bytes.set(goldenSuperblock12());
    expect(await readSuperblockBlock(device, "1.1")).not.toBeNull();
    expect(await readSuperblockBlock(device, "0.90")).toBeNull();
  });
});
