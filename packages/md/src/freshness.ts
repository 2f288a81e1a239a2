import type { RejectReason } from "./rejection.js";
import { describeRole, isSlot, ownRole, ROLE_FAULTY, ROLE_JOURNAL, ROLE_SPARE, roleIn } from "./role.js";
import { isInSync, type MdTime, type Superblock1 } from "./superblock-1.js";

/** What a device is to the array. */
export type Verdict =
  | { readonly kind: "slot"; readonly slot: number }
  | { readonly kind: "spare" }
  | { readonly kind: "rejected"; readonly code: RejectReason; readonly reason: string };

/**
 * The superblock that the array's state is taken from: the one with most events of those that have a slot.
 *
 * An update that was cut off by a crash leaves some members one event ahead. Of a member that is still being
 * rebuilt only its own rebuild is to be learnt then, so one that is in sync comes first (as in mdadm), unless
 * it is so far behind that it must have been left out of the array.
 *
 * @returns undefined if there are only spares
 */
export function chooseFreshest(superblocks: readonly Superblock1[]): Superblock1 | undefined {
  const slotted = superblocks.filter((superblock) => isSlot(ownRole(superblock), superblock.raidDisks));
  const newest = mostEvents(slotted);
  const newestInSync = mostEvents(slotted.filter(isInSync));
  if (newest === undefined || newestInSync === undefined) return newest;
  return isUpToDate(newestInSync, newest) ? newestInSync : newest;
}

/** The first of those with most events. */
function mostEvents(superblocks: readonly Superblock1[]): Superblock1 | undefined {
  return superblocks.reduce<Superblock1 | undefined>(
    (best, superblock) => (best === undefined || superblock.events > best.events ? superblock : best),
    undefined,
  );
}

/**
 * md's margin of one: a crash in the middle of an update leaves members one event behind that are as good as
 * the rest.
 */
function isUpToDate(superblock: Superblock1, freshest: Superblock1): boolean {
  return superblock.events + 1 >= freshest.events;
}

/**
 * Decides what a device of the set is to the array (kernel: `super_1_validate`; mdadm: `Assemble.c`).
 *
 * Roles follow the freshest member's table and not the device's own, because a device that failed in the last
 * update before a crash doesn't know that yet. A slot is given only if both tables agree on it: the kernel
 * would take a spare whose slot is known to the others, but not yet to itself, for a member in sync.
 */
export function judge(superblock: Superblock1, freshest: Superblock1): Verdict {
  const difference = disagreement(superblock, freshest);
  if (difference !== undefined) return rejected("mismatch", difference);
  if (superblock.dataSize < freshest.size) {
    const reason = `has room for ${superblock.dataSize} sectors of data, the array uses ${freshest.size} of each member`;
    return rejected("too-small", reason);
  }
  const role = ownRole(superblock);
  const roleByFreshest = roleIn(freshest, superblock.devNumber);
  if (role === ROLE_FAULTY) return rejected("faulty", "records itself as failed");
  if (role === ROLE_JOURNAL) return rejected("unsupported", "is a journal device");
  if (role === ROLE_SPARE) {
    return roleByFreshest === ROLE_FAULTY
      ? rejected("faulty", failedAccordingTo(freshest))
      : { kind: "spare" };
  }
  if (!isSlot(role, superblock.raidDisks)) {
    return rejected("corrupt", `claims slot ${role} of an array with ${superblock.raidDisks}`);
  }
  if (!isUpToDate(superblock, freshest)) {
    const reason =
      `is out of date: its slot ${role} is at event count ${superblock.events} of ${isoTime(superblock.utime)}, ` +
      `and the array was written without it up to ${freshest.events} of ${isoTime(freshest.utime)}`;
    return rejected("stale", reason);
  }
  // Ahead of the freshest is only a member being rebuilt; its own superblock is the one that knows.
  if (superblock.events <= freshest.events && roleByFreshest !== role) {
    if (superblock.events === freshest.events) {
      return rejected("split-brain", splitBetween(superblock, freshest));
    }
    if (roleByFreshest === ROLE_FAULTY) return rejected("faulty", failedAccordingTo(freshest));
    if (roleByFreshest === ROLE_SPARE) {
      return rejected("removed", `claims slot ${role}, but is no longer known to ${describeRole(freshest)}`);
    }
    return rejected(
      "mismatch",
      `claims slot ${role}, but ${describeRole(freshest)} gives it slot ${roleByFreshest}`,
    );
  }
  if (roleIn(superblock, freshest.devNumber) !== ownRole(freshest)) {
    return rejected("split-brain", splitBetween(superblock, freshest));
  }
  return { kind: "slot", slot: role };
}

/** The first field in which two superblocks of one array differ that all members must have in common. */
function disagreement(superblock: Superblock1, freshest: Superblock1): string | undefined {
  const fields: readonly [string, number, number][] = [
    ["level", superblock.level, freshest.level],
    ["layout", superblock.layout, freshest.layout],
    ["chunksize", superblock.chunkSize, freshest.chunkSize],
    ["raid_disks", superblock.raidDisks, freshest.raidDisks],
    ["size", superblock.size, freshest.size],
    ["ctime", superblock.ctime.seconds, freshest.ctime.seconds],
    ["ctime microseconds", superblock.ctime.micros, freshest.ctime.micros],
    ["logical_block_size", superblock.logicalBlockBytes, freshest.logicalBlockBytes],
  ];
  for (const [name, own, expected] of fields) {
    if (own !== expected) return `says that ${name} is ${own}, the freshest member says ${expected}`;
  }
  return undefined;
}

function failedAccordingTo(freshest: Superblock1): string {
  return `has failed, according to ${describeRole(freshest)} (event count ${freshest.events})`;
}

function splitBetween(superblock: Superblock1, freshest: Superblock1): string {
  return (
    `and ${describeRole(freshest)} (event counts ${superblock.events} and ${freshest.events}) have each gone on ` +
    "without the other; find out which of them is right, and give only the members that agree with it"
  );
}

function rejected(code: RejectReason, reason: string): Verdict {
  return { kind: "rejected", code, reason };
}

function isoTime({ seconds }: MdTime): string {
  return new Date(seconds * 1000).toISOString();
}
