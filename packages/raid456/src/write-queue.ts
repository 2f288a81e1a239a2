import { abortedError } from "./aborted.js";
import type { StripeContext } from "./stripe/context.js";
import { overlap, type Piece } from "./stripe/piece.js";
import type { StripeHead } from "./stripe/stripe-head.js";
import { type StripeWrite, writeStripes } from "./stripe/write-stripes.js";

/** Runs that are written at a time. What comes meanwhile is gathered, so the more there is to do, the longer the runs become. */
const MAX_RUNS = 32;

/**
 * Gathers writes. Pieces that meet in a stripe before it is written are written together, with one computation of its parity; neighbouring
 * stripes are written as a run, with one transfer for each member. A lone write waits for nothing but the end of the
 * current turn.
 */
export class WriteQueue {
  readonly #context: StripeContext;
  /** What is not being written yet, oldest first. */
  readonly #waiting = new Map<number, StripeBatch>();
  /** What is being written. */
  readonly #writing = new Map<number, StripeBatch>();
  /** Batches that nobody has set about yet. */
  readonly #unclaimed: StripeBatch[] = [];
  #runs = 0;
  #scheduled = false;

  constructor(context: StripeContext) {
    this.#context = context;
  }

  /**
   * Writes the pieces of a request. Resolves when data and parity of all of them are on the members; rejects with the first failure when all
   * have ended.
   */
  write(pieces: readonly Piece[], signal: AbortSignal | undefined): Promise<void> {
    const request = new WriteRequest(signal);
    for (const piece of pieces) this.#batchFor(piece.stripe).add(piece, request);
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
    return this.#waiting.size + this.#writing.size === 0;
  }

  /** Resolves when no write that is in flight now touches the bytes of these pieces any more. */
  async settled(pieces: readonly Piece[]): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const piece of pieces) {
      for (const batches of [this.#writing, this.#waiting]) {
        const batch = batches.get(piece.stripe);
        if (batch?.touches(piece)) waits.push(batch.ended);
      }
    }
    await Promise.all(waits);
  }

  #batchFor(number: number): StripeBatch {
    const waiting = this.#waiting.get(number);
    if (waiting !== undefined) return waiting;
    const batch = new StripeBatch(number);
    this.#waiting.set(number, batch);
    this.#unclaimed.push(batch);
    return batch;
  }

  #startRuns(): void {
    while (this.#runs < MAX_RUNS) {
      const batch = this.#unclaimed.shift();
      if (batch === undefined) return;
      // It may have become part of its neighbour's run.
      if (this.#waiting.get(batch.number) !== batch) continue;
      this.#runs += 1;
      void this.#writeRun(batch);
    }
  }

  /** Writes a stripe and those behind it that wait, too, as far as they can be had at once. Never rejects. */
  async #writeRun(first: StripeBatch): Promise<void> {
    const { cache, maxRun } = this.#context;
    const run = [first];
    this.#begin(first, cache.tryGet(first.number) ?? (await cache.get(first.number)));
    while (run.length < maxRun) {
      const batch = this.#waiting.get(first.number + run.length);
      const stripe = batch === undefined ? null : cache.tryGet(batch.number);
      if (batch === undefined || stripe === null) break;
      this.#begin(batch, stripe);
      run.push(batch);
    }
    const writes = run.filter(({ pieces }) => pieces.length > 0);
    for (const { requests } of writes) this.#context.counters.gatheredWrites += requests - 1;
    let failureOf: (stripe: StripeHead) => unknown;
    try {
      const failures = await writeStripes(this.#context, writes);
      failureOf = (stripe) => failures.get(stripe);
    } catch (error) {
      failureOf = () => error;
    }
    for (const batch of run) this.#end(batch, failureOf(batch.stripe));
    this.#runs -= 1;
    this.#startRuns();
  }

  #begin(batch: StripeBatch, stripe: StripeHead): void {
    this.#waiting.delete(batch.number);
    this.#writing.set(batch.number, batch);
    batch.begin(stripe);
  }

  #end(batch: StripeBatch, failure: unknown): void {
    this.#writing.delete(batch.number);
    this.#context.cache.release(batch.stripe);
    batch.end(failure);
  }
}

/** What is to be written to one stripe, of whatever requests. */
class StripeBatch implements StripeWrite {
  readonly number: number;
  stripe!: StripeHead;
  /** What is going to be written, from {@link begin} on. */
  pieces: readonly Piece[] = [];
  /** What each request has added, in order. */
  readonly #parts: { readonly request: WriteRequest; readonly pieces: Piece[] }[] = [];
  #ended: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  constructor(number: number) {
    this.number = number;
  }

  /** How many requests have pieces in it. */
  get requests(): number {
    return this.#parts.length;
  }

  add(piece: Piece, request: WriteRequest): void {
    const last = this.#parts.at(-1);
    if (last?.request === request) {
      last.pieces.push(piece);
      return;
    }
    this.#parts.push({ request, pieces: [piece] });
    request.open += 1;
  }

  touches(piece: Piece): boolean {
    return this.#parts.some(({ pieces }) => pieces.some((mine) => overlap(mine, piece)));
  }

  /** It is written now; but for the pieces of aborted requests. */
  begin(stripe: StripeHead): void {
    this.stripe = stripe;
    for (const { request } of this.#parts) request.failIfAborted();
    const parts = this.#parts.filter(({ request }) => !request.aborted);
    this.pieces = parts.length === 1 ? (parts[0]?.pieces ?? []) : parts.flatMap(({ pieces }) => pieces);
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
    for (const { request } of this.#parts) request.endOne(failure);
  }
}

/** One call of `write`. */
class WriteRequest {
  /** Stripes that are not written yet. */
  open = 0;
  aborted = false;
  readonly #signal: AbortSignal | undefined;
  readonly #promise: Promise<void>;
  #resolve!: () => void;
  #reject!: (failure: unknown) => void;
  #failure: unknown;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  ended(): Promise<void> {
    return this.#promise;
  }

  failIfAborted(): void {
    if (!this.#signal?.aborted || this.aborted) return;
    this.aborted = true;
    this.#failure ??= abortedError(this.#signal);
  }

  endOne(failure: unknown): void {
    this.#failure ??= failure;
    this.open -= 1;
    if (this.open > 0) return;
    if (this.#failure === undefined) this.#resolve();
    else this.#reject(this.#failure);
  }
}
