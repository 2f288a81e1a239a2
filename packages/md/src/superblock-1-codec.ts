import { MdError } from "./errors.js";
import { Feature, featureMapFault } from "./feature-map.js";
import { readSectors, readSectorsOrMax, writeSectors } from "./sector.js";
import {
  FIXED_BYTES,
  MAX_DEV,
  MD_MAGIC,
  type MdTime,
  SUPERBLOCK_BYTES,
  type Superblock1,
  type SuperblockIdentity,
  type SuperblockState,
} from "./superblock-1.js";
import { checkSuperblock1, corrupt } from "./superblock-1-check.js";
import { formatUuid, parseUuid, UUID_BYTES } from "./uuid.js";

/** Offsets of the fields of `struct mdp_superblock_1` (kernel: `include/uapi/linux/raid/md_p.h`). */
const MAGIC = 0;
const MAJOR_VERSION = 4;
const FEATURE_MAP = 8;
const PAD0 = 12;
const SET_UUID = 16;
const SET_NAME = 32;
const SET_NAME_BYTES = 32;
const CTIME = 64;
const LEVEL = 72;
const LAYOUT = 76;
const SIZE = 80;
const CHUNKSIZE = 88;
const RAID_DISKS = 92;
const BITMAP_OFFSET = 96;
const PPL_OFFSET = 96;
const PPL_SIZE = 98;
const NEW_LEVEL = 100;
const RESHAPE_POSITION = 104;
const DELTA_DISKS = 112;
const NEW_LAYOUT = 116;
const NEW_CHUNK = 120;
const NEW_OFFSET = 124;
const DATA_OFFSET = 128;
const DATA_SIZE = 136;
const SUPER_OFFSET = 144;
const RECOVERY_OFFSET = 152;
const DEV_NUMBER = 160;
const CNT_CORRECTED_READ = 164;
const DEVICE_UUID = 168;
const DEVFLAGS = 184;
const BBLOG_SHIFT = 185;
const BBLOG_SIZE = 186;
const BBLOG_OFFSET = 188;
const UTIME = 192;
const EVENTS = 200;
const RESYNC_OFFSET = 208;
const SB_CSUM = 216;
const MAX_DEV_FIELD = 220;
const LOGICAL_BLOCK_SIZE = 224;
const PAD3 = 228;
const DEV_ROLES = FIXED_BYTES;

/**
 * Reads a superblock, trusting nothing: everything is refused that the kernel refuses (`super_1_load` in
 * `drivers/md/md.c`), apart from the size of the device, which is not known here.
 *
 * @param bytes the {@link SUPERBLOCK_BYTES} at its place; copied
 * @param superOffset the sector they were read from
 * @throws MdError `ERR_MD_NO_SUPERBLOCK`, `ERR_MD_CHECKSUM`, `ERR_MD_CORRUPT` or `ERR_MD_UNSUPPORTED`
 */
