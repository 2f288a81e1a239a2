import { abortedError } from "./aborted.js";
import type { StripeContext } from "./stripe/context.js";
import { overlap, type Piece } from "./stripe/piece.js";
import type { StripeHead } from "./stripe/stripe-head.js";
import { writeStripes } from "./stripe/write-stripes.js";

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
  #unclaimed: StripeBatch[] = [];
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

  #batchFor(stripe: number): StripeBatch {
    const waiting = this.#waiting.get(stripe);
    if (waiting !== undefined) return waiting;
    const batch = new StripeBatch(stripe);
    this.#waiting.set(stripe, batch);
    this.#unclaimed.push(batch);
    return batch;
  }

  #startRuns(): void {
    while (this.#runs < MAX_RUNS) {
      const batch = this.#unclaimed.shift();
      if (batch === undefined) return;
      // It may have become part of its neighbour's run.
      if (this.#waiting.get(batch.stripe) !== batch) continue;
      this.#runs += 1;
      void this.#writeRun(batch).then(() => {
        this.#runs -= 1;
        this.#startRuns();
      });
    }
  }

  /** Writes a stripe and those behind it that wait, too, as far as they can be had at once. Never rejects. */
  async #writeRun(first: StripeBatch): Promise<void> {
    const { cache, maxRun } = this.#context;
    const run: { stripe: StripeHead; batch: StripeBatch; pieces: readonly Piece[] }[] = [];
    const take = (stripe: StripeHead, batch: StripeBatch): void => {
      this.#waiting.delete(batch.stripe);
      this.#writing.set(batch.stripe, batch);
      run.push({ stripe, batch, pieces: batch.start() });
    };
    take(cache.tryGet(first.stripe) ?? (await cache.get(first.stripe)), first);
    while (run.length < maxRun) {
      const batch = this.#waiting.get(first.stripe + run.length);
      const stripe = batch === undefined ? null : cache.tryGet(batch.stripe);
      if (batch === undefined || stripe === null) break;
      take(stripe, batch);
    }
    const outcome = await this.#attempt(run.filter(({ pieces }) => pieces.length > 0));
    for (const { stripe, batch } of run) {
      this.#writing.delete(batch.stripe);
      cache.release(stripe);
      batch.end(outcome.get(stripe));
    }
  }

  async #attempt(
    run: readonly { stripe: StripeHead; batch: StripeBatch; pieces: readonly Piece[] }[],
  ): Promise<ReadonlyMap<StripeHead, unknown>> {
    for (const { batch } of run) this.#context.counters.gatheredWrites += batch.requests.size - 1;
    try {
      return await writeStripes(this.#context, run);
    } catch (error) {
      return new Map(run.map(({ stripe }) => [stripe, error]));
    }
  }
}

/** What is to be written to one stripe, of whatever requests. */
class StripeBatch {
  readonly stripe: number;
  readonly requests = new Set<WriteRequest>();
  readonly #pieces: { readonly piece: Piece; readonly request: WriteRequest }[] = [];
  #ended: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  constructor(stripe: number) {
    this.stripe = stripe;
  }

  add(piece: Piece, request: WriteRequest): void {
    this.#pieces.push({ piece, request });
    if (this.requests.has(request)) return;
    this.requests.add(request);
    request.open += 1;
  }

  touches(piece: Piece): boolean {
    return this.#pieces.some((mine) => overlap(mine.piece, piece));
  }

  /** The pieces, when they are going to be written now; those of aborted requests are left out. */
  start(): readonly Piece[] {
    for (const request of this.requests) request.failIfAborted();
    return this.#pieces.flatMap(({ piece, request }) => (request.aborted ? [] : [piece]));
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
    for (const request of this.requests) request.endOne(failure);
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
