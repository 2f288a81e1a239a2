import { Schedule } from "./schedule.js";

/** Lines of a failed schedule's transcript that are shown. */
const SHOWN_LINES = 60;

/** A schedule that found something. */
export interface Failure {
  readonly seed: number;
  /** What the seed decided, what went wrong, the command that repeats it, and what happened before. */
  readonly report: string;
}

/** Runs one schedule. Null if nothing is wrong. */
export async function runSchedule(seed: number): Promise<Failure | null> {
  const problems = await new Schedule(seed).run();
  if (problems.length === 0) return null;
  // Once more, with a transcript: the same seed does the same.
  const transcript: string[] = [];
  const again = new Schedule(seed, transcript);
  await again.run();
  const report = [
    `seed ${seed} failed; repeat it with: pnpm dst --seed ${seed}`,
    again.describe(),
    ...problems,
    `What happened, the last ${SHOWN_LINES} of ${transcript.length} lines:`,
    ...transcript.slice(-SHOWN_LINES),
  ].join("\n");
  return { seed, report };
}
