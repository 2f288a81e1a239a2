import type { MemberDevice } from "@dmaengine/raid456";
import { emptyBadBlockLog } from "./bad-block-log.js";
import { SECTOR_BYTES } from "./sector.js";
import { type Superblock1, superblockBytes } from "./superblock-1.js";
import { zeroSuperblocks } from "./superblock-place.js";

/** Writes a member's superblock: its roles, and no more than it takes, in whole blocks. Does not flush. */
export async function writeSuperblock(device: MemberDevice, superblock: Superblock1): Promise<void> {
  const { superOffset, devRoles, logicalBlockBytes, bytes } = superblock;
  const length = superblockBytes(devRoles.length, Math.max(SECTOR_BYTES, logicalBlockBytes));
  await device.write(superOffset * SECTOR_BYTES, bytes.subarray(0, length));
}

/**
 * Makes a device ready to become a member with this superblock: removes the superblocks that it has, of all
 * formats, and empties the place of the bad-block log. Does not write the superblock and does not flush.
 */
export async function prepareMember(device: MemberDevice, superblock: Superblock1): Promise<void> {
  await zeroSuperblocks(device);
  const { badBlockLog, superOffset } = superblock;
  if (badBlockLog !== null) {
    await device.write((superOffset + badBlockLog.offset) * SECTOR_BYTES, emptyBadBlockLog());
  }
}
