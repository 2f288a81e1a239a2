import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { type Random, TransferPattern } from "@dmaengine/conformance";
import {
  type BlockLimits,
  DMA_CTRL_ACK,
  DMA_PREP_INTERRUPT,
  type DmaAddr,
  DmaDirection,
  DmaError,
  DmaStatus,
  type DmaTxDescriptor,
  type DmaUnmapData,
} from "@dmaengine/core";
import type { TestThread } from "./channels.js";
import type { Parameters } from "./parameters.js";
import type { BufferMismatch, Report, ResultText, ThreadSummary } from "./report.js";

/** What a thread returns that can't have the buffers it wants. */
const ENOMEM = -12;
/** A thread with as many buffers as this is refused. */
const TOO_MANY_BUFFERS = 255;
/** How long a thread waits before it tries again where it got no descriptor. */
const RETRY_MILLIS = 100;
/** How long a thread may work before it lets the event loop have a turn. */
const SLICE_MILLIS = 20;

/** What all threads of a run have in common. */
export interface Run {
  readonly parameters: Parameters;
  /** Where each thread's own comes from. */
  readonly random: Random;
  readonly report: Report;
  /** Aborted when the user wants no more. */
  readonly signal: AbortSignal;
  /**
   * Time that went into filling and comparing buffers, of all threads: there is one processor for all of them here, and what one does with
   * it the others wait for. It does not count.
   */
  besidesMillis: number;
}

/** Does one operation on one channel until it has done it often enough: `dmatest_func` of drivers/dma/dmatest.c. */
export async function runThread(thread: TestThread, run: Run): Promise<ThreadSummary> {
  const { parameters, report, signal } = run;
  const buffers = thread.transfer.sources + thread.transfer.destinations;
  const isRefused =
    buffers >= TOO_MANY_BUFFERS || alignBytesOf(thread, parameters) > parameters.test_buf_size;
  const tester = new Tester(thread, run);
  const startedAt = performance.now();
  const besidesBefore = run.besidesMillis;
  let sliceEndsAt = startedAt + SLICE_MILLIS;
  let tests = 0;
  let failures = 0;
  let bytes = 0;
  while (!isRefused && !signal.aborted && (parameters.iterations === 0 || tests < parameters.iterations)) {
    tests += 1;
    const outcome = await tester.test();
    bytes += outcome.lengthBytes;
    const passed = outcome.text === "test passed";
    if (!passed) failures += 1;
    if (!passed || parameters.verbose) {
      report.result({ thread: thread.name, test: tests, ...outcome, value: outcome.mismatches.length });
    }
    if (performance.now() > sliceEndsAt) {
      await nextTurn();
      sliceEndsAt = performance.now() + SLICE_MILLIS;
    }
  }
  const seconds = (performance.now() - startedAt - (run.besidesMillis - besidesBefore)) / 1000;
  const summary: ThreadSummary = {
    thread: thread.name,
    tests,
    failures,
    iops: seconds > 0 ? tests / seconds : 0,
    kibPerSecond: seconds > 0 ? bytes / 1024 / seconds : 0,
    returnValue: isRefused ? ENOMEM : 0,
  };
  report.summary(summary);
  return summary;
}

/** Which part of the buffers a test transfers. */
interface Region {
  readonly srcOffsetBytes: number;
  readonly dstOffsetBytes: number;
  readonly lengthBytes: number;
}

interface Outcome extends Region {
  readonly text: ResultText;
  readonly mismatches: readonly BufferMismatch[];
}

/** Mapped buffers. The record unmaps them all. */
interface Mapped {
  readonly unmap: DmaUnmapData;
  readonly srcs: readonly DmaAddr[];
  readonly dsts: readonly DmaAddr[];
}

/**
 * The buffers of one thread, and one test after the other with them.
 *
 * Unlike the original it brings the channel to rest before it unmaps buffers that a transfer has not finished with in time. And in polled
 * mode it leaves the channel alone after a transfer that ended: terminating it would end other threads' transfers, too.
 */
class Tester {
  readonly #thread: TestThread;
  readonly #run: Run;
  /** Its own, so that threads choose the same whichever of them comes first. */
  readonly #random: Random;
  readonly #srcs: readonly Uint8Array[];
  readonly #dsts: readonly Uint8Array[];

  constructor(thread: TestThread, run: Run) {
    this.#thread = thread;
    this.#run = run;
    this.#random = run.random.fork(thread.name);
    const buffers = (count: number): Uint8Array[] =>
      Array.from({ length: count }, () => new Uint8Array(run.parameters.test_buf_size));
    this.#srcs = buffers(thread.transfer.sources);
    this.#dsts = buffers(thread.transfer.destinations);
  }

