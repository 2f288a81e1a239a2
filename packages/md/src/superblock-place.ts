import type { MemberDevice } from "@dmaengine/raid456";
import { roundDown, SECTOR_BYTES } from "./sector.js";
import { MD_MAGIC, SUPERBLOCK_BYTES } from "./superblock-1.js";

/** The metadata formats of Linux md, the one that this package handles first. */
export const METADATA_VERSIONS = ["1.2", "1.1", "1.0", "0.90"] as const;
export type MetadataVersion = (typeof METADATA_VERSIONS)[number];

/** Sector of the superblock of version 1.2, whatever the device. */
export const SUPER_OFFSET_1_2 = 8;

const SUPERBLOCK_SECTORS = SUPERBLOCK_BYTES / SECTOR_BYTES;

/** The number of whole sectors of a device. */
export function deviceSectors(device: MemberDevice): number {
  return Math.floor(device.sizeBytes / SECTOR_BYTES);
}

/**
 * The sector at which a device has its superblock if it has one of this format (kernel: `super_90_load` and
 * `super_1_load` in `drivers/md/md.c`); undefined on a device that is too small for it.
 *
 * @param sectors size of the device
 */
export function superblockSector(version: MetadataVersion, sectors: number): number | undefined {
  const sector = {
    "0.90": roundDown(sectors, 128) - 128,
    "1.0": roundDown(sectors - 16, 8),
    "1.1": 0,
    "1.2": SUPER_OFFSET_1_2,
  }[version];
  return sector >= 0 && sector + SUPERBLOCK_SECTORS <= sectors ? sector : undefined;
}

/** The block in which a superblock of some format was found, valid or not. */
export interface SuperblockBlock {
  readonly version: MetadataVersion;
  readonly sector: number;
  /** SUPERBLOCK_BYTES long. */
  readonly bytes: Uint8Array;
}

/**
 * Reads the place of one format.
 *
 * @returns null if there is no superblock of that format, going by magic number and major version
 * @throws what the device throws
 */
export async function readSuperblockBlock(
  device: MemberDevice,
  version: MetadataVersion,
): Promise<SuperblockBlock | null> {
  const sector = superblockSector(version, deviceSectors(device));
  if (sector === undefined) return null;
  const bytes = new Uint8Array(SUPERBLOCK_BYTES);
  await device.read(sector * SECTOR_BYTES, bytes);
  return hasMagic(version, bytes) ? { version, sector, bytes } : null;
}

/**
 * Major version and, in 0.90, byte order tell apart what has the same magic and, on a tiny device, the same
 * place.
 */
function hasMagic(version: MetadataVersion, bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer);
  const found = (major: number, littleEndian: boolean) =>
    view.getUint32(0, littleEndian) === MD_MAGIC && view.getUint32(4, littleEndian) === major;
  return version === "0.90" ? found(0, true) || found(0, false) : found(1, true);
}

/** Overwrites every superblock that the device has, of any format, with zeros, and says which there were. */
export async function zeroSuperblocks(device: MemberDevice): Promise<MetadataVersion[]> {
  const zeroed: MetadataVersion[] = [];
  for (const version of METADATA_VERSIONS) {
    const block = await readSuperblockBlock(device, version);
    if (block === null) continue;
    await device.write(block.sector * SECTOR_BYTES, new Uint8Array(SUPERBLOCK_BYTES));
    zeroed.push(version);
  }
  if (zeroed.length > 0) await device.flush();
  return zeroed;
}
