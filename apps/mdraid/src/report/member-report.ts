import {
  arrayState,
  describeRole,
  type Examination,
  Feature,
  MAX_SECTOR,
  type MdTime,
  SECTOR_BYTES,
  type Superblock1,
} from "@dmaengine/md";
import { layoutName, type MemberError, parityDisks, type RaidLevel } from "@dmaengine/raid456";

/** What a 1.x superblock says, under mdadm's names. Sizes and places are bytes, times ISO 8601. */
export interface SuperblockReport {
  /** Bits of `Feature`. */
  readonly featureMap: number;
  readonly arrayUuid: string;
  readonly name: string;
  readonly creationTime: string;
  readonly level: number;
  readonly raidDevices: number;
  /** Room for data on this member. */
  readonly availDevSizeBytes: number;
  /** How much of it the array uses. */
  readonly usedDevSizeBytes: number;
  /** null for levels that are not handled. */
  readonly arraySizeBytes: number | null;
  readonly dataOffsetBytes: number;
  readonly superOffsetBytes: number;
  /** How much of the member is rebuilt; null if it need not be. */
  readonly recoveryOffsetBytes: number | null;
  /** "clean", or "active" if parity is not known to match everywhere. */
  readonly state: "clean" | "active";
  readonly deviceUuid: string;
  readonly updateTime: string;
  readonly badBlockLog: {
    readonly entries: number;
    readonly offsetBytes: number;
    readonly badBlocksPresent: boolean;
  } | null;
  /** Eight hex digits. */
  readonly checksum: string;
  /** Always true: what has a wrong checksum is not read further. */
  readonly checksumCorrect: true;
  readonly events: number;
  /** mdadm's name; null for levels that have no layout, and unknown ones. */
  readonly layout: string | null;
  readonly chunkSizeBytes: number;
  /** "Active device 1", "spare" … */
  readonly deviceRole: string;
  /** All slots as this member sees them: "A" has a device, "." has none, "R" has two. */
  readonly arrayState: string;
}

/** Why something can't be used: a stable code, and a sentence. */
export interface Problem {
  readonly code: string;
  readonly reason: string;
}

/** What one device says about itself: `mdraid examine`. The superblock's fields are absent where none can be read. */
export type MemberReport = {
  readonly device: string;
  /** null if the device can serve as a member, as far as it alone can tell. */
  readonly problem: Problem | null;
  /** Metadata format; null where there is none. */
  readonly version: string | null;
  /** Other formats of which there is a superblock too. */
  readonly alsoFound: readonly string[];
} & Partial<SuperblockReport>;

/** The report on a device that was opened and examined. */
export function reportMember({ device, problem, version, superblock, alsoFound }: Examination): MemberReport {
  return {
    device: device.name,
    problem: problem === null ? null : { code: problem.code, reason: problem.message },
    version,
    alsoFound,
    ...(superblock === null ? {} : reportSuperblock(superblock)),
  };
}

/** The report on a path that could not be opened. */
export function reportUnopened({ device, code, message }: MemberError): MemberReport {
  return { device, problem: { code, reason: message }, version: null, alsoFound: [] };
}

function reportSuperblock(superblock: Superblock1): SuperblockReport {
  const { level, raidDisks, layout, size, featureMap, recoveryOffset, badBlockLog } = superblock;
  const isRaid456 = level === 4 || level === 5 || level === 6;
  return {
    featureMap,
    arrayUuid: superblock.setUuid,
    name: superblock.setName,
    creationTime: isoTime(superblock.ctime),
    level,
    raidDevices: raidDisks,
    availDevSizeBytes: superblock.dataSize * SECTOR_BYTES,
    usedDevSizeBytes: size * SECTOR_BYTES,
    arraySizeBytes: isRaid456 ? size * SECTOR_BYTES * (raidDisks - parityDisks(level)) : null,
    dataOffsetBytes: superblock.dataOffset * SECTOR_BYTES,
    superOffsetBytes: superblock.superOffset * SECTOR_BYTES,
    recoveryOffsetBytes: (featureMap & Feature.RECOVERY_OFFSET) === 0 ? null : recoveryOffset * SECTOR_BYTES,
    state: superblock.resyncOffset === MAX_SECTOR ? "clean" : "active",
    deviceUuid: superblock.deviceUuid,
    updateTime: isoTime(superblock.utime),
    badBlockLog:
      badBlockLog === null
        ? null
        : {
            entries: (badBlockLog.size * SECTOR_BYTES) / BAD_BLOCK_ENTRY_BYTES,
            offsetBytes: badBlockLog.offset * SECTOR_BYTES,
            badBlocksPresent: (featureMap & Feature.BAD_BLOCKS) !== 0,
          },
    checksum: storedChecksum(superblock),
    checksumCorrect: true,
    events: superblock.events,
    layout: isRaid456 ? reportLayout(level, layout) : null,
    chunkSizeBytes: superblock.chunkSize * SECTOR_BYTES,
    deviceRole: describeRole(superblock),
    arrayState: arrayState(superblock),
  };
}

/** An entry of the bad-block log is one 64-bit word. */
const BAD_BLOCK_ENTRY_BYTES = 8;

/** Offset of sb_csum in `struct mdp_superblock_1`. */
const SB_CSUM = 0xd8;

function storedChecksum({ bytes }: Superblock1): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return view.getUint32(SB_CSUM, true).toString(16);
}

/** mdadm's name of a layout; null for RAID-4, which has none, and for a number that has no name. */
export function reportLayout(level: RaidLevel, layout: number): string | null {
  return level === 4 ? null : (layoutName(level, layout) ?? null);
}

export function isoTime({ seconds }: MdTime): string {
  return new Date(seconds * 1000).toISOString();
}
