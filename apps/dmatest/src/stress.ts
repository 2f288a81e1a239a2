import { Random } from "@dmaengine/conformance";
import type { DmaEngine } from "@dmaengine/core";
import { addChannels } from "./channels.js";
import type { Parameters } from "./parameters.js";
import type { Report, ThreadSummary } from "./report.js";
import { runThread } from "./thread.js";

/** How an engine's channels are to be tested. */
export interface StressOptions {
  readonly parameters: Parameters;
  /** An integer from which everything random follows. */
  readonly seed: number;
  readonly report: Report;
  /** Aborted when the threads are to stop after the test that they are at. */
  readonly signal: AbortSignal;
}

/**
 * Takes an engine's channels and tests them, all threads at the same time. Gives them back in the end.
 *
 * @throws DmatestError `ERR_DMATEST_CHANNEL` when there is nothing to test.
 */
export async function stress(engine: DmaEngine, options: StressOptions): Promise<readonly ThreadSummary[]> {
  const { parameters, seed, report, signal } = options;
  const channels = addChannels(engine, parameters);
  for (const { chan, threads } of channels) report.added(chan.name, threads.length);

  const run = { parameters, random: new Random(seed), report, signal, besidesMillis: 0 };
  const threads = channels.flatMap((channel) => channel.threads);
  const summaries = await Promise.all(threads.map((thread) => runThread(thread, run)));
  for (const { chan } of channels) {
    chan.terminate();
    await chan.synchronize();
    chan.release();
  }
  return summaries;
}
