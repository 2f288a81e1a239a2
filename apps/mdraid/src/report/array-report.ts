import { type AssembledArray, type AssembledMember, Feature } from "@dmaengine/md";
import type { MemberError } from "@dmaengine/raid456";
import { isoTime, type Problem, reportLayout } from "./member-report.js";

/** One line of the table of devices. */
export interface DeviceReport {
  /** The device's number in the array, which is not its slot; null for an empty slot. */
  readonly number: number | null;
  /** The slot; null for a spare. */
  readonly raidDevice: number | null;
  /** "active sync", "spare rebuilding", "spare" or "removed". */
  readonly state: string;
  /** null for an empty slot. */
  readonly device: string | null;
}

/** An assembled array, under the names of `mdadm --detail`. Sizes are bytes, times ISO 8601. */
export interface ArrayReport {
  readonly version: string;
  readonly creationTime: string;
  readonly level: number;
  readonly arraySizeBytes: number;
  readonly usedDevSizeBytes: number;
  readonly raidDevices: number;
  readonly totalDevices: number;
  readonly updateTime: string;
  /** "clean" or "active", then "degraded", then what is to be done: "clean, degraded, recovering (PENDING)". */
  readonly state: string;
  readonly activeDevices: number;
  readonly workingDevices: number;
  readonly failedDevices: number;
  readonly spareDevices: number;
  readonly layout: string | null;
  readonly chunkSizeBytes: number;
  /** "resync", "bitmap" or "ppl". */
  readonly consistencyPolicy: string;
  /** How much of each member's parity is known to match; null if all. */
  readonly resyncedBytes: number | null;
  /** How much of the member that is being rebuilt is done; null if none is. The least of several. */
  readonly recoveredBytes: number | null;
  readonly name: string;
  readonly uuid: string;
  readonly events: number;
  /** By slot; behind them, the spares. */
  readonly devices: readonly DeviceReport[];
  /** Slots without a member. */
  readonly missing: readonly number[];
  /** Devices that were given and left out. */
  readonly rejected: readonly (Problem & { readonly device: string })[];
  /** Why the array can be read but not written; null if it can. */
  readonly readOnlyReason: string | null;
  /** What `--assemble-force` has overridden. */
  readonly forced: readonly string[];
}

/**
 * Reports on an array that is not running.
 *
 * @param unopened members that were given, but could not be opened
 */
export function reportArray(array: AssembledArray, unopened: readonly MemberError[] = []): ArrayReport {
  const { geometry, slots, spares, rejected } = array;
  const present = slots.filter((member) => member !== null);
  const recovering = present.filter((member) => !isInSync(member));
  const freshest = present.find(({ superblock }) => superblock.events === array.events) ?? present[0];
  if (freshest === undefined) throw new TypeError("an assembled array has members");
  const { superblock } = freshest;
  const failed = rejected.filter(({ code }) => code === "faulty").length;
  const working = present.length + spares.length;
  return {
    version: "1.2",
    creationTime: isoTime(superblock.ctime),
    level: geometry.level,
    arraySizeBytes: geometry.arrayBytes,
    usedDevSizeBytes: geometry.memberBytes,
    raidDevices: geometry.raidDisks,
    totalDevices: working + failed,
    updateTime: isoTime(superblock.utime),
    state: describeState(array, recovering.length > 0),
    activeDevices: present.length - recovering.length,
    workingDevices: working,
    failedDevices: failed,
    spareDevices: spares.length + recovering.length,
    layout: reportLayout(geometry.level, geometry.layout),
    chunkSizeBytes: geometry.chunkBytes,
    consistencyPolicy: consistencyPolicy(superblock.featureMap),
    resyncedBytes: array.clean ? null : array.resyncedBytes,
    recoveredBytes:
      recovering.length === 0 ? null : Math.min(...recovering.map(({ recoveredBytes }) => recoveredBytes)),
    name: array.name,
    uuid: array.uuid,
    events: array.events,
    devices: [
      ...slots.map((member, slot) => reportSlot(member, slot)),
      ...spares.map(({ device, superblock: { devNumber } }) => ({
        number: devNumber,
        raidDevice: null,
        state: "spare",
        device: device.name,
      })),
    ],
    missing: array.missing,
    readOnlyReason: array.readOnlyReason,
    rejected: [
      ...unopened.map(({ device, code, message }) => ({ device, code, reason: message })),
      ...rejected,
    ],
    forced: array.forced,
  };
}

function reportSlot(member: AssembledMember | null, slot: number): DeviceReport {
  if (member === null) return { number: null, raidDevice: slot, state: "removed", device: null };
  const state = isInSync(member) ? "active sync" : "spare rebuilding";
  return { number: member.superblock.devNumber, raidDevice: slot, state, device: member.device.name };
}

function isInSync({ recoveredBytes }: AssembledMember): boolean {
  return recoveredBytes === Number.POSITIVE_INFINITY;
}

/** As the kernel and mdadm would say it of an array that is started read-only: what is due is pending. */
function describeState({ clean, degraded }: AssembledArray, recovering: boolean): string {
  return [
    clean ? "clean" : "active",
    ...(degraded > 0 ? ["degraded"] : []),
    ...(recovering ? ["recovering (PENDING)"] : []),
    ...(clean ? [] : ["resyncing (PENDING)"]),
  ].join(", ");
}

function consistencyPolicy(featureMap: number): string {
  if ((featureMap & Feature.BITMAP_OFFSET) !== 0) return "bitmap";
  return (featureMap & (Feature.PPL | Feature.MULTIPLE_PPLS)) !== 0 ? "ppl" : "resync";
}
