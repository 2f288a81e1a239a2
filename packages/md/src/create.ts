import { defaultLayout, Geometry, type MemberDevice, RaidError, type RaidLevel } from "@dmaengine/raid456";
import { assemble } from "./assemble.js";
import type { AssembledArray } from "./assembled-array.js";
import { MdError } from "./errors.js";
import { examine } from "./examine.js";
import { refuseForeign } from "./foreign.js";
import { badBlockLogPlace, defaultDataOffset, usableSize } from "./geometry.js";
import { ROLE_SPARE } from "./role.js";
import { MAX_SECTOR, SECTOR_BYTES } from "./sector.js";
import { maxDevFor, type Superblock1, toMdTime } from "./superblock-1.js";
import { createSuperblock1 } from "./superblock-1-codec.js";
import { prepareMember, writeSuperblock } from "./superblock-io.js";
import { deviceSectors, SUPER_OFFSET_1_2 } from "./superblock-place.js";
import { formatUuid, parseUuid, randomUuid } from "./uuid.js";

/** What {@link createArray} makes. */
export interface CreateOptions {
  readonly level: RaidLevel;
  /** The devices, slot by slot; all open for writing. */
  readonly members: readonly MemberDevice[];
  /** set_name, at most 32 bytes of UTF-8. By mdadm's convention "host:name". */
  readonly name: string;
  /** A power of two, 4096 at least. Default 524288, as in mdadm. */
  readonly chunkBytes?: number;
  /** md's algorithm number. Default left-symmetric (2), for RAID-4 0. */
  readonly layout?: number;
  /** Bytes of each member to use, rounded down to a chunk. Default: what the smallest has. */
  readonly sizeBytes?: number;
  /**
   * The members hold valid parity already, for example because all of them are new images full of zeros.
   * Otherwise the array is marked as in need of a full resync. Default false.
   */
  readonly assumeClean?: boolean;
  /** set_uuid. Default: random. */
  readonly uuid?: string;
  /** When. Default: now. */
  readonly now?: Date;
  /**
   * Overwrite whatever the devices hold. Default false: they are refused if anything is recognised on them.
   */
  readonly force?: boolean;
}

const DEFAULT_CHUNK_BYTES = 512 * 1024;

/**
 * Makes a new array with metadata 1.2, laid out as mdadm does it, without a bitmap. It writes superblocks and
 * empty bad-block logs; superblocks of earlier arrays are zeroed. Data and parity are not touched.
 *
 * Unlike mdadm it starts the event count at 1, so that both old and new kernels take the array as it is, and
 * makes all members active from the start instead of rebuilding the last one of a RAID-4 or RAID-5.
 *
 * @returns the array as `assemble` reads it back
 * @throws MdError `ERR_MD_ARGUMENT`, `ERR_MD_TOO_SMALL`, or `ERR_MD_IN_USE` if a device holds something
 */
export async function createArray(options: CreateOptions): Promise<AssembledArray> {
  const { level, members, force = false } = options;
  const [first] = members;
  if (first === undefined)
    throw new MdError("ERR_MD_ARGUMENT", "no members were given to create an array from");
  if (new Set(members).size !== members.length)
    throw new MdError("ERR_MD_ARGUMENT", "a device is given twice");
  for (const member of members) {
    if (!member.writable) throw new MdError("ERR_MD_ARGUMENT", `${member.name} is opened for reading only`);
  }
  const chunkBytes = options.chunkBytes ?? DEFAULT_CHUNK_BYTES;
  const chunkSize = chunkBytes / SECTOR_BYTES;
  const { layout } = checkGeometry(options, chunkBytes);
  const dataOffset = defaultDataOffset(deviceSectors(first), chunkSize);
  const size = chooseSize(members, dataOffset, chunkSize, options.sizeBytes);
  if (!force) for (const member of members) await refuseForeign(member);

  const time = toMdTime(options.now ?? new Date());
  const devRoles = Array.from({ length: maxDevFor(members.length) }, (_, number) =>
    number < members.length ? number : ROLE_SPARE,
  );
  const setUuid = options.uuid === undefined ? randomUuid() : formatUuid(parseUuid(options.uuid));
  const superblocks = members.map((member, slot) =>
    createSuperblock1({
      setUuid,
      setName: options.name,
      ctime: time,
      superOffset: SUPER_OFFSET_1_2,
      devNumber: slot,
      deviceUuid: randomUuid(),
      badBlockLog: badBlockLogPlace(size, dataOffset),
      logicalBlockBytes: 0,
      featureMap: 0,
      level,
      layout,
      size,
      chunkSize,
      raidDisks: members.length,
      dataOffset,
      dataSize: deviceSectors(member) - dataOffset,
      recoveryOffset: 0,
      correctedReads: 0,
      devFlags: 0,
      utime: time,
      events: 1,
      resyncOffset: options.assumeClean === true ? MAX_SECTOR : 0,
      devRoles,
    }),
  );
  await writeAll(members, superblocks);

  for (const [slot, member] of members.entries()) {
    const { superblock } = await examine(member);
    if (superblock?.deviceUuid === superblocks[slot]?.deviceUuid) continue;
    throw new MdError(
      "ERR_MD_ARGUMENT",
      `${member.name} is the same device as another member, under another name`,
    );
  }
  return assemble(members, { uuid: setUuid });
}

/** Superblocks come last, so that a crash leaves no member whose other metadata is not there yet. */
async function writeAll(
  members: readonly MemberDevice[],
  superblocks: readonly Superblock1[],
): Promise<void> {
  await Promise.all(members.map((member, slot) => prepareMember(member, superblocks[slot] as Superblock1)));
  await Promise.all(members.map((member) => member.flush()));
  await Promise.all(members.map((member, slot) => writeSuperblock(member, superblocks[slot] as Superblock1)));
  await Promise.all(members.map((member) => member.flush()));
}

/** Sectors per member: what was asked for or what the smallest has, in whole chunks. */
function chooseSize(
  members: readonly MemberDevice[],
  dataOffset: number,
  chunkSize: number,
  sizeBytes: number | undefined,
): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (const member of members) smallest = Math.min(smallest, deviceSectors(member) - dataOffset);
  const size = usableSize(
    sizeBytes === undefined ? smallest : Math.floor(sizeBytes / SECTOR_BYTES),
    chunkSize,
  );
  if (sizeBytes !== undefined && !(size >= chunkSize)) {
    throw new MdError("ERR_MD_ARGUMENT", `a size of ${sizeBytes} bytes is less than a chunk`);
  }
  const needed = Math.max(size, chunkSize);
  for (const member of members) {
    const has = deviceSectors(member);
    if (has >= dataOffset + needed) continue;
    throw new MdError(
      "ERR_MD_TOO_SMALL",
      `${member.name} has ${has} sectors, too few for metadata of ${dataOffset} and data of ${needed}`,
    );
  }
  return size;
}

/** Checks everything but the size, on an array of one stripe. */
function checkGeometry({ level, layout, members }: CreateOptions, chunkBytes: number): Geometry {
  try {
    return new Geometry({
      level,
      raidDisks: members.length,
      chunkBytes,
      layout: layout ?? defaultLayout(level),
      memberBytes: chunkBytes,
    });
  } catch (error) {
    if (!RaidError.isInstance(error)) throw error;
    throw new MdError("ERR_MD_ARGUMENT", error.message, { cause: error });
  }
}
