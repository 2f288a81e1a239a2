import { Feature } from "./feature-map.js";
import type { Superblock1 } from "./superblock-1.js";

/** Entry of dev_roles: a spare, or a device number that is not in use. `MD_DISK_ROLE_SPARE` of the kernel. */
export const ROLE_SPARE = 0xffff;
/** Entry of dev_roles: the device has failed. `MD_DISK_ROLE_FAULTY`. */
export const ROLE_FAULTY = 0xfffe;
/** Entry of dev_roles: the raid5 journal. `MD_DISK_ROLE_JOURNAL`. */
export const ROLE_JOURNAL = 0xfffd;
/** Entries below this are slot numbers. `MD_DISK_ROLE_MAX`. */
const ROLE_MAX = 0xff00;

/** The role that `sb` gives to device number `devNumber`; numbers outside its table are spares. */
export function roleIn(sb: Superblock1, devNumber: number): number {
  return sb.devRoles[devNumber] ?? ROLE_SPARE;
}

/** The role that a member gives to itself. */
export function ownRole(sb: Superblock1): number {
  return roleIn(sb, sb.devNumber);
}

/** Whether a role is a slot of the array. */
export function isSlot(role: number, raidDisks: number): boolean {
  return role < ROLE_MAX && role < raidDisks;
}

/** A role in mdadm's words: "Active device 1", "Replacement device 2", "spare", "faulty" or "Journal". */
export function describeRole(sb: Superblock1): string {
  const role = ownRole(sb);
  if (role === ROLE_SPARE) return "spare";
  if (role === ROLE_FAULTY) return "faulty";
  if (role === ROLE_JOURNAL) return "Journal";
  return (sb.featureMap & Feature.REPLACEMENT) !== 0 ? `Replacement device ${role}` : `Active device ${role}`;
}

/**
 * How one member sees all slots, as `mdadm --examine` prints it:
 * `A` has a device, `.` has none, `R` is being replaced and has two, `?` has more than two.
 */
export function arrayState(sb: Superblock1): string {
  const devices = new Array<number>(sb.raidDisks).fill(0);
  for (const role of sb.devRoles) {
    if (role < sb.raidDisks) devices[role]!++;
  }
  return devices.map((count) => [".", "A", "R"][count] ?? "?").join("");
}