  async test(): Promise<Outcome> {
    const region = this.#anyRegion();
    const { srcOffsetBytes, dstOffsetBytes, lengthBytes } = region;
    const isFill = this.#thread.transfer.operation === "memset";
    const pattern = new TransferPattern({ offsetBytes: srcOffsetBytes, lengthBytes }, dstOffsetBytes, isFill);
    this.#besides(() => {
      for (const src of this.#srcs) pattern.fillSource(src);
      for (const dst of this.#dsts) pattern.fillDestination(dst);
    });
    const mapped = this.#map();
    if (typeof mapped === "string") return { ...region, text: mapped, mismatches: [] };
    const error = await this.#transfer(mapped, region, pattern.fillByte);
    mapped.unmap.put();
    if (error !== null) return { ...region, text: error, mismatches: [] };
    const mismatches: BufferMismatch[] = [];
    this.#besides(() => {
      for (const src of this.#srcs) {
        for (const mismatch of pattern.checkSource(src)) mismatches.push({ side: "srcbuf", ...mismatch });
      }
      for (const dst of this.#dsts) {
        for (const mismatch of pattern.checkDestination(dst))
          mismatches.push({ side: "dstbuf", ...mismatch });
      }
    });
    return { ...region, text: mismatches.length > 0 ? "data error" : "test passed", mismatches };
  }

  #anyRegion(): Region {
    const { parameters } = this.#run;
    const { test_buf_size, transfer_size, norandom } = parameters;
    const alignBytes = alignBytesOf(this.#thread, parameters);
    const align = (value: number): number => Math.floor(value / alignBytes) * alignBytes;
    const { minLengthBytes = 1, maxLengthBytes = test_buf_size } = limitsOf(this.#thread);
    const wanted = norandom ? test_buf_size : this.#random.int(1, test_buf_size);
    const possible = Math.max(alignBytes, align(Math.max(minLengthBytes, Math.min(wanted, maxLengthBytes))));
    const lengthBytes = transfer_size === 0 ? possible : transfer_size;
    const anyOffset = (): number => (norandom ? 0 : align(this.#random.int(0, test_buf_size - lengthBytes)));
    return { srcOffsetBytes: anyOffset(), dstOffsetBytes: anyOffset(), lengthBytes };
  }

  /** Maps whole buffers, the destinations in both directions, so that what is around the transfer survives. */
  #map(): Mapped | ResultText {
    const { device } = this.#thread.chan;
    const { test_buf_size } = this.#run.parameters;
    const unmap = device.getUnmapData(this.#srcs.length + this.#dsts.length);
    unmap.len = test_buf_size;
    const srcs: DmaAddr[] = [];
    for (const src of this.#srcs) {
      const addr = device.mapSingle(src, DmaDirection.TO_DEVICE);
      if (device.mappingError(addr)) {
        unmap.put();
        return "src mapping error";
      }
      unmap.addr[srcs.push(addr) - 1] = addr;
      unmap.toCnt += 1;
    }
    const dsts: DmaAddr[] = [];
    for (const dst of this.#dsts) {
      const addr = device.mapSingle(dst, DmaDirection.BIDIRECTIONAL);
      if (device.mappingError(addr)) {
        unmap.put();
        return "dst mapping error";
      }
      unmap.addr[srcs.length + dsts.push(addr) - 1] = addr;
      unmap.bidiCnt += 1;
    }
    return { unmap, srcs, dsts };
  }

  /** Does the transfer and waits for it. What went wrong, or null. */
  async #transfer({ srcs, dsts }: Mapped, region: Region, fillByte: number): Promise<ResultText | null> {
    const { chan, transfer } = this.#thread;
    const { polled, timeout } = this.#run.parameters;
    const tx = ifNotRemoved(() =>
      transfer.prep(
        dsts.map((addr) => addr + region.dstOffsetBytes),
        srcs.map((addr) => addr + region.srcOffsetBytes),
        region.lengthBytes,
        fillByte,
        polled ? DMA_CTRL_ACK : DMA_CTRL_ACK | DMA_PREP_INTERRUPT,
      ),
    );
    if (tx === null) {
      await sleep(RETRY_MILLIS);
      return "prep error";
    }
    const inTime = polled ? null : callbackWithin(tx, timeout);
    const cookie = tx.submit();
    if (inTime === null) {
      const status = await chan.syncWait(cookie);
      if (status === DmaStatus.COMPLETE) return null;
      if (chan.txStatus(cookie) !== DmaStatus.ERROR) await this.#stop();
      return "test timed out";
    }
    chan.issuePending();
    if (!(await inTime)) {
      await this.#stop();
      return "test timed out";
    }
    const status = chan.txStatus(cookie);
    if (status === DmaStatus.COMPLETE) return null;
    return status === DmaStatus.ERROR ? "completion error status" : "completion busy status";
  }

  /** Sees to it that nothing touches the buffers any more. */
  async #stop(): Promise<void> {
    this.#thread.chan.terminate();
    await this.#thread.chan.synchronize();
  }

  /** Fills or compares buffers, if that is wanted, in time that doesn't count. */
  #besides(work: () => void): void {
    if (this.#run.parameters.noverify) return;
    const startedAt = performance.now();
    work();
    this.#run.besidesMillis += performance.now() - startedAt;
  }
}

function limitsOf({ chan, transfer }: TestThread): BlockLimits {
  return chan.limits[transfer.operation];
}

function alignBytesOf(thread: TestThread, { alignment }: Parameters): number {
  return alignment >= 0 ? 2 ** alignment : (limitsOf(thread).alignBytes ?? 1);
}

/** Null also when the device was taken away. */
function ifNotRemoved(prep: () => DmaTxDescriptor | null): DmaTxDescriptor | null {
  try {
    return prep();
  } catch (error) {
    if (DmaError.isInstance(error) && error.code === "ERR_DMA_REMOVED") return null;
    throw error;
  }
}

/** Whether the transaction's callback comes in time; -1 milliseconds are for ever. Ask before submit. */
function callbackWithin(tx: DmaTxDescriptor, millis: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = millis < 0 ? undefined : setTimeout(() => resolve(false), millis);
    tx.callback = () => {
      clearTimeout(timer);
      resolve(true);
    };
  });
}
