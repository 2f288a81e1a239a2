import { MdError } from "./errors.js";

/** A sector of the md format is 512 bytes, whatever the logical block size of the device. */
export const SECTOR_BYTES = 512;

/**
 * The kernel's MaxSector, all ones on disk: "to the end" or "nothing left to do".
 * Infinity, so that comparisons and the conversion to bytes come out right without a special case.
 */
export const MAX_SECTOR = Number.POSITIVE_INFINITY;

const MAX_SECTOR_ON_DISK = 0xffff_ffff_ffff_ffffn;

/** Largest sector number whose byte offset is exact in a JavaScript number; 8 PiB. */
const LIMIT_SECTORS = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / SECTOR_BYTES));

/**
 * Reads a 64-bit number of sectors.
 *
 * @param name the field, for the message
 * @throws MdError `ERR_MD_CORRUPT` if it is beyond 8 PiB
 */
export function readSectors(view: DataView, offset: number, name: string): number {
  const value = view.getBigUint64(offset, true);
  if (value > LIMIT_SECTORS) throw new MdError("ERR_MD_CORRUPT", `${name} ${value} is beyond any device`);
  return Number(value);
}

/** As {@link readSectors}, where all ones mean {@link MAX_SECTOR}. */
export function readSectorsOrMax(view: DataView, offset: number, name: string): number {
  if (view.getBigUint64(offset, true) === MAX_SECTOR_ON_DISK) return MAX_SECTOR;
  return readSectors(view, offset, name);
}

/** Writes a number of sectors, {@link MAX_SECTOR} as all ones. */
export function writeSectors(view: DataView, offset: number, sectors: number): void {
  view.setBigUint64(offset, sectors === MAX_SECTOR ? MAX_SECTOR_ON_DISK : BigInt(sectors), true);
}

/** Rounds up to a multiple of `unit`. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Rounds down to a multiple of `unit`. */
export function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}
