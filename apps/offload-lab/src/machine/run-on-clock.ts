import type { Platform } from "@dmaengine/sim";
import { LabError } from "../errors.js";

/** Rounds of the event loop after which nothing more happens at one time: one for promises, one for what a client leaves for the next round. */
const ROUNDS = 3;

/**
 * Runs a task on a machine whose clock is stepped and whose CPU takes its time: whenever the task has nothing left to do at this moment, the
 * clock moves to where the CPU has done what it was given, or, if it waits, to whatever happens next.
 *
 * @throws LabError `ERR_LAB_STALLED` when the task waits and nothing is ever going to happen
 */
export async function runOnClock<T>(platform: Platform, task: () => Promise<T>): Promise<T> {
  const { clock, cpu } = platform;
  let ended = false;
  const result = task().finally(() => {
    ended = true;
  });
  // Looked at below, at the latest; it must not count as unhandled until then.
  result.catch(() => {});
  for (;;) {
    for (let n = 0; n < ROUNDS; n++) await new Promise(setImmediate);
    const busyUntilNanos = cpu?.busyUntilNanos ?? clock.nowNanos;
    if (busyUntilNanos > clock.nowNanos) clock.stepTo(busyUntilNanos);
    else if (ended) return await result;
    else if (!clock.runNext()) {
      throw new LabError(
        "ERR_LAB_STALLED",
        `${platform.name}: at ${clock.nowNanos} ns the client waits, and nothing is going to happen any more`,
      );
    }
  }
}