export function parseSuperblock1(bytes: Uint8Array, superOffset: number): Superblock1 {
  if (bytes.length !== SUPERBLOCK_BYTES) {
    throw new MdError("ERR_MD_ARGUMENT", `expected ${SUPERBLOCK_BYTES} bytes, got ${bytes.length}`);
  }
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);

  if (view.getUint32(MAGIC, true) !== MD_MAGIC) {
    throw new MdError("ERR_MD_NO_SUPERBLOCK", `no md superblock at sector ${superOffset}`);
  }
  const majorVersion = view.getUint32(MAJOR_VERSION, true);
  if (majorVersion !== 1) {
    throw new MdError(
      "ERR_MD_UNSUPPORTED",
      `major version ${majorVersion}; only 1 can be at sector ${superOffset}`,
    );
  }
  const maxDev = view.getUint32(MAX_DEV_FIELD, true);
  // Before the checksum, which runs over the role table.
  if (maxDev > MAX_DEV) throw corrupt(`max_dev is ${maxDev}; at most ${MAX_DEV} fit`);
  const stored = view.getUint32(SB_CSUM, true);
  const expected = checksum1(view, maxDev);
  if (stored !== expected) {
    throw new MdError("ERR_MD_CHECKSUM", `superblock checksum is ${hex(stored)}, expected ${hex(expected)}`);
  }

  const level = view.getInt32(LEVEL, true);
  const featureMap = view.getUint32(FEATURE_MAP, true);
  const fault = featureMapFault(featureMap, level);
  if (fault !== undefined) throw new MdError("ERR_MD_UNSUPPORTED", fault);
  const has = (feature: number) => (featureMap & feature) !== 0;

  const bblogOffset = view.getInt32(BBLOG_OFFSET, true);
  const superblock: Superblock1 = {
    setUuid: formatUuid(copy.subarray(SET_UUID, SET_UUID + UUID_BYTES)),
    setName: decodeName(copy.subarray(SET_NAME, SET_NAME + SET_NAME_BYTES)),
    ctime: readTime(view, CTIME),
    superOffset: readSectors(view, SUPER_OFFSET, "super_offset"),
    devNumber: view.getUint32(DEV_NUMBER, true),
    deviceUuid: formatUuid(copy.subarray(DEVICE_UUID, DEVICE_UUID + UUID_BYTES)),
    badBlockLog:
      bblogOffset === 0
        ? null
        : { shift: view.getUint8(BBLOG_SHIFT), size: view.getUint16(BBLOG_SIZE, true), offset: bblogOffset },
    logicalBlockBytes: view.getUint32(LOGICAL_BLOCK_SIZE, true),

    featureMap,
    level,
    layout: view.getUint32(LAYOUT, true),
    size: readSectors(view, SIZE, "size"),
    chunkSize: view.getUint32(CHUNKSIZE, true),
    raidDisks: view.getUint32(RAID_DISKS, true),
    dataOffset: readSectors(view, DATA_OFFSET, "data_offset"),
    dataSize: readSectors(view, DATA_SIZE, "data_size"),
    recoveryOffset: has(Feature.RECOVERY_OFFSET) ? readSectors(view, RECOVERY_OFFSET, "recovery_offset") : 0,
    correctedReads: view.getUint32(CNT_CORRECTED_READ, true),
    devFlags: view.getUint8(DEVFLAGS),
    utime: readTime(view, UTIME),
    events: readEvents(view),
    resyncOffset: readSectorsOrMax(view, RESYNC_OFFSET, "resync_offset"),
    devRoles: Array.from({ length: maxDev }, (_, index) => view.getUint16(DEV_ROLES + 2 * index, true)),

    bitmapOffset: has(Feature.BITMAP_OFFSET) ? view.getInt32(BITMAP_OFFSET, true) : null,
    ppl: has(Feature.PPL | Feature.MULTIPLE_PPLS)
      ? { offset: view.getInt16(PPL_OFFSET, true), size: view.getUint16(PPL_SIZE, true) }
      : null,
    reshape: has(Feature.RESHAPE_ACTIVE)
      ? {
          position: readSectors(view, RESHAPE_POSITION, "reshape_position"),
          deltaDisks: view.getInt32(DELTA_DISKS, true),
          newLevel: view.getInt32(NEW_LEVEL, true),
          newLayout: view.getUint32(NEW_LAYOUT, true),
          newChunkSize: view.getUint32(NEW_CHUNK, true),
        }
      : null,
    newOffset: has(Feature.NEW_OFFSET) ? view.getInt32(NEW_OFFSET, true) : 0,
    bytes: copy,
  };
  if (view.getUint32(PAD0, true) !== 0 || copy.subarray(PAD3, FIXED_BYTES).some((byte) => byte !== 0)) {
    throw corrupt("padding is not zero");
  }
  checkSuperblock1(superblock, superOffset);
  return superblock;
}

/**
 * Makes the superblock of a new member.
 *
 * @throws MdError `ERR_MD_ARGUMENT` if the name needs more than 32 bytes
 */
