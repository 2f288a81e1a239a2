import { abortedError } from "./aborted.js";
import { Failures, type StripeContext } from "./stripe/context.js";
import { holdsSome, type Span, visitStripes } from "./stripe/span.js";
import type { StripeHead } from "./stripe/stripe-head.js";
import { type StripeWrite, writeStripes } from "./stripe/write-stripes.js";

/** Runs that are written at a time. What comes meanwhile is gathered, so the more there is to do, the longer the runs become. */
const MAX_RUNS = 32;
/** What is being written of each member, in bytes, when no more runs are begun: with more, it would be out of the CPU's caches again before its turn comes. */
const MAX_MEMBER_BYTES = 4 * 1024 * 1024;

/**
 * Gathers writes. Requests that meet in a stripe before it is written are written together, with one computation of its parity; neighbouring
 * stripes are written as a run, with one transfer for each member. A lone write waits for nothing but the end of the
 * current turn.
 */
export class WriteQueue {
  readonly #context: StripeContext;
  /** What is being written to each stripe, or waits for it; what comes while it is written is {@link StripeBatch.behind} it. */
  readonly #batches = new Map<number, StripeBatch>();
  /** Batches that nobody has set about yet. */
  readonly #unclaimed: StripeBatch[] = [];
  #runs = 0;
  /** Stripes that are being written. */
  #stripes = 0;
  #scheduled = false;

  constructor(context: StripeContext) {
    this.#context = context;
  }

  /**
   * Writes `memory` at byte `offset` of the array. Resolves when data and parity of all of it are on the members; rejects with the first failure
   * when nothing of it is being written any more.
   */
  write(offset: number, memory: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const { geometry, stripeBytes } = this.#context;
    const request = new WriteRequest(offset, memory, signal);
    visitStripes(geometry, stripeBytes, offset, request.end, (stripe) => this.#add(stripe, request));
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#startRuns();
      });
    }
    return request.ended();
  }

  /** Whether nothing is being written, or waits for it. */
  get idle(): boolean {
    return this.#batches.size === 0;
  }

  /** Resolves when no write that is in flight now touches the array's bytes from `offset` on any more. */
  async settled(offset: number, lengthBytes: number): Promise<void> {
    const { geometry, stripeBytes } = this.#context;
    const end = offset + lengthBytes;
    const waits: Promise<void>[] = [];
    visitStripes(geometry, stripeBytes, offset, end, (stripe) => {
      for (let batch = this.#batches.get(stripe) ?? null; batch !== null; batch = batch.behind) {
        if (batch.touches(this.#context, offset, end)) waits.push(batch.ended);
      }
    });
    await Promise.all(waits);
  }

  #add(stripe: number, request: WriteRequest): void {
    request.open += 1;
    const first = this.#batches.get(stripe) ?? null;
    const waiting = first?.begun ? first.behind : first;
    if (waiting !== null) {
      waiting.add(request);
      return;
    }
    const batch = new StripeBatch(stripe, request);
    if (first === null) this.#batches.set(stripe, batch);
    else first.behind = batch;
    this.#unclaimed.push(batch);
  }

  #startRuns(): void {
    const { stripeBytes } = this.#context;
    while (this.#runs < MAX_RUNS && this.#stripes * stripeBytes < MAX_MEMBER_BYTES) {
      const batch = this.#unclaimed.shift();
      if (batch === undefined) return;
      // It may have become part of its neighbour's run.
      if (batch.begun) continue;
      this.#runs += 1;
      void this.#writeRun(batch);
    }
  }

  /** Writes a stripe and those behind it that wait, too, as far as they can be had at once. Never rejects. */
  async #writeRun(first: StripeBatch): Promise<void> {
    const { cache, maxRun } = this.#context;
    const run = [first];
    first.begin(cache.tryGet(first.number) ?? (await cache.get(first.number)));
    while (run.length < maxRun) {
      const batch = this.#batches.get(first.number + run.length);
      // Nobody has a stripe that is being written, so it can't be had.
      const stripe = batch === undefined ? null : cache.tryGet(batch.number);
      if (batch === undefined || stripe === null) break;
      batch.begin(stripe);
      run.push(batch);
    }
    this.#stripes += run.length;
    const writes = run.filter(({ requests }) => requests.length > 0);
    let failures: Failures;
    try {
      failures = await writeStripes(this.#context, writes);
    } catch (error) {
      failures = new Failures();
      for (const { stripe } of writes) failures.set(stripe, error);
    }
    this.#endRun(run, failures);
    this.#stripes -= run.length;
    this.#runs -= 1;
    this.#startRuns();
  }

  #endRun(run: readonly StripeBatch[], failures: Failures): void {
    const { cache, counters } = this.#context;
    for (let i = 0; i < run.length; i++) {
      const batch = run[i] as StripeBatch;
      if (batch.behind === null) this.#batches.delete(batch.number);
      else this.#batches.set(batch.number, batch.behind);
      if (batch.requests.length > 0) counters.gatheredWrites += batch.gathered - 1;
      cache.release(batch.stripe);
      batch.end(failures.get(batch.stripe));
    }
  }
}

