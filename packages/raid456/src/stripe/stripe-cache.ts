import type { Counters } from "../stats.js";
import type { StripeHead } from "./stripe-head.js";

/** How somebody who waits for a stripe gets it. */
type Take = (stripe: StripeHead) => void;

/** Somebody who waits for any stripe. */
interface Waiting {
  readonly number: number;
  readonly take: Take;
}

/** A stripe in memory, and who has it or wants it. */
class Entry {
  readonly stripe: StripeHead;
  inUse = false;
  /** Its content is nowhere else. */
  pinned = false;
  /** Its content is to be forgotten when it is released. */
  stale = false;
  /** Whether it was in memory already when it was taken. */
  wasThere = false;
  /** Nobody is going to miss its content. */
  spent = false;
  waiting: Take[] | null = null;
  /** Its neighbours among those that are not in use. */
  older: Entry | null = null;
  newer: Entry | null = null;

  constructor(stripe: StripeHead) {
    this.stripe = stripe;
  }
}

/**
 * The stripes in memory: a bounded number of them, each in the hands of one task at a time. Who asks for a stripe that is in use waits for
 * it; who asks while all are in use waits for any: that is the back-pressure that keeps memory bounded. Otherwise the one that
 * was used least recently makes room. Stripes that hold no data come before that, the last one first: its memory is what the
 * CPU's caches hold, and work that leaves nothing behind goes around in as much memory as it has in flight.
 */
export class StripeCache {
  readonly #create: () => StripeHead;
  readonly #counters: Pick<Counters, "cacheHits" | "cacheMisses">;
  #size: number;
  readonly #entries = new Map<number, Entry>();
  #pinned = 0;
  /** The ends of the list of those that are not in use, and not pinned: what is to make room first, up to what was used last. */
  #oldest: Entry | null = null;
  #newest: Entry | null = null;
  readonly #waitingForAny: Waiting[] = [];
  /** Who waits for the stripes that these are going to get. */
  readonly #waitingBehind = new Map<number, Take[]>();

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
    return await new Promise((take) => {
      const entry = this.#entries.get(number);
      const behind = this.#waitingBehind.get(number);
      if (entry !== undefined) {
        entry.waiting ??= [];
        entry.waiting.push(take);
      } else if (behind !== undefined) behind.push(take);
      else {
        this.#waitingBehind.set(number, []);
        this.#waitingForAny.push({ number, take });
      }
    });
  }

  /** The same, if it can be had without waiting; else null. */
  tryGet(number: number): StripeHead | null {
    const entry = this.#entries.get(number);
    if (entry === undefined) {
      if (this.#waitingBehind.has(number)) return null;
      const free = this.#findFree();
      return free === null ? null : this.#activate(free, number).stripe;
    }
    if (entry.inUse) return null;
    this.#counters.cacheHits += 1;
    entry.wasThere = true;
    entry.inUse = true;
    if (!entry.pinned) this.#takeOut(entry);
    return entry.stripe;
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
    this.#release(this.#entryOf(stripe), false);
  }

  releaseAll(stripes: readonly StripeHead[]): void {
    for (const stripe of stripes) this.release(stripe);
  }

  /** Gives stripes back to which nobody comes again soon: only those that were in memory before push others out. */
  releasePassed(stripes: readonly StripeHead[]): void {
    for (const stripe of stripes) this.#release(this.#entryOf(stripe), true);
  }

  #release(entry: Entry, passed: boolean): void {
    const { stripe } = entry;
    if (entry.stale) {
      entry.stale = false;
      stripe.forget();
    }
    const next = entry.waiting?.shift();
    if (next !== undefined) {
      this.#counters.cacheHits += 1;
      entry.wasThere = true;
      next(stripe);
      return;
    }
    entry.inUse = false;
    entry.spent = !stripe.holdsData || (passed && !entry.wasThere);
    if (!entry.pinned) this.#putIn(entry);
    this.#settle();
  }

  /** Keeps a stripe, which is in use, in memory for good. It does not count any more: others get its room. */
  pin(stripe: StripeHead): void {
    const entry = this.#entryOf(stripe);
    if (entry.pinned) return;
    entry.pinned = true;
    entry.stale = false;
    this.#pinned += 1;
    this.#settle();
  }

  isPinned(stripe: StripeHead): boolean {
    return this.#entryOf(stripe).pinned;
  }

  /** Changes how many stripes there may be, 1 at least. What is too much is freed as soon as nobody uses it. */
  resize(size: number): void {
    this.#size = size;
    this.#settle();
  }

  /** Forgets the content of every stripe; of those in use when they are released. */
  invalidate(): void {
    for (const entry of this.#entries.values()) {
      if (entry.pinned) continue;
      if (entry.inUse) entry.stale = true;
      else entry.stripe.forget();
    }
  }

  /** Does something with each stripe that there is now, when nobody else uses it. */
  async forEach(task: (stripe: StripeHead) => void): Promise<void> {
    for (const entry of [...this.#entries.values()]) {
      const { stripe } = entry;
      // It may become another one, or be freed, while it is waited for.
      while (this.#entries.get(stripe.number) === entry) {
        const held = await this.get(stripe.number);
        if (held === stripe) task(stripe);
        this.release(held);
        if (held === stripe) break;
      }
    }
  }

  /** Frees everything. No stripe may be in use. */
  close(): void {
    for (const { stripe } of this.#entries.values()) stripe.free();
    this.#entries.clear();
    this.#pinned = 0;
    this.#oldest = null;
    this.#newest = null;
  }

  #entryOf({ number }: StripeHead): Entry {
    return this.#entries.get(number) as Entry;
  }

  /** Room for a stripe: that of one that is spent, or new, as long as there may be more, or that of the oldest one. */
  #findFree(): Entry | null {
    const oldest = this.#oldest;
    // Pinned ones don't count.
    if (!oldest?.spent && this.#entries.size - this.#pinned < this.#size) return new Entry(this.#create());
    if (oldest !== null) this.#remove(oldest);
    return oldest;
  }

  /** Serves who waits for any stripe, and frees what is too much. */
  #settle(): void {
    while (this.#entries.size - this.#pinned > this.#size) {
      const oldest = this.#oldest;
      if (oldest === null) return;
      this.#remove(oldest);
      oldest.stripe.free();
    }
    while (this.#waitingForAny.length > 0) {
      const free = this.#findFree();
      if (free === null) return;
      const { number, take } = this.#waitingForAny.shift() as Waiting;
      const entry = this.#activate(free, number);
      entry.waiting = this.#waitingBehind.get(number) ?? null;
      this.#waitingBehind.delete(number);
      take(entry.stripe);
    }
  }

  #activate(entry: Entry, number: number): Entry {
    this.#counters.cacheMisses += 1;
    entry.stripe.become(number);
    entry.wasThere = false;
    entry.inUse = true;
    this.#entries.set(number, entry);
    return entry;
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.stripe.number);
    this.#takeOut(entry);
  }

  /** What is spent comes before all others. */
  #putIn(entry: Entry): void {
    if (entry.spent) {
      entry.newer = this.#oldest;
      if (this.#oldest === null) this.#newest = entry;
      else this.#oldest.older = entry;
      this.#oldest = entry;
      return;
    }
    entry.older = this.#newest;
    if (this.#newest === null) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #takeOut(entry: Entry): void {
    const { older, newer } = entry;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    entry.older = null;
    entry.newer = null;
  }
}
