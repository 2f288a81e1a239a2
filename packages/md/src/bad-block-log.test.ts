import { MemoryMember } from "@dmaengine/raid456";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyBadBlockLog, readBadBlocks } from "./bad-block-log.js";
import { MdError } from "./errors.js";
import type { Superblock1 } from "./superblock-1.js";
import { parseSuperblock1 } from "./superblock-1-codec.js";
import { goldenSuperblock12 } from "./testing/golden.js";

const golden = parseSuperblock1(goldenSuperblock12(), 8);
const LOG_BYTE = (8 + 16) * 512;

function deviceWith(...entries: bigint[]): MemoryMember {
  const device = new MemoryMember(8 << 20);
  device.bytes.set(emptyBadBlockLog(), LOG_BYTE);
  const view = new DataView(device.bytes.buffer);
  entries.forEach((entry, index) => {
    view.setBigUint64(LOG_BYTE + 8 * index, entry, true);
  });
  return device;
}

const entry = (start: number, sectors: number) => (BigInt(start) << 10n) | BigInt(sectors);

describe("readBadBlocks", () => {
  it("reads an entry that Linux wrote: sector 8192, 8 sectors", async () => {
    expect(await readBadBlocks(deviceWith(0x0000_0000_0080_0008n), golden)).toEqual([
      { startSector: 8192, sectors: 8 },
    ]);
  });

  it("reads an empty log and the absence of one as no bad blocks", async () => {
    expect(await readBadBlocks(deviceWith(), golden)).toEqual([]);
    expect(await readBadBlocks(deviceWith(entry(8, 8)), { ...golden, badBlockLog: null })).toEqual([]);
  });

  it("sorts, and joins what touches", async () => {
    const device = deviceWith(entry(100, 8), entry(50, 10), entry(60, 5), entry(104, 2), entry(200, 1));
    expect(await readBadBlocks(device, golden)).toEqual([
      { startSector: 50, sectors: 15 },
      { startSector: 100, sectors: 8 },
      { startSector: 200, sectors: 1 },
    ]);
  });

  it("counts in units of 1 << shift", async () => {
    const shifted: Superblock1 = { ...golden, badBlockLog: { shift: 3, size: 8, offset: 16 } };
    expect(await readBadBlocks(deviceWith(entry(5, 2)), shifted)).toEqual([{ startSector: 40, sectors: 16 }]);
  });

  it("refuses a log or an entry outside the device", async () => {
    const outside: Superblock1 = { ...golden, badBlockLog: { shift: 0, size: 8, offset: -9 } };
    const refusal = { code: "ERR_MD_CORRUPT" };
    await expect(readBadBlocks(deviceWith(), outside)).rejects.toMatchObject(refusal);
    await expect(readBadBlocks(deviceWith(entry(16_380, 8)), golden)).rejects.toMatchObject(refusal);
    const shifted: Superblock1 = { ...golden, badBlockLog: { shift: 63, size: 8, offset: 16 } };
    await expect(readBadBlocks(deviceWith(entry(1, 1)), shifted)).rejects.toMatchObject(refusal);
  });

  it("gives sorted, separate ranges inside the device for any content, or an MdError", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.bigInt({ min: 0n, max: (1n << 25n) - 1n }), { maxLength: 512 }),
        async (entries) => {
          try {
            let end = -1;
            for (const { startSector, sectors } of await readBadBlocks(deviceWith(...entries), golden)) {
              expect(startSector).toBeGreaterThan(end);
              end = startSector + sectors;
            }
            expect(end).toBeLessThanOrEqual(16_384);
          } catch (error) {
            if (!MdError.isInstance(error)) throw error;
          }
        },
      ),
    );
  });
});
