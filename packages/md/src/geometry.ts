import { BAD_BLOCK_LOG_SECTORS } from "./bad-block-log.js";
import { roundDown, roundUp, SECTOR_BYTES } from "./sector.js";
import type { BadBlockLogPlace } from "./superblock-1.js";
import { SUPER_OFFSET_1_2 } from "./superblock-place.js";

// Everything here is in sectors, and is what mdadm does (`super1.c`: choose_bm_space, validate_geometry1,
// write_init_super1), so that arrays made by either look the same.

const GIB = (1024 * 1024 * 1024) / SECTOR_BYTES;

/** Granularity of data_offset. */
const DATA_OFFSET_UNIT = 2048;
/** Most room that is left for a later reshape to move the data down into. */
const MAX_HEADROOM = 262_144;
/** From the start of the device: the superblock, and the first two things that may follow it. */
const SUPERBLOCK_AND_LOG = 24;
/** The superblock's own four KiB. */
const SUPERBLOCK_SPACE = 8;

/** Room that mdadm keeps for a bitmap, whether or not there is one, on `sectors` of device or of data. */
export function bitmapSpace(sectors: number): number {
  if (sectors < 128) return 0;
  if (sectors - 128 >= 200 * GIB) return 256;
  return sectors - 8 > 8 * GIB ? 128 : 8;
}

/**
 * data_offset of metadata 1.2.
 *
 * @param deviceSectors size of the first device of the array; mdadm uses the result for all of them
 * @param chunkSize in sectors
 */
export function defaultDataOffset(deviceSectors: number, chunkSize: number): number {
  // mdadm compares with the chunk in KiB, half as many as the sectors, four times.
  const leastHeadroom = 2 * chunkSize;
  let headroom = MAX_HEADROOM;
  while (headroom * 1024 > deviceSectors && headroom / 2 >= leastHeadroom) headroom /= 2;
  return roundUp(SUPERBLOCK_AND_LOG + bitmapSpace(deviceSectors) + headroom, DATA_OFFSET_UNIT);
}

/** Sectors per member that the array uses: as many whole chunks as the data space has. */
export function usableSize(dataSize: number, chunkSize: number): number {
  return roundDown(dataSize, chunkSize);
}

/**
 * Where the bad-block log goes in metadata 1.2 without a bitmap.
 *
 * @param size sectors per member that the array uses
 * @returns null if there is no room for one before the data
 */
export function badBlockLogPlace(size: number, dataOffset: number): BadBlockLogPlace | null {
  const log = { shift: 0, size: BAD_BLOCK_LOG_SECTORS };
  const behindBitmap = SUPERBLOCK_SPACE + bitmapSpace(size);
  const room = dataOffset - SUPER_OFFSET_1_2;
  if (room >= behindBitmap + BAD_BLOCK_LOG_SECTORS) return { ...log, offset: behindBitmap };
  if (room >= SUPERBLOCK_SPACE + BAD_BLOCK_LOG_SECTORS)
    return { ...log, offset: room - BAD_BLOCK_LOG_SECTORS };
  return null;
}
