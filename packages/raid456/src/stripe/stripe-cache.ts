import type { Counters } from "../stats.js";
import type { StripeHead } from "./stripe-head.js";

/** Somebody who waits for any stripe. */
interface Waiting {
  readonly number: number;
  readonly take: (stripe: StripeHead) => void;
}

/**
 * The stripes in memory: a bounded number of them, each in the hands of one task at a time. Who asks for a stripe that is in use waits for
 * it; who asks while all are in use waits for any: that is the back-pressure that keeps memory bounded. Otherwise the one that
 * was used least recently makes room.
 */
export class StripeCache {
  readonly #create: () => StripeHead;
  readonly #counters: Pick<Counters, "cacheHits" | "cacheMisses">;
  #size: number;
  readonly #all = new Set<StripeHead>();
  readonly #active = new Map<number, StripeHead>();
  /** Unused, with content, the least recently used first. */
  readonly #inactive = new Map<number, StripeHead>();
  /** Stripes whose content is nowhere else. */
  readonly #pinned = new Map<number, StripeHead>();
  /** Stripes in use whose content is to be forgotten after that. */
  readonly #stale = new Set<StripeHead>();
  readonly #waitingFor = new Map<number, ((stripe: StripeHead) => void)[]>();
  readonly #waitingForAny: Waiting[] = [];

  /**
   * @param size - number of stripes, 1 at least
   * @param create - makes one
   * @param counters - where hits and misses are counted
   */
  constructor(size: number, create: () => StripeHead, counters: Pick<Counters, "cacheHits" | "cacheMisses">) {
    this.#size = size;
    this.#create = create;
    this.#counters = counters;
  }

  /** Number of stripes that there may be. */
  get size(): number {
    return this.#size;
  }

  /** The stripe of this number, for the caller alone until it is released (`raid5_get_active_stripe`). */
  async get(number: number): Promise<StripeHead> {
    const stripe = this.tryGet(number);
    if (stripe !== null) return stripe;
    if (this.#active.has(number) || this.#waitingFor.has(number)) {
      return await new Promise((take) => this.#queueFor(number, take));
    }
    // Later requests for the same number queue behind this one, not beside it.
    this.#waitingFor.set(number, []);
    return await new Promise((take) => this.#waitingForAny.push({ number, take }));
  }

  /** The same, if it can be had without waiting; else null. */
  tryGet(number: number): StripeHead | null {
    if (this.#active.has(number) || this.#waitingFor.has(number)) return null;
    const cached = this.#inactive.get(number) ?? this.#pinned.get(number);
    if (cached !== undefined) {
      this.#counters.cacheHits += 1;
      this.#inactive.delete(number);
      this.#active.set(number, cached);
      return cached;
    }
    const free = this.#findFree();
    return free === null ? null : this.#activate(free, number);
  }

  /**
   * A run of stripes from `first` on: as many as there are without waiting, one at least and `most` at most. Nobody who holds
   * stripes waits for more, so nobody waits for ever.
   */
  async getRun(first: number, most: number): Promise<StripeHead[]> {
    const run = [this.tryGet(first) ?? (await this.get(first))];
    while (run.length < most) {
      const next = this.tryGet(first + run.length);
      if (next === null) break;
      run.push(next);
    }
    return run;
  }

  /** Gives a stripe back. Its content stays until the memory is needed. */
  release(stripe: StripeHead): void {
    const { number } = stripe;
    if (this.#stale.delete(stripe)) stripe.forget();
    const next = this.#waitingFor.get(number)?.shift();
    if (next !== undefined) {
      this.#counters.cacheHits += 1;
      next(stripe);
      return;
    }
    this.#waitingFor.delete(number);
    this.#active.delete(number);
    if (!this.#pinned.has(number)) this.#inactive.set(number, stripe);
    this.#settle();
  }

  releaseAll(stripes: readonly StripeHead[]): void {
    for (const stripe of stripes) this.release(stripe);
  }

  /** Keeps a stripe, which is in use, in memory for good. It does not count any more: others get its room. */
  pin(stripe: StripeHead): void {
    if (this.#pinned.has(stripe.number)) return;
    this.#pinned.set(stripe.number, stripe);
    this.#stale.delete(stripe);
    this.#settle();
  }

  isPinned(number: number): boolean {
    return this.#pinned.has(number);
  }

  /** Changes how many stripes there may be, 1 at least. What is too much is freed as soon as nobody uses it. */
  resize(size: number): void {
    this.#size = size;
    this.#settle();
  }

  /** Forgets the content of every stripe; of those in use when they are released. */
  invalidate(): void {
    for (const stripe of this.#inactive.values()) stripe.forget();
    for (const [number, stripe] of this.#active) if (!this.#pinned.has(number)) this.#stale.add(stripe);
  }

  /** Does something with each stripe that there is now, when nobody else uses it. */
  async forEach(task: (stripe: StripeHead) => void): Promise<void> {
    for (const stripe of [...this.#all]) {
      // It may become another one, or be freed, while it is waited for.
      while (this.#all.has(stripe)) {
        const held = await this.get(stripe.number);
        if (held === stripe) task(stripe);
        this.release(held);
        if (held === stripe) break;
      }
    }
  }

  /** Frees everything. No stripe may be in use. */
  close(): void {
    for (const stripe of this.#all) stripe.free();
    this.#all.clear();
    this.#inactive.clear();
    this.#pinned.clear();
  }

  /** Stripes that count: all but the pinned ones. */
  #counting(): number {
    return this.#all.size - this.#pinned.size;
  }

  /** Room for a stripe: new, as long as there may be more, else that of the oldest one. */
  #findFree(): StripeHead | null {
    if (this.#counting() < this.#size) {
      const stripe = this.#create();
      this.#all.add(stripe);
      return stripe;
    }
    const oldest = this.#inactive.values().next().value;
    if (oldest === undefined) return null;
    this.#inactive.delete(oldest.number);
    return oldest;
  }

  /** Serves who waits for any stripe, and frees what is too much. */
  #settle(): void {
    while (this.#counting() > this.#size) {
      const oldest = this.#inactive.values().next().value;
      if (oldest === undefined) return;
      this.#inactive.delete(oldest.number);
      this.#all.delete(oldest);
      oldest.free();
    }
    while (this.#waitingForAny.length > 0) {
      const free = this.#findFree();
      if (free === null) return;
      const { number, take } = this.#waitingForAny.shift() as Waiting;
      take(this.#activate(free, number));
    }
  }

  #activate(stripe: StripeHead, number: number): StripeHead {
    this.#counters.cacheMisses += 1;
    stripe.become(number);
    this.#active.set(number, stripe);
    return stripe;
  }

  #queueFor(number: number, take: (stripe: StripeHead) => void): void {
    const queue = this.#waitingFor.get(number);
    if (queue === undefined) this.#waitingFor.set(number, [take]);
    else queue.push(take);
  }
}
