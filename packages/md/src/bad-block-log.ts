import type { MemberDevice } from "@dmaengine/raid456";
import { SECTOR_BYTES } from "./sector.js";
import type { Superblock1 } from "./superblock-1.js";
import { corrupt } from "./superblock-1-check.js";
import { deviceSectors } from "./superblock-place.js";

/** Length of the log, in sectors: as mdadm makes it, and the most that the kernel takes. */
export const BAD_BLOCK_LOG_SECTORS = 8;

/** A range of a member that can't be trusted. */
export interface BadBlockRange {
  /** First sector, counted from the start of the device (not of its data). */
  readonly startSector: number;
  readonly sectors: number;
}

const LENGTH_BITS = 10n;
const END_OF_LIST = 0xffff_ffff_ffff_ffffn;

/** An empty log: every entry is the end of the list. */
export function emptyBadBlockLog(): Uint8Array {
  return new Uint8Array(BAD_BLOCK_LOG_SECTORS * SECTOR_BYTES).fill(0xff);
}

/**
 * Reads a member's list of bad blocks, sorted, with adjacent and overlapping entries joined.
 *
 * Each entry is a 64-bit word: the sector above a length in the lowest ten bits, both in units of
 * `1 << shift` sectors (kernel: `super_1_load` in `drivers/md/md.c`).
 *
 * @returns an empty list also for a member without a log
 * @throws MdError `ERR_MD_CORRUPT` if the log or an entry is outside the device
 */
export async function readBadBlocks(device: MemberDevice, superblock: Superblock1): Promise<BadBlockRange[]> {
  const { badBlockLog, superOffset } = superblock;
  if (badBlockLog === null) return [];
  const total = deviceSectors(device);
  const logSector = superOffset + badBlockLog.offset;
  if (logSector < 0 || logSector + badBlockLog.size > total) {
    throw corrupt(`the bad-block log at sector ${logSector} is outside the device`);
  }
  const log = new Uint8Array(badBlockLog.size * SECTOR_BYTES);
  await device.read(logSector * SECTOR_BYTES, log);

  const view = new DataView(log.buffer);
  const ranges: BadBlockRange[] = [];
  for (let offset = 0; offset < log.length; offset += 8) {
    const entry = view.getBigUint64(offset, true);
    if (entry === END_OF_LIST) break;
    const shift = BigInt(badBlockLog.shift);
    const start = (entry >> LENGTH_BITS) << shift;
    const sectors = (entry & ((1n << LENGTH_BITS) - 1n)) << shift;
    if (start + sectors > BigInt(total))
      throw corrupt(`bad-block entry ${start} + ${sectors} is outside the device`);
    if (sectors > 0n) ranges.push({ startSector: Number(start), sectors: Number(sectors) });
  }
  return join(ranges);
}

function join(ranges: BadBlockRange[]): BadBlockRange[] {
  ranges.sort((a, b) => a.startSector - b.startSector);
  const joined: BadBlockRange[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    const end = range.startSector + range.sectors;
    if (last === undefined || range.startSector > last.startSector + last.sectors) {
      joined.push(range);
    } else {
      const sectors = Math.max(end, last.startSector + last.sectors) - last.startSector;
      joined[joined.length - 1] = { startSector: last.startSector, sectors };
    }
  }
  return joined;
}