/** What is to be written to one stripe, of whatever requests. */
class StripeBatch implements StripeWrite {
  readonly number: number;
  /** What has come since this one was begun. */
  behind: StripeBatch | null = null;
  begun = false;
  stripe!: StripeHead;
  /** What is written: from {@link begin} on without aborted requests. */
  requests: readonly WriteRequest[];
  /** All that have bytes in the stripe, in order. */
  readonly #gathered: WriteRequest[];
  #ended: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  constructor(number: number, first: WriteRequest) {
    this.number = number;
    this.#gathered = [first];
    this.requests = this.#gathered;
  }

  /** How many requests have bytes in it. */
  get gathered(): number {
    return this.#gathered.length;
  }

  add(request: WriteRequest): void {
    this.#gathered.push(request);
  }

  /** Whether some of the array's bytes `start … end - 1` are written in this stripe. */
  touches({ geometry, stripeBytes }: StripeContext, start: number, end: number): boolean {
    return this.#gathered.some((request) =>
      holdsSome(
        geometry,
        stripeBytes,
        this.number,
        Math.max(start, request.offset),
        Math.min(end, request.end),
      ),
    );
  }

  /** It is written now; but for aborted requests. */
  begin(stripe: StripeHead): void {
    this.begun = true;
    this.stripe = stripe;
    const gathered = this.#gathered;
    for (let i = 0; i < gathered.length; i++) {
      if (!(gathered[i] as WriteRequest).isAborted()) continue;
      this.requests = gathered.filter((request) => !request.isAborted());
      return;
    }
  }

  /** Resolves when nothing is written any more. */
  get ended(): Promise<void> {
    if (this.#ended === null) {
      let resolve = (): void => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#ended = { promise, resolve };
    }
    return this.#ended.promise;
  }

  end(failure: unknown): void {
    this.#ended?.resolve();
    const gathered = this.#gathered;
    for (let i = 0; i < gathered.length; i++) (gathered[i] as WriteRequest).endOne(failure);
  }
}

/** One call of `write`. */
class WriteRequest implements Span {
  readonly offset: number;
  readonly memory: Uint8Array;
  /** Stripes that are not written yet. */
  open = 0;
  readonly #signal: AbortSignal | undefined;
  readonly #promise: Promise<void>;
  #resolve!: () => void;
  #reject!: (failure: unknown) => void;
  #failure: unknown;

  constructor(offset: number, memory: Uint8Array, signal: AbortSignal | undefined) {
    this.offset = offset;
    this.memory = memory;
    this.#signal = signal;
    this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Where its bytes end in the array. */
  get end(): number {
    return this.offset + this.memory.length;
  }

  ended(): Promise<void> {
    return this.#promise;
  }

  /** Whether its caller has aborted it: then it has failed. */
  isAborted(): boolean {
    const signal = this.#signal;
    if (!signal?.aborted) return false;
    this.#failure ??= abortedError(signal);
    return true;
  }

  endOne(failure: unknown): void {
    this.#failure ??= failure;
    this.open -= 1;
    if (this.open > 0) return;
    if (this.#failure === undefined) this.#resolve();
    else this.#reject(this.#failure);
  }
}
