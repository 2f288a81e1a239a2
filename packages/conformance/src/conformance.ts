import type { DmaDriver } from "@dmaengine/core";
import { Bench, type BenchOptions, Skipped } from "./bench.js";
import type { AnyExercise, Exercise } from "./exercises/exercise.js";
import { BUILT_IN_EXERCISES } from "./exercises/index.js";
import { Random } from "./random.js";
import type { CaseReport, ConformanceReport } from "./report.js";
import type { Runner } from "./runner.js";
import { allSections } from "./sections/index.js";
import type { Case } from "./sections/section.js";
import type { Harness } from "./time.js";

/** What the suite is to check, and how hard. */
export interface ConformanceOptions {
  /** Says in titles and messages which driver, and which of its configurations, is being checked. */
  readonly name: string;
  /** Makes a driver that no other one shares anything with. Called for every case, for some twice. */
  readonly driver: () => DmaDriver | Promise<DmaDriver>;
  /** One for each operation that the driver brings along itself. */
  readonly exercises?: readonly AnyExercise[];
  /** For engines whose time has to be made to pass, or whose failures have to be provoked. */
  readonly harness?: Harness;
  /** An integer from which everything random follows. Default 1. */
  readonly seed?: number;
  /** Tries much more, for minutes rather than seconds. Default false. */
  readonly long?: boolean;
  /** How long to wait for a transaction before it counts as lost. Default 5000, as long as `syncWait`. */
  readonly patienceMillis?: number;
  /** Called with a line for each reason for which cases are skipped. Default `console.log`. */
  readonly log?: (line: string) => void;
}

/** For the runner: some cases are many transactions long, and machines are slow when they are busy. */
const CASE_TIMEOUT_MILLIS = 60_000;
const LONG_CASE_TIMEOUT_MILLIS = 900_000;

/**
 * Registers the driver contract as a suite of tests with a test runner.
 *
 * Every case has an engine instance and a driver of its own and ends with the same questions: has each submitted transaction ended, is
 * each mapping and each channel given back, have the capability records stayed as they were? Cases that don't apply are skipped, which
 * follows from what the driver claims and from nothing else.
 *
 * @returns the report, which fills as the runner runs the cases.
 */
export function conformance(runner: Runner, options: ConformanceOptions): ConformanceReport {
  const {
    name,
    driver,
    harness = {},
    seed = 1,
    long = false,
    patienceMillis = 5000,
    log = console.log,
  } = options;
  const exercises = [
    ...BUILT_IN_EXERCISES,
    ...(options.exercises ?? []),
  ] as readonly unknown[] as readonly Exercise[];
  const bench: BenchOptions = { driver, exercises, harness, patienceMillis, long };
  const cases: CaseReport[] = [];
  /** Why cases were skipped, so that each reason is told once. */
  const reasons = new Set<string>();

  runner.describe(`${name}: dmaengine conformance, seed ${seed}`, () => {
    for (const section of allSections(exercises)) {
      runner.describe(section.title, () => {
        for (const one of section.cases) {
          const title = `${section.title}: ${one.title}`;
          const body = async (context?: unknown): Promise<void> => {
            const report = await runCase(bench, one, title, new Random(seed).fork(title));
            cases.push(report);
            if (report.outcome === "skipped") {
              const reason = report.reasons.join("; ");
              if (!reasons.has(reason)) log(`${name}: cases skipped: ${reason}`);
              reasons.add(reason);
              skip(context, reason);
            } else {
              runner.expect(report.reasons, `${name}, seed ${seed}: ${title}`).toEqual([]);
            }
          };
          runner.it(one.title, body, long ? LONG_CASE_TIMEOUT_MILLIS : CASE_TIMEOUT_MILLIS);
        }
      });
    }
  });
  return { name, seed, cases };
}

async function runCase(options: BenchOptions, one: Case, title: string, random: Random): Promise<CaseReport> {
  try {
    const reasons = await Bench.run(options, random, one.checker ?? true, (bench) => one.run(bench));
    return { title, outcome: reasons.length === 0 ? "passed" : "failed", reasons };
  } catch (error) {
    if (error instanceof Skipped) return { title, outcome: "skipped", reasons: [error.message] };
    throw error;
  }
}

/** Tells the runner too, if it wants to know. */
function skip(context: unknown, reason: string): void {
  const { skip: tell } = (context ?? {}) as { skip?: unknown };
  if (typeof tell === "function") tell.call(context, reason);
}
