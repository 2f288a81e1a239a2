import { MdError } from "./errors.js";
import { Feature } from "./feature-map.js";
import { SECTOR_BYTES } from "./sector.js";
import { MAX_DEV, SUPERBLOCK_BYTES, type Superblock1, superblockBytes } from "./superblock-1.js";

/**
 * What the kernel demands of the fields beyond checksum and features (`super_1_load` in `drivers/md/md.c`).
 *
 * @param foundAt the sector that the superblock was read from
 * @throws MdError `ERR_MD_CORRUPT`
 */
export function checkSuperblock1(superblock: Superblock1, foundAt: number): void {
  const { superOffset, dataOffset, dataSize, newOffset, badBlockLog, logicalBlockBytes, raidDisks } =
    superblock;
  if (superOffset !== foundAt) {
    throw corrupt(`super_offset is ${superOffset}, but the superblock was found at sector ${foundAt}`);
  }
  if (raidDisks > MAX_DEV) throw corrupt(`raid_disks is ${raidDisks}; at most ${MAX_DEV} roles exist`);
  // The kernel's own minimum: less than a page can't hold anything.
  if (dataSize < 10) throw corrupt(`data_size is ${dataSize} sectors; at least 10 are needed`);
  // 1.1 and 1.2 have the data behind the superblock, 1.0 (at the end of the device) before it.
  const superblockEnd = superOffset + superblockBytes(superblock.devRoles.length) / SECTOR_BYTES;
  if (dataOffset < superOffset) {
    if (superOffset < dataSize)
      throw corrupt(`${dataSize} sectors of data reach over the superblock at ${superOffset}`);
  } else if (Math.min(dataOffset, dataOffset + newOffset) < superblockEnd) {
    throw corrupt(`data_offset ${dataOffset} (new_offset ${newOffset}) is inside the superblock`);
  }
  if ((superblock.featureMap & Feature.BAD_BLOCKS) !== 0) {
    if (badBlockLog === null) throw corrupt("bad blocks are recorded, but there is no list of them");
    if (badBlockLog.size > SUPERBLOCK_BYTES / SECTOR_BYTES)
      throw corrupt(`bblog_size is ${badBlockLog.size} sectors`);
    if (badBlockLog.shift >= 64) throw corrupt(`bblog_shift is ${badBlockLog.shift}`);
  }
  if (logicalBlockBytes !== 0 && (logicalBlockBytes < SECTOR_BYTES || !isPowerOfTwo(logicalBlockBytes))) {
    throw corrupt(`logical_block_size is ${logicalBlockBytes}`);
  }
}

/** The refusal of a superblock whose checksum is right and whose content is not. */
export function corrupt(what: string): MdError {
  return new MdError("ERR_MD_CORRUPT", `superblock is damaged: ${what}`);
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}
