import { type Random, TransferPattern } from "@dmaengine/conformance";
import {
  type BlockLimits,
  DMA_CTRL_ACK,
  DMA_PREP_INTERRUPT,
  type DmaAddr,
  type DmaCookie,
  DmaDirection,
  DmaError,
  DmaStatus,
  type DmaUnmapData,
} from "@dmaengine/core";
import type { TestThread } from "./channels.js";
import type { Parameters } from "./parameters.js";
import type { BufferMismatch, Report, ResultText, ThreadSummary } from "./report.js";

/** What a thread returns when it can't have the buffers that it wants. */
const ENOMEM = -12;
/** Most buffers of one transfer. */
const MAX_BUFFERS = 254;
/** How long a thread waits before it tries again where it got no descriptor. */
const RETRY_MILLIS = 100;

/** What all threads of a run have in common. */
export interface Run {
  readonly parameters: Parameters;
  readonly random: Random;
  readonly report: Report;
  /** Aborted when the user wants no more. */
  readonly signal: AbortSignal;
}

/** One test: where the data is, and how it came out. */
interface Attempt {
  readonly srcOffsetBytes: number;
  readonly dstOffsetBytes: number;
  readonly lengthBytes: number;
  readonly text: ResultText;
  readonly mismatches: readonly BufferMismatch[];
}

/**
 * Does one operation on one channel until it has done it often enough, as `dmatest_func` of drivers/dma/dmatest.c.
 *
 * Unlike the original it takes the channel to rest before it unmaps buffers that a transfer did not finish in time, and in polled mode it
 * leaves the channel alone after a test that ended: terminating it would take other threads' work with it.
 */
export async function runThread(thread: TestThread, run: Run): Promise<ThreadSummary> {
  const { parameters, report } = run;
  const { chan, transfer } = thread;
  const buffers = makeBuffers(thread, parameters);
  if (buffers === null) return report1(report, summaryOf(thread.name, 0, 0, 0, 0, ENOMEM));

  const started = performance.now();
  const clock: Clock = { besidesMillis: 0 };
  let tests = 0;
  let failures = 0;
  let bytes = 0;
  while (!run.signal.aborted && (parameters.iterations === 0 || tests < parameters.iterations)) {
    tests += 1;
    const attempt = await tryOnce(thread, run, buffers, clock);
    bytes += attempt.lengthBytes;
    const passed = attempt.text === "test passed";
    if (!passed) failures += 1;
    if (!passed || parameters.verbose) {
      const { mismatches } = attempt;
      report.result({ thread: thread.name, test: tests, ...attempt, value: mismatches.length });
    }
    if (chan.removed) break;
  }
  const seconds = (performance.now() - started - clock.besidesMillis) / 1000;
  return report1(report, summaryOf(thread.name, tests, failures, seconds, bytes, 0));
}
