import { Geometry, parityDisks, RaidError, type RaidLevel } from "@dmaengine/raid456";
import type { AssembledArray, AssembledMember } from "./assembled-array.js";
import { MdError } from "./errors.js";
import { Feature } from "./feature-map.js";
import { chooseFreshest } from "./freshness.js";
import { describeRejections, type Rejection } from "./rejection.js";
import { ownRole, ROLE_SPARE } from "./role.js";
import { MAX_SECTOR, SECTOR_BYTES } from "./sector.js";
import {
  type Candidate,
  dropDuplicates,
  forceMembers,
  type LeftOut,
  lackingSlots,
  selectMembers,
} from "./select-members.js";
import { isInSync, type Superblock1 } from "./superblock-1.js";
import { readOnlyFeature, unsupported } from "./support.js";

/**
 * Assembles the devices of one array, all of the same set_uuid. The errors are those of `assemble`.
 *
 * @param unrelated devices that were given too, but are of no use for this array; they go into the result and
 *   errors
 */
export async function assembleSet(
  candidates: readonly Candidate[],
  unrelated: readonly Rejection[],
  force: boolean,
): Promise<AssembledArray> {
  const { distinct, leftOut: copies } = dropDuplicates(candidates);
  const freshest = chooseFreshest(distinct.map(({ superblock }) => superblock));
  if (freshest === undefined) {
    const uuid = candidates[0]?.superblock.setUuid;
    throw refusal(
      "ERR_MD_NOT_ENOUGH",
      `array ${uuid}: only spares were given`,
      rejections(unrelated, copies),
    );
  }
  const array = `array "${freshest.setName}" (${freshest.setUuid})`;
  const why = unsupported(freshest);
  if (why !== undefined) throw new MdError("ERR_MD_UNSUPPORTED", `${array}: ${why}`);
  const level = freshest.level as RaidLevel;
  const spared = parityDisks(level);

  const selection = await selectMembers(distinct, freshest);
  const forced = force ? forceMembers(selection, spared) : [];
  const { slots, spares } = selection;
  const leftOut = [...copies, ...selection.leftOut];
  const rejected = rejections(unrelated, leftOut);
  const lacking = lackingSlots(slots);
  if (lacking.length > spared) {
    const text = `${array}: not enough members: ${describeLacking(slots)}; raid${level} can do without ${spared}`;
    throw refusal("ERR_MD_NOT_ENOUGH", text, rejected);
  }

  const geometry = makeGeometry(freshest, level, array);
  let resyncOffset = resyncStart(slots, freshest, geometry.memberBytes / SECTOR_BYTES);
  if (forced.length > 0 && lacking.length === 0) {
    // Beside a member that is out of date, parity can be wrong anywhere.
    resyncOffset = 0;
  } else if (
    resyncOffset !== MAX_SECTOR &&
    lacking.some((slot) => !isParityOnly(level, slot, slots.length))
  ) {
    const state =
      `is not clean (parity is in doubt from sector ${resyncOffset} of each member on) and not complete ` +
      `(${describeLacking(slots)})`;
    if (!force) {
      const text =
        `${array} ${state}. Where parity does not match, what is missing can't be computed. ` +
        "Give the missing members, or use force to take parity as it is";
      throw refusal("ERR_MD_DIRTY_DEGRADED", text, rejected);
    }
    forced.push(`the array ${state}; what is computed from parity that does not match is wrong`);
    resyncOffset = MAX_SECTOR;
  }

  const missing = slots.flatMap((member, slot) => (member === null ? [slot] : []));
  return {
    uuid: freshest.setUuid,
    name: freshest.setName,
    geometry,
    events: freshest.events,
    clean: resyncOffset === MAX_SECTOR,
    resyncedBytes: Math.min(resyncOffset * SECTOR_BYTES, geometry.memberBytes),
    logicalBlockBytes: freshest.logicalBlockBytes,
    slots: slots.map(toMember),
    spares,
    missing,
    unexpectedlyMissing: missing.filter((slot) => freshest.devRoles.includes(slot)),
    degraded: lacking.length,
    rejected,
    readOnlyReason: readOnlyReason([...slots, ...spares], leftOut),
    forced,
  };
}

