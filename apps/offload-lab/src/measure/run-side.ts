import type { ChromeTrace } from "@dmaengine/sim";
import type { LabArray, LabArrayOptions } from "../arrays/lab-array.js";
import { openMdOnAsyncTx } from "../arrays/md-on-async-tx/md-array.js";
import { openRaid456 } from "../arrays/raid456-array.js";
import { Bench } from "../machine/bench.js";
import type { Machine } from "../machine/machines.js";
import { ExpectedArray, seededBytes, wrongBytes } from "../workload/content.js";
import type { LabRequest, Phase, PhaseName, Workload } from "../workload/workload.js";
import { type Counters, difference, readCounters } from "./counters.js";

/** The two ways of doing the work. */
export const SIDES = ["async_tx", "raid456"] as const;
export type Side = (typeof SIDES)[number];

/** Opens an array over members in memory, on a machine that is set up. */
type OpenArray = (bench: Bench, options: LabArrayOptions) => LabArray;

const OPEN: Readonly<Record<Side, OpenArray>> = { async_tx: openMdOnAsyncTx, raid456: openRaid456 };

/** What one phase has cost. */
interface PhaseResult {
  readonly name: PhaseName;
  /** Where on the machine's clock it began. */
  readonly startNanos: number;
  readonly counters: Counters;
}

/** What one side has to show. */
export interface SideResult {
  /** The number of the scenario that raid456 found; null for async_tx, which looks for none. */
  readonly scenario: number | null;
  /** How the machine is used, a sentence a line. */
  readonly plan: readonly string[];
  readonly phases: readonly PhaseResult[];
  /** Of all phases together. */
  readonly total: Counters;
  /** Bytes that reads returned wrong, and bytes that members hold and shouldn't at the end. */
  readonly wrongBytes: number;
  /** Rows that the scrub found not to match. None of them should. */
  readonly mismatchRows: number;
  readonly trace: ChromeTrace;
}

/** How a workload is carried out. */
export interface SideOptions {
  /** For what the caches of the machine do of their own accord. */
  readonly seed: number;
  /** Requests in flight. */
  readonly depth: number;
  /** See {@link LabArrayOptions.mdSkipCopy}. */
  readonly mdSkipCopy: boolean;
}

/**
 * Carries a workload out on a machine of its own.
 *
 * The stripe cache is filled first, by writing what is there already: what is counted is the steady state.
 */
export async function runSide(
  side: Side,
  machine: Machine,
  workload: Workload,
  { seed, depth, mdSkipCopy }: SideOptions,
): Promise<SideResult> {
  const bench = await Bench.setUp(machine, seed);
  const expected = new ExpectedArray(workload);
  const members = expected.members();
  // Half of each member, so that the cache is hit and missed.
  const cacheBytes = workload.array.memberBytes / 2;
  const array = OPEN[side](bench, { shape: workload.array, members, cacheBytes, mdSkipCopy });
  // As many stripes as the cache holds, with the bytes that they have.
  await bench.run(() => array.write(0, expected.content.slice(0, expected.content.length / 2)));
  const start = readCounters(bench, array);
  let before = start;
  let wrong = 0;
  let mismatchRows = 0;
  const perform = async (request: LabRequest): Promise<void> => {
    if (request.kind === "scrub") {
      mismatchRows += await array.scrub();
      return;
    }
    const { kind, offsetBytes, lengthBytes } = request;
    const place = expected.content.subarray(offsetBytes, offsetBytes + lengthBytes);
    if (kind === "write") {
      const bytes = seededBytes(lengthBytes, request.contentSeed);
      place.set(bytes);
      await array.write(offsetBytes, bytes);
    } else {
      const into = new Uint8Array(lengthBytes);
      await array.read(offsetBytes, into);
      wrong += wrongBytes(into, place);
    }
  };
  const phases: PhaseResult[] = [];
  for (const phase of workload.phases) {
    await bench.run(() => runPhase(array, phase, depth, perform));
    const after = readCounters(bench, array);
    phases.push({ name: phase.name, startNanos: before.nanos, counters: difference(after, before) });
    before = after;
  }
  const failed = new Set(workload.phases.flatMap(({ failing }) => failing));
  expected.members().forEach((bytes, slot) => {
    if (!failed.has(slot)) wrong += wrongBytes(members[slot] as Uint8Array, bytes);
  });
  const { scenario } = array;
  const plan = array.explain();
  await bench.run(() => array.close());
  await bench.close();
  return {
    scenario,
    plan,
    phases,
    total: difference(before, start),
    wrongBytes: wrong,
    mismatchRows,
    trace: bench.recorder.toChromeTrace(),
  };
}

async function runPhase(
  array: LabArray,
  { failing, requests }: Phase,
  depth: number,
  perform: (request: LabRequest) => Promise<void>,
): Promise<void> {
  for (const slot of failing) await array.fail(slot);
  const waiting = requests.values();
  const worker = async (): Promise<void> => {
    for (const request of waiting) await perform(request);
  };
  await Promise.all(Array.from({ length: depth }, worker));
}
