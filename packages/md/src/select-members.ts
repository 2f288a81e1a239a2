import { type MemberDevice, MemberError } from "@dmaengine/raid456";
import { readBadBlocks } from "./bad-block-log.js";
import { MdError } from "./errors.js";
import { Feature } from "./feature-map.js";
import { judge } from "./freshness.js";
import type { RejectReason } from "./rejection.js";
import { isSlot, ownRole } from "./role.js";
import { isInSync, type Superblock1 } from "./superblock-1.js";

/** A device of the set whose superblock can be read. */
export interface Candidate {
  readonly device: MemberDevice;
  readonly superblock: Superblock1;
}

/** A candidate that was left out, with the reason. */
export interface LeftOut extends Candidate {
  readonly code: RejectReason;
  readonly reason: string;
}

/** What became of the candidates: each of them is in one of the three. */
export interface Selection {
  readonly slots: (Candidate | null)[];
  readonly spares: Candidate[];
  readonly leftOut: LeftOut[];
}

/**
 * Reasons that force may override: the member is what it says it is, but out of date or not readable
 * everywhere.
 */
const FORCIBLE: ReadonlySet<RejectReason> = new Set<RejectReason>([
  "stale",
  "faulty",
  "removed",
  "bad-blocks",
]);

/**
 * Keeps one of each member: copies of a device, or the same device given twice, carry the same device_uuid.
 */
export function dropDuplicates(candidates: readonly Candidate[]): {
  distinct: Candidate[];
  leftOut: LeftOut[];
} {
  const best = new Map<string, Candidate>();
  const leftOut: LeftOut[] = [];
  for (const candidate of candidates) {
    const { deviceUuid, events } = candidate.superblock;
    const other = best.get(deviceUuid);
    const better = other === undefined || events > other.superblock.events;
    if (better) best.set(deviceUuid, candidate);
    if (other !== undefined) leftOut.push(better ? duplicate(other, candidate) : duplicate(candidate, other));
  }
  return { distinct: [...best.values()], leftOut };
}

/** Gives each candidate its slot, makes it a spare, or leaves it out. */
export async function selectMembers(
  candidates: readonly Candidate[],
  freshest: Superblock1,
): Promise<Selection> {
  const slots = new Array<Candidate | null>(freshest.raidDisks).fill(null);
  const selection: Selection = { slots, spares: [], leftOut: [] };
  for (const candidate of candidates) {
    const verdict = judge(candidate.superblock, freshest);
    if (verdict.kind === "rejected") {
      selection.leftOut.push({ ...candidate, code: verdict.code, reason: verdict.reason });
      continue;
    }
    const badBlocks = await describeBadBlocks(candidate);
    if (badBlocks !== undefined)
      selection.leftOut.push({ ...candidate, code: "bad-blocks", reason: badBlocks });
    else if (verdict.kind === "spare") selection.spares.push(candidate);
    else takeSlot(candidate, verdict.slot, selection);
  }
  return withoutNumberClashes(selection);
}

/** Puts a member into its slot, unless the one that is there already is the better one. */
function takeSlot(candidate: Candidate, slot: number, { slots, spares, leftOut }: Selection): void {
  const holder = slots[slot] ?? null;
  if (holder === null) {
    slots[slot] = candidate;
    return;
  }
  const wins = isBetter(candidate.superblock, holder.superblock);
  const [winner, loser] = wins ? [candidate, holder] : [holder, candidate];
  slots[slot] = winner;
  // Beside the member that it was to replace, a replacement is of no more use than a spare.
  if (isReplacement(loser.superblock)) spares.push(loser);
  else leftOut.push(duplicate(loser, winner));
}

/**
 * Of two members for one slot: the one that is in sync, then the original before its replacement, then the
 * fresher.
 */
function isBetter(one: Superblock1, other: Superblock1): boolean {
  if (isInSync(one) !== isInSync(other)) return isInSync(one);
  if (isReplacement(one) !== isReplacement(other)) return isReplacement(other);
  return one.events > other.events;
}

function isReplacement({ featureMap }: Superblock1): boolean {
  return (featureMap & Feature.REPLACEMENT) !== 0;
}

/** Leaves out spares whose device number is taken: the role table has one entry per number. */
function withoutNumberClashes({ slots, spares, leftOut }: Selection): Selection {
  const taken = new Map<number, Candidate>();
  for (const member of slots) if (member !== null) taken.set(member.superblock.devNumber, member);
  const kept: Candidate[] = [];
  const clashing: LeftOut[] = [];
  for (const spare of spares) {
    const holder = taken.get(spare.superblock.devNumber);
    if (holder !== undefined) {
      clashing.push(duplicate(spare, holder));
    } else {
      taken.set(spare.superblock.devNumber, spare);
      kept.push(spare);
    }
  }
  return { slots, spares: kept, leftOut: [...leftOut, ...clashing] };
}

function duplicate(loser: Candidate, winner: Candidate): LeftOut {
  const reason =
    `claims the same place as ${winner.device.name}, which is used: device number ` +
    `${loser.superblock.devNumber}, event count ${loser.superblock.events} against ${winner.superblock.events}`;
  return { ...loser, code: "duplicate", reason };
}

/** What is wrong with a member that has a list of bad blocks, or undefined if it has none or an empty one. */
async function describeBadBlocks({ device, superblock }: Candidate): Promise<string | undefined> {
  if ((superblock.featureMap & Feature.BAD_BLOCKS) === 0) return undefined;
  try {
    const ranges = await readBadBlocks(device, superblock);
    if (ranges.length === 0) return undefined;
    const total = ranges.reduce((sum, { sectors }) => sum + sectors, 0);
    return `has bad blocks: ${total} sectors in ${ranges.length} ranges, the first at sector ${ranges[0]?.startSector}`;
  } catch (error) {
    if (!MdError.isInstance(error) && !MemberError.isInstance(error)) throw error;
    return `has bad blocks, and the list of them can't be read: ${error.message}`;
  }
}

/** Slots that are empty or not fully rebuilt. */
export function lackingSlots(slots: readonly (Candidate | null)[]): number[] {
  return slots.flatMap((member, slot) => (member !== null && isInSync(member.superblock) ? [] : [slot]));
}

/**
 * Brings members back that were left out for being out of date, as `mdadm --assemble --force` does: the
 * newest first, along with all that are exactly as old, until at most `spared` slots are lacking.
 *
 * @returns what that means for the data, one sentence per member
 */
export function forceMembers(selection: Selection, spared: number): string[] {
  const forced: string[] = [];
  while (lackingSlots(selection.slots).length > spared) {
    const eligible = selection.leftOut.filter(({ code, superblock }) => {
      const role = ownRole(superblock);
      const free = isSlot(role, selection.slots.length) && selection.slots[role] === null;
      return FORCIBLE.has(code) && free && isInSync(superblock);
    });
    if (eligible.length === 0) break;
    const newest = Math.max(...eligible.map(({ superblock }) => superblock.events));
    for (const member of eligible.filter(({ superblock }) => superblock.events === newest)) {
      const slot = ownRole(member.superblock);
      if (selection.slots[slot] !== null) continue;
      selection.slots[slot] = { device: member.device, superblock: member.superblock };
      selection.leftOut.splice(selection.leftOut.indexOf(member), 1);
      forced.push(`${member.device.name} is used although it ${member.reason}`);
    }
  }
  return forced;
}