/** Size and order, checked; what md can't have is damage here, because the checksum was right. */
function makeGeometry(superblock: Superblock1, level: RaidLevel, array: string): Geometry {
  try {
    const geometry = new Geometry({
      level,
      raidDisks: superblock.raidDisks,
      chunkBytes: superblock.chunkSize * SECTOR_BYTES,
      // md ignores the field for RAID4.
      layout: level === 4 ? 0 : superblock.layout,
      memberBytes: superblock.size * SECTOR_BYTES,
    });
    if (Number.isSafeInteger(geometry.arrayBytes)) return geometry;
    throw new MdError("ERR_MD_CORRUPT", `${array}: ${geometry.arrayBytes} bytes are beyond any array`);
  } catch (error) {
    if (!RaidError.isInstance(error)) throw error;
    throw new MdError("ERR_MD_CORRUPT", `${array}: ${error.message}`, { cause: error });
  }
}

/**
 * Where a resync has to start: the lowest position of the freshest members. They agree, unless a forced start
 * has marked only one of them as clean.
 */
function resyncStart(
  slots: readonly (Candidate | null)[],
  freshest: Superblock1,
  usedSectors: number,
): number {
  const positions = slots.flatMap((member) =>
    member !== null && member.superblock.events === freshest.events ? [member.superblock.resyncOffset] : [],
  );
  const start = Math.min(MAX_SECTOR, ...positions);
  return start < usedSectors ? start : MAX_SECTOR;
}

/**
 * RAID4 can lose its parity member while dirty: what is in doubt is parity alone (mdadm: `enough` in
 * `util.c`).
 */
function isParityOnly(level: RaidLevel, slot: number, raidDisks: number): boolean {
  return level === 4 && slot === raidDisks - 1;
}

function toMember(member: Candidate | null, slot: number): AssembledMember | null {
  if (member === null) return null;
  const { dataOffset, recoveryOffset } = member.superblock;
  return {
    ...member,
    slot,
    dataOffsetBytes: dataOffset * SECTOR_BYTES,
    recoveredBytes: isInSync(member.superblock) ? MAX_SECTOR : recoveryOffset * SECTOR_BYTES,
  };
}

/** Everything that forbids writing, as one text. */
function readOnlyReason(known: readonly (Candidate | null)[], leftOut: readonly LeftOut[]): string | null {
  const reasons = new Set<string>();
  for (const member of known) {
    if (member === null) continue;
    const feature = readOnlyFeature(member.superblock);
    if (feature !== undefined) reasons.add(feature);
    if ((member.superblock.featureMap & Feature.BAD_BLOCKS) !== 0) reasons.add(badBlocks(member));
  }
  for (const member of leftOut) {
    // A spare with bad blocks is of no use, but not in the way either.
    if (member.code === "bad-blocks" && ownRole(member.superblock) !== ROLE_SPARE)
      reasons.add(badBlocks(member));
  }
  return reasons.size === 0 ? null : [...reasons].join("; ");
}

function badBlocks({ device }: Candidate): string {
  return `${device.name} has a list of bad blocks, which is not supported for writing yet`;
}

/** "roles 1, 4 missing, role 2 not rebuilt". */
function describeLacking(slots: readonly (Candidate | null)[]): string {
  const lacking = lackingSlots(slots);
  const missing = lacking.filter((slot) => slots[slot] === null);
  const recovering = lacking.filter((slot) => slots[slot] !== null);
  const words = (roles: readonly number[], what: string) =>
    roles.length === 0 ? [] : [`${roles.length === 1 ? "role" : "roles"} ${roles.join(", ")} ${what}`];
  return [...words(missing, "missing"), ...words(recovering, "not fully rebuilt")].join(", ");
}

function rejections(unrelated: readonly Rejection[], leftOut: readonly LeftOut[]): Rejection[] {
  return [
    ...unrelated,
    ...leftOut.map(({ device, code, reason }) => ({ device: device.name, code, reason })),
  ];
}

function refusal(
  code: "ERR_MD_NOT_ENOUGH" | "ERR_MD_DIRTY_DEGRADED",
  text: string,
  rejected: readonly Rejection[],
): MdError {
  return new MdError(code, text + describeRejections(rejected), { rejected });
}
