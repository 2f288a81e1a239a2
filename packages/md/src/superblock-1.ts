import { Feature } from "./feature-map.js";
import { roundUp, SECTOR_BYTES } from "./sector.js";

/**
 * `MD_SB_MAGIC`, the first word of every md superblock; 0.90 superblocks have it in the byte order of their
 * writer.
 */
export const MD_MAGIC = 0xa92b4efc;

/** Space for a superblock, in bytes. It bounds {@link MAX_DEV}. */
export const SUPERBLOCK_BYTES = 4096;

/** Length of the part before dev_roles, in bytes. */
export const FIXED_BYTES = 256;

/** Most entries that dev_roles can have. */
export const MAX_DEV = (SUPERBLOCK_BYTES - FIXED_BYTES) / 2;

/** A point in time as the superblock packs it. */
export interface MdTime {
  /** Seconds since 1970, 40 bits. */
  readonly seconds: number;
  /** Microseconds, 24 bits; the kernel writes 0. */
  readonly micros: number;
}

/** Where a member keeps its bad-block list. */
export interface BadBlockLogPlace {
  /** Binary logarithm of the unit of the entries, in sectors. */
  readonly shift: number;
  /** Length in sectors. */
  readonly size: number;
  /** Sectors from the superblock. */
  readonly offset: number;
}

/** Where a member keeps its partial parity log. */
export interface PplPlace {
  /** Sectors from the superblock. */
  readonly offset: number;
  /** Length in sectors. */
  readonly size: number;
}

/** The target of a reshape that is under way. */
export interface ReshapeTarget {
  /** Next sector of the array to reshape. */
  readonly position: number;
  readonly deltaDisks: number;
  readonly newLevel: number;
  readonly newLayout: number;
  /** In sectors. */
  readonly newChunkSize: number;
}

/** The fields that a member gets when it is made, and keeps: the kernel never rewrites them. */
export interface SuperblockIdentity {
  /** Identity of the array, in text form. */
  readonly setUuid: string;
  /**
   * Name of the array, by mdadm's convention "host:name". At most 32 bytes of UTF-8; control characters read
   * as U+FFFD.
   */
  readonly setName: string;
  /** When the array was created. */
  readonly ctime: MdTime;
  /** Sector at which this superblock is. */
  readonly superOffset: number;
  /** The number of this device in the set, for ever: the index into `devRoles`, not the slot. */
  readonly devNumber: number;
  /** Identity of this member, in text form. */
  readonly deviceUuid: string;
  /** null if the member has no bad-block log. */
  readonly badBlockLog: BadBlockLogPlace | null;
  /**
   * Logical block size of the array, in bytes: Linux 6.19 and newer. 0 where none is recorded, as in older
   * arrays.
   */
  readonly logicalBlockBytes: number;
}

/** The fields that change while an array lives, and the geometry that the kernel rewrites along with them. */
export interface SuperblockState {
  /** Bits of `Feature`. */
  readonly featureMap: number;
  /** RAID level; negative for linear and multipath. */
  readonly level: number;
  /** Layout ("algorithm") number; 0 for RAID4. */
  readonly layout: number;
  /** Sectors of each member that the array uses. */
  readonly size: number;
  /** Chunk size, in sectors. */
  readonly chunkSize: number;
  /** Number of slots. */
  readonly raidDisks: number;
  /** First data sector of this member. It may differ between the members of an array. */
  readonly dataOffset: number;
  /** Sectors from there that data may use. */
  readonly dataSize: number;
  /**
   * Sectors, from dataOffset, that are rebuilt; meaningful, and written, only with `Feature.RECOVERY_OFFSET`.
   */
  readonly recoveryOffset: number;
  /** Sectors that were read with an error and put right by rewriting them. */
  readonly correctedReads: number;
  /** 1 write-mostly, 2 fail-fast. */
  readonly devFlags: number;
  /** When this superblock was last written. */
  readonly utime: MdTime;
  /** The update counter that tells which members are up to date. */
  readonly events: number;
  /** Sectors of every member that are known to be in sync; `MAX_SECTOR` if the array is clean. */
  readonly resyncOffset: number;
  /** The role of each device number: a slot, `ROLE_SPARE`, `ROLE_FAULTY` or `ROLE_JOURNAL`. */
  readonly devRoles: readonly number[];
}

/** A version 1.x superblock. Lengths and positions are sectors of 512 bytes. Immutable. */
export interface Superblock1 extends SuperblockIdentity, SuperblockState {
  /** Sectors from the superblock to the bitmap's superblock; null without an internal bitmap. */
  readonly bitmapOffset: number | null;
  readonly ppl: PplPlace | null;
  readonly reshape: ReshapeTarget | null;
  /** What the reshape adds to dataOffset, in sectors; 0 without `Feature.NEW_OFFSET`. */
  readonly newOffset: number;
  /** The block of {@link SUPERBLOCK_BYTES} that holds the superblock, with whatever follows it. */
  readonly bytes: Uint8Array;
}

/**
 * How many bytes of its block a superblock takes on disk: the fixed part and the roles, in whole blocks.
 *
 * @param maxDev number of entries in dev_roles
 * @param blockBytes the unit in which the device is written
 */
export function superblockBytes(maxDev: number, blockBytes: number = SECTOR_BYTES): number {
  return roundUp(FIXED_BYTES + 2 * maxDev, blockBytes);
}

/**
 * How many roles mdadm provides for `devices` members: as many as fit in the sectors that it needs anyway.
 */
export function maxDevFor(devices: number): number {
  return (superblockBytes(devices) - FIXED_BYTES) / 2;
}

/** The packed form of a moment, as the kernel writes it: in whole seconds. */
export function toMdTime(date: Date): MdTime {
  return { seconds: Math.floor(date.getTime() / 1000), micros: 0 };
}

/** Whether a member has all of its data, as opposed to being rebuilt. */
export function isInSync({ featureMap }: SuperblockState): boolean {
  return (featureMap & Feature.RECOVERY_OFFSET) === 0;
}
