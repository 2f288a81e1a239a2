import type { DmaDevice } from "@dmaengine/core";
import type { Geometry } from "../geometry.js";
import { canDo, ENGINE_OPERATION, hindrance, RAID_OPERATIONS, type RaidOperation } from "./ability.js";
import { sharesMappings } from "./page-memory.js";
import type { PageOp } from "./page-op.js";
import { STRIPE_WORK, type StripeWork, SUM_WORK, workOf } from "./stripe-work.js";

/**
 * What the plan has found, after Dan Williams's mail of May 2015:
 *
 * - 1, "the ioatdma case": one device does everything.
 * - 2, "the channel switch case": everything can be done, but by several devices.
 * - 3, "the co-op case": engines make sums, but some of the work is the CPU's.
 * - 0: the CPU does everything.
 */
export type Scenario = 0 | 1 | 2 | 3;

/** Who does one kind of work. */
export interface PlannedWork {
  readonly work: StripeWork;
  /** Names of the devices whose channels do it, or as much of it as they can. Empty: the CPU does. */
  readonly devices: readonly string[];
  /** Whether there is something of it that only the CPU can do. */
  readonly cpu: boolean;
  /** By the device's name: what it can't do of it, or not as it stands, and why. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** Who does the work of an array's stripes, and why. Made from the capability records of the devices that there are. */
export interface OffloadPlan {
  readonly scenario: Scenario;
  readonly works: readonly PlannedWork[];
  /** Names of devices that take no part, with the reason. */
  readonly notUsed: Readonly<Record<string, string>>;
}

/** A plan with the devices that it is about. */
export interface DevicePlan extends OffloadPlan {
  /** The device that stripe pages are at home with: their memory is its, and so is their mapping. Null in scenario 0. */
  readonly home: DmaDevice | null;
  /** Devices whose channels may be used: those that share the home's mappings first, each group in the order of registration. */
  readonly devices: readonly DmaDevice[];
  /** Whether everything that is planned for engines can be done with one mapping of a page. */
  readonly oneMapping: boolean;
}

/**
 * Finds out who can do what: the probing at the beginning of raid456 in that mail.
 *
 * @param taken - devices whose channels others have for themselves
 */
export function makePlan(
  devices: readonly DmaDevice[],
  geometry: Geometry,
  pageBytes: number,
  taken: ReadonlySet<DmaDevice> = new Set(),
): DevicePlan {
  const work = workOf(geometry, pageBytes);
  const usable = devices.filter((device) => !device.private && !taken.has(device));
  const ops = [...work.values()].flat();
  const does = (device: DmaDevice, op: PageOp): boolean => canDo(device, op);
  const isCovered = (op: PageOp): boolean => usable.some((device) => does(device, op));
  const ability = (device: DmaDevice): number => ops.filter((op) => does(device, op)).length;

  const doesEverything = usable.find((device) => ability(device) === ops.length);
  let scenario: Scenario = 0;
  if (doesEverything !== undefined) scenario = 1;
  else if (ops.every(isCovered)) scenario = 2;
  else if (SUM_WORK.some((kind) => work.get(kind)?.some(isCovered) === true)) scenario = 3;

  const used = scenario === 0 ? [] : usable.filter((device) => ability(device) > 0);
  const home = doesEverything ?? mostAble(used, ability);
  const isNear = (device: DmaDevice): boolean => home !== null && sharesMappings(home, device);
  const ordered = [...used.filter(isNear), ...used.filter((device) => !isNear(device))];
  const notUsed = devices.filter((device) => !used.includes(device));
  return {
    scenario,
    works: [...work].map(([kind, kindOps]) => plannedWork(kind, kindOps, ordered, devices)),
    notUsed: Object.fromEntries(notUsed.map((device) => [device.name, whyNot(device, scenario, taken)])),
    home,
    devices: ordered,
    oneMapping: ops.every(
      (op) => !isCovered(op) || used.some((device) => isNear(device) && does(device, op)),
    ),
  };
}

/** The plan in words, a sentence a line. */
export function explainPlan(plan: DevicePlan, { level, raidDisks }: Geometry): readonly string[] {
  const { scenario, works, notUsed, oneMapping } = plan;
  const all = `RAID-${level} over ${raidDisks} members`;
  const users = [...new Set(works.flatMap(({ devices }) => devices))].join(", ");
  const operations = operationsFor(level).join(", ");
  const theCpus = works.filter(({ cpu }) => cpu).map(({ work }) => STRIPE_WORK[work]);
  const headline = [
    `Scenario 0 for ${all}: the CPU does the work; nothing is mapped, every operation is complete at once.`,
    `Scenario 1 for ${all}: ${works[0]?.devices[0]} has every operation: ${operations}.`,
    `Scenario 2 for ${all}: ${users} have every operation between them: ${operations}.`,
    `Scenario 3 for ${all}: ${users} and the CPU work together; what is left to the CPU: ${theCpus.join(", ")}.`,
  ][scenario] as string;
  const mapping = oneMapping
    ? "Stripe pages are mapped once, for as long as they are in the cache."
    : "Devices have mappings of their own: a page is mapped again where the next one can't use the mapping that it has.";
  const switching = [
    "",
    "No channel is switched.",
    "A leg begins when the one before it, on another channel, was seen to be complete.",
    "Each hand-over between an engine and the CPU is one sync.",
  ][scenario] as string;
  const polling = "Completions are polled once for each batch of stripes; no interrupt is asked for.";
  const refusals = Object.entries(notUsed).map(([device, why]) => `${device} is not used: ${why}.`);
  if (scenario === 0) return [headline, ...(refusals.length > 0 ? refusals : ["No engine is registered."])];
  return [headline, mapping, switching, polling, ...works.map(explainWork), ...refusals];
}

/** The device that can do most, the first of equals. */
function mostAble(devices: readonly DmaDevice[], ability: (device: DmaDevice) => number): DmaDevice | null {
  return devices.reduce<DmaDevice | null>(
    (best, device) => (best === null || ability(device) > ability(best) ? device : best),
    null,
  );
}

function plannedWork(
  work: StripeWork,
  ops: readonly PageOp[],
  used: readonly DmaDevice[],
  devices: readonly DmaDevice[],
): PlannedWork {
  const doers = used.filter((device) => ops.some((op) => canDo(device, op)));
  return {
    work,
    devices: doers.map(({ name }) => name),
    cpu: ops.some((op) => !doers.some((device) => canDo(device, op))),
    reasons: Object.fromEntries(
      devices.flatMap((device) => {
        const reason = whyNotAll(device, ops);
        return reason === null ? [] : [[device.name, reason]];
      }),
    ),
  };
}

/** What a device can't do of some work, or not as it stands; null if there is nothing to tell. */
function whyNotAll(device: DmaDevice, ops: readonly PageOp[]): string | null {
  const impossible = ops.filter((op) => !canDo(device, op));
  const [op = ops.find((possible) => hindrance(device, possible) !== null)] = impossible;
  if (op === undefined) return null;
  const reason = hindrance(device, op) as string;
  if (impossible.length === 0) return `in parts, ${reason}`;
  return impossible.length === ops.length ? reason : `not all of it, ${reason}`;
}

function whyNot(device: DmaDevice, scenario: Scenario, taken: ReadonlySet<DmaDevice>): string {
  if (device.private) return "it is private";
  const has = RAID_OPERATIONS.filter((operation) => device.has(operation));
  if (has.length === 0) return `it has none of ${RAID_OPERATIONS.join(", ")}`;
  if (taken.has(device)) return "others have all its channels for themselves";
  return scenario === 0
    ? "it can't make the sums of this array, and the CPU, which does, reads every byte that would be copied"
    : "there is nothing that it can do for this array";
}

function explainWork({ work, devices, cpu, reasons }: PlannedWork): string {
  const doers = [...devices, ...(cpu ? ["the CPU"] : [])].join(", ");
  const why = Object.entries(reasons).map(([device, reason]) => `${device}: ${reason}`);
  return `To ${STRIPE_WORK[work]}: ${doers}${why.length > 0 ? ` (${why.join("; ")})` : ""}.`;
}

function operationsFor(level: Geometry["level"]): readonly RaidOperation[] {
  const needed = new Set<RaidOperation>(Object.values(ENGINE_OPERATION));
  if (level !== 6) {
    needed.delete("pq");
    needed.delete("pqVal");
  }
  return RAID_OPERATIONS.filter((operation) => needed.has(operation));
}
