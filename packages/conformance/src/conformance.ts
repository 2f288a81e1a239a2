import type { DmaDriver } from "@dmaengine/core";
import { Bench, type BenchOptions, Skipped } from "./bench.js";
import { type Claim, claimsOf } from "./claims.js";
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
  /** Which part it is that the driver drives here, for titles and tables. Default: there is only one. */
  readonly variant?: string;
  /** What kind of machine it is on, for titles and tables: "coherent", "v7". Default: there is only one. */
  readonly platform?: string;
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
/** Between driver, variant and platform in titles. */
const TITLE_SEPARATOR = " / ";

/**
 * Registers the driver contract as a suite of tests with a test runner. The title of the suite is "<name> / <variant> / <platform>:
 * dmaengine conformance, seed <seed>".
 *
 * Every case has an engine instance and a driver of its own and ends with the same questions: has each submitted transaction ended, is
 * each mapping and each channel given back, have the capability records stayed as they were? Cases that don't apply are skipped, which
 * follows from what the driver claims and from nothing else. Where the driver's `probe()` answers at once, all cases about an operation that it
 * does not claim are a single skipped one.
 *
 * @returns the report, which fills as the runner runs the cases.
 */
export function conformance(runner: Runner, options: ConformanceOptions): ConformanceReport {
  const { driver, harness = {}, seed = 1, long = false, patienceMillis = 5000, log = console.log } = options;
  const exercises = [
    ...BUILT_IN_EXERCISES,
    ...(options.exercises ?? []),
  ] as readonly unknown[] as readonly Exercise[];
  const bench: BenchOptions = { driver, exercises, harness, patienceMillis, long };
  const name = [options.name, options.variant, options.platform]
    .filter((part) => part !== undefined)
    .join(TITLE_SEPARATOR);
  const claims = claimsOf(driver);
  const sections = allSections(exercises);
  const cases: CaseReport[] = [];
  /** Why cases were skipped, so that each reason is told once. */
  const reasons = new Set<string>();

  const skipped = (title: string, reason: string, context: unknown): void => {
    cases.push({ title, outcome: "skipped", reasons: [reason] });
    if (!reasons.has(reason)) log(`${name}: cases skipped: ${reason}`);
    reasons.add(reason);
    skip(context, reason);
  };

  runner.describe(`${name}: dmaengine conformance, seed ${seed}`, () => {
    for (const section of sections) {
      const applicable = section.cases.filter(({ needs }) => mayClaim(claims, needs));
      if (applicable.length === 0) continue;
      runner.describe(section.title, () => {
        for (const one of applicable) {
          const title = `${section.title}: ${one.title}`;
          const body = async (context?: unknown): Promise<void> => {
            const { outcome, problems } = await runCase(bench, one, new Random(seed).fork(title));
            if (outcome === "skipped") skipped(title, problems.join("; "), context);
            else {
              cases.push({ title, outcome, reasons: problems });
              runner.expect(problems, `${name}, seed ${seed}: ${title}`).toEqual([]);
            }
          };
          runner.it(one.title, body, long ? LONG_CASE_TIMEOUT_MILLIS : CASE_TIMEOUT_MILLIS);
        }
      });
    }
    const unclaimed = new Set(
      sections.flatMap((section) => section.cases.flatMap(({ needs }) => needs ?? [])),
    );
    for (const needs of unclaimed) {
      if (mayClaim(claims, needs)) continue;
      const reason = `does not claim ${needs}`;
      runner.it(`${needs}: skipped, the driver ${reason}`, async (context) =>
        skipped(needs, reason, context),
      );
    }
  });
  return { name, seed, cases };
}

/** Whether a case that needs a claim can apply. */
function mayClaim(claims: ReadonlySet<Claim> | null, needs: Claim | undefined): boolean {
  return needs === undefined || claims === null || claims.has(needs);
}

async function runCase(
  options: BenchOptions,
  one: Case,
  random: Random,
): Promise<{ outcome: CaseReport["outcome"]; problems: readonly string[] }> {
  try {
    const problems = await Bench.run(options, random, one.checker ?? true, (bench) => one.run(bench));
    return { outcome: problems.length === 0 ? "passed" : "failed", problems };
  } catch (error) {
    if (error instanceof Skipped) return { outcome: "skipped", problems: [error.message] };
    throw error;
  }
}

/** Tells the runner too, if it wants to know. */
function skip(context: unknown, reason: string): void {
  const { skip: tell } = (context ?? {}) as { skip?: unknown };
  if (typeof tell === "function") tell.call(context, reason);
}