export function createSuperblock1(fields: SuperblockIdentity & SuperblockState): Superblock1 {
  const bytes = new Uint8Array(SUPERBLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(MAGIC, MD_MAGIC, true);
  view.setUint32(MAJOR_VERSION, 1, true);
  bytes.set(parseUuid(fields.setUuid), SET_UUID);
  bytes.set(encodeName(fields.setName), SET_NAME);
  writeTime(view, CTIME, fields.ctime);
  writeSectors(view, SUPER_OFFSET, fields.superOffset);
  view.setUint32(DEV_NUMBER, fields.devNumber, true);
  bytes.set(parseUuid(fields.deviceUuid), DEVICE_UUID);
  if (fields.badBlockLog !== null) {
    view.setUint8(BBLOG_SHIFT, fields.badBlockLog.shift);
    view.setUint16(BBLOG_SIZE, fields.badBlockLog.size, true);
    view.setInt32(BBLOG_OFFSET, fields.badBlockLog.offset, true);
  }
  view.setUint32(LOGICAL_BLOCK_SIZE, fields.logicalBlockBytes, true);
  writeState(view, fields);
  return parseSuperblock1(bytes, fields.superOffset);
}

/**
 * A superblock with other state. It starts from the bytes of `previous`, so that everything which is not
 * state survives, whether or not this package knows what it is.
 */
export function updateSuperblock1(previous: Superblock1, changes: Partial<SuperblockState>): Superblock1 {
  const bytes = previous.bytes.slice();
  writeState(new DataView(bytes.buffer), { ...previous, ...changes });
  return parseSuperblock1(bytes, previous.superOffset);
}

function writeState(view: DataView, state: SuperblockState): void {
  view.setUint32(FEATURE_MAP, state.featureMap, true);
  view.setInt32(LEVEL, state.level, true);
  view.setUint32(LAYOUT, state.layout, true);
  writeSectors(view, SIZE, state.size);
  view.setUint32(CHUNKSIZE, state.chunkSize, true);
  view.setUint32(RAID_DISKS, state.raidDisks, true);
  writeSectors(view, DATA_OFFSET, state.dataOffset);
  writeSectors(view, DATA_SIZE, state.dataSize);
  writeSectors(view, RECOVERY_OFFSET, state.recoveryOffset);
  view.setUint32(CNT_CORRECTED_READ, state.correctedReads, true);
  view.setUint8(DEVFLAGS, state.devFlags);
  writeTime(view, UTIME, state.utime);
  view.setBigUint64(EVENTS, BigInt(state.events), true);
  writeSectors(view, RESYNC_OFFSET, state.resyncOffset);
  view.setUint32(MAX_DEV_FIELD, state.devRoles.length, true);
  state.devRoles.forEach((role, index) => {
    view.setUint16(DEV_ROLES + 2 * index, role, true);
  });
  view.setUint32(SB_CSUM, checksum1(view, state.devRoles.length), true);
}

/**
 * `calc_sb_1_csum` of the kernel: the sum of all little-endian words, a last half word if there is one, and
 * the carries out of 32 bits added once. sb_csum itself counts as 0.
 */
function checksum1(view: DataView, maxDev: number): number {
  const length = FIXED_BYTES + 2 * maxDev;
  // Below 2^43, so exact.
  let sum = 0;
  for (let offset = 0; offset + 4 <= length; offset += 4) {
    if (offset !== SB_CSUM) sum += view.getUint32(offset, true);
  }
  if (length % 4 === 2) sum += view.getUint16(length - 2, true);
  return ((sum % 2 ** 32) + Math.floor(sum / 2 ** 32)) % 2 ** 32;
}

function readTime(view: DataView, offset: number): MdTime {
  const packed = view.getBigUint64(offset, true);
  return { seconds: Number(packed & 0xff_ffff_ffffn), micros: Number(packed >> 40n) };
}

function writeTime(view: DataView, offset: number, { seconds, micros }: MdTime): void {
  view.setBigUint64(offset, BigInt(seconds) | (BigInt(micros) << 40n), true);
}

function readEvents(view: DataView): number {
  const events = view.getBigUint64(EVENTS, true);
  if (events > BigInt(Number.MAX_SAFE_INTEGER))
    throw corrupt(`events is ${events}, which no array can reach`);
  return Number(events);
}

function decodeName(field: Uint8Array): string {
  const end = field.indexOf(0);
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(end < 0 ? field : field.subarray(0, end));
  // Tools print the name, and a terminal obeys control characters.
  return text.replace(/\p{Cc}/gu, "\uFFFD");
}

function encodeName(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length <= SET_NAME_BYTES) return bytes;
  throw new MdError(
    "ERR_MD_ARGUMENT",
    `the name "${name}" takes ${bytes.length} bytes; a superblock has room for ${SET_NAME_BYTES}`,
  );
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
