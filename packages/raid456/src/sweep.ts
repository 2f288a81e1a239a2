import { throwIfAborted } from "./aborted.js";
import type { StripeContext } from "./stripe/context.js";
import type { StripeHead } from "./stripe/stripe-head.js";
import { inWindow } from "./window.js";

/** Runs of stripes that a sweep has in its hands: one that is computed while others are read and written. Requests need room beside it. */
const RUN_WINDOW = 3;

/** How far a long operation is. */
export interface SyncProgress {
  /** Bytes of each member that are done, and that there are. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Options of the operations that go through the whole array. */
export interface SyncOptions {
  /** Ends the operation early: it rejects with `ERR_RAID_ABORTED`. What was done up to then stays done. */
  readonly signal?: AbortSignal;
  /** Called as the operation goes on. It is waited for, so it may store a checkpoint: everything before it is done. */
  readonly onProgress?: (progress: SyncProgress) => void | Promise<void>;
}

/**
 * Does something with stripes `first … first + count - 1`, in runs, several at a time.
 *
 * @param onDone - told, in order, that so many of them are done; it is waited for
 */
export async function sweep(
  { cache, maxRun }: StripeContext,
  first: number,
  count: number,
  signal: AbortSignal | undefined,
  task: (stripes: readonly StripeHead[]) => Promise<void>,
  onDone?: (stripes: number) => void | Promise<void>,
): Promise<void> {
  await inWindow(
    Math.ceil(count / maxRun),
    RUN_WINDOW,
    async (i) => {
      const end = first + Math.min((i + 1) * maxRun, count);
      for (let at = first + i * maxRun; at < end; ) {
        const run = await cache.getRun(at, end - at);
        try {
          throwIfAborted(signal);
          await task(run);
        } finally {
          cache.releasePassed(run);
        }
        at += run.length;
      }
    },
    onDone && ((runs) => onDone(Math.min(runs * maxRun, count))),
  );
}
