import type { DmaDriver } from "@dmaengine/core";
import { Bench, Skipped } from "../bench.js";
import type { AnyExercise, Exercise } from "../exercises/exercise.js";
import { BUILT_IN_EXERCISES } from "../exercises/index.js";
import { Random } from "../random.js";
import { Schedule } from "./schedule.js";

/** What a schedule needs of the machine that the driver is on: a stepped `Platform` of `@dmaengine/sim` is one. */
export interface ScheduledPlatform {
  /** Lets the next thing happen that is due. False when nothing happens any more by itself. */
  readonly clock: { runNext(): boolean };
  readonly faults: {
    /** What has gone wrong so far. */
    readonly struck: readonly { readonly kind: string }[];
    /** From here on nothing goes wrong any more. */
    clear(): void;
  };
}

/** A driver, and the machine that it is on. */
export interface ScheduledMachine {
  readonly platform: ScheduledPlatform;
  readonly driver: DmaDriver;
}

/** What {@link runSchedules} is to check. */
export interface ScheduleOptions {
  /** For messages. */
  readonly name: string;
  /**
   * Makes a machine for one schedule, with a plan of faults, as `random` has it: what it draws should decide which variant it is, and which
   * kinds of fault there are.
   */
  readonly machine: (random: Random) => ScheduledMachine;
  /** One for each operation that the driver brings along itself. */
  readonly exercises?: readonly AnyExercise[];
}

/** Which schedules to run: `count` of them, the first from the seed `first`. */
export interface ScheduleSeeds {
  readonly first: number;
  readonly count: number;
}

const FEW_SCHEDULES = 300;
const MANY_SCHEDULES = 100_000;
/** One schedule in so many has the engine's checker on, which takes its time. */
const CHECKED_EVERY = 16;
/** Lines of the transcript that a failure shows. */
const SHOWN_LINES = 60;

/**
 * How many schedules a test runs, by the variables of the project's test runs: `DMAENGINE_SEED=<n>` repeats the schedule of that seed alone;
 * `DMAENGINE_LONG=1` runs 100,000; otherwise 300.
 *
 * Throws a `TypeError` for a seed that is no whole number.
 */
export function scheduleSeeds(env: Readonly<Record<string, string | undefined>>): ScheduleSeeds {
  const { DMAENGINE_SEED: seed, DMAENGINE_LONG: long } = env;
  if (seed === undefined) return { first: 1, count: long === "1" ? MANY_SCHEDULES : FEW_SCHEDULES };
  if (!/^\d+$/.test(seed)) throw new TypeError(`expected a whole number as DMAENGINE_SEED, got "${seed}"`);
  return { first: Number(seed), count: 1 };
}

/**
 * Runs seeded schedules: clients that submit, poll, wait, pause and terminate at random on a machine where things go wrong as planned. For each
 * schedule, in each: every transaction ends exactly once and in order; one that succeeds has done what its operation means, to the byte,
 * when its client hears of it; nothing fails before something has gone wrong that can do harm; nothing hangs, unless a channel was made to,
 * and then terminating it helps; in the end, with nothing going wrong any more, every channel works; and everything is given back.
 *
 * Throws at the first schedule that fails, with its seed, what is wrong and what happened: the schedule is run once more for that.
 */
export async function runSchedules(options: ScheduleOptions, { first, count }: ScheduleSeeds): Promise<void> {
  for (let seed = first; seed < first + count; seed++) {
    const problems = await runSchedule(options, seed, null);
    if (problems.length === 0) continue;
    const log: string[] = [];
    const again = await runSchedule(options, seed, log);
    const same = again.join("\n") === problems.join("\n") ? "" : "Run again, it said something else!\n";
    throw new Error(
      `${options.name}: schedule ${seed} failed; repeat it with DMAENGINE_SEED=${seed}\n${problems.join("\n")}\n${same}` +
        `What happened, the last ${SHOWN_LINES} lines of ${log.length}:\n${log.slice(-SHOWN_LINES).join("\n")}`,
    );
  }
}

/**
 * Runs the schedule of one seed.
 *
 * @param log - gets a line for each step, if there is one.
 * @returns what is wrong. The same seed, the same answer and the same lines.
 */
export async function runSchedule(
  options: ScheduleOptions,
  seed: number,
  log: string[] | null,
): Promise<readonly string[]> {
  const random = new Random(seed);
  const { driver, platform } = options.machine(random.fork("machine"));
  const exercises = [
    ...BUILT_IN_EXERCISES,
    ...(options.exercises ?? []),
  ] as readonly unknown[] as readonly Exercise[];
  const bench = {
    driver: () => driver,
    exercises,
    harness: { letTimePass: () => void platform.clock.runNext() },
    patienceMillis: 5000,
    long: false,
  };
  const checker = seed % CHECKED_EVERY === 0;
  try {
    return await Bench.run(bench, random, checker, (on) => new Schedule(on, platform, log).run());
  } catch (error) {
    if (error instanceof Skipped) return [error.message];
    throw error;
  }
}
