import type { StripeHead } from "./stripe-head.js";

/**
 * The stripes in memory: a fixed number of them, each in the hands of one task at a time. Who asks for a stripe that is in use waits for
 * it; who asks while all are in use waits for any: that is the back-pressure that keeps memory bounded. Otherwise the one that
 * was used least recently makes room.
 */
export class StripeCache {
  readonly #size: number;
  readonly #create: () => StripeHead;
  readonly #all: StripeHead[] = [];
  readonly #active = new Map<number, StripeHead>();
  /** Unused, with content, the least recently used first. */
  readonly #inactive = new Map<number, StripeHead>();
  readonly #waitingFor = new Map<number, ((stripe: StripeHead) => void)[]>();
  readonly #waitingForAny: { readonly number: number; readonly take: (stripe: StripeHead) => void }[] = [];

  /**
   * @param size - number of stripes, 1 at least
   * @param create - makes one; called at most `size` times
   */
  constructor(size: number, create: () => StripeHead) {
    this.#size = size;
    this.#create = create;
  }

  /** The stripe of this number, for the caller alone until it is released (`raid5_get_active_stripe`). */
  async get(number: number): Promise<StripeHead> {
    if (this.#active.has(number) || this.#waitingFor.has(number)) {
      return await new Promise((resolve) => this.#queueFor(number, resolve));
    }
    const cached = this.#inactive.get(number);
    if (cached !== undefined) {
      this.#inactive.delete(number);
      this.#active.set(number, cached);
      return cached;
    }
    const free = this.#findFree();
    if (free !== undefined) return this.#activate(free, number);
    // Later requests for the same number queue behind this one, not beside it.
    this.#waitingFor.set(number, []);
    return await new Promise((take) => this.#waitingForAny.push({ number, take }));
  }

  /** Gives a stripe back. Its content stays until the memory is needed. */
  release(stripe: StripeHead): void {
    const next = this.#waitingFor.get(stripe.number)?.shift();
    if (next !== undefined) {
      next(stripe);
      return;
    }
    this.#waitingFor.delete(stripe.number);
    this.#active.delete(stripe.number);
    const waiting = this.#waitingForAny.shift();
    if (waiting === undefined) this.#inactive.set(stripe.number, stripe);
    else waiting.take(this.#activate(stripe, waiting.number));
  }

  /** Forgets the content of every unused stripe, because a member has changed. */
  invalidate(): void {
    for (const stripe of this.#inactive.values()) stripe.forget();
  }

  /** Frees everything. No stripe may be in use. */
  close(): void {
    for (const stripe of this.#all) stripe.free();
    this.#all.length = 0;
    this.#inactive.clear();
  }

  #findFree(): StripeHead | undefined {
    if (this.#all.length < this.#size) {
      const stripe = this.#create();
      this.#all.push(stripe);
      return stripe;
    }
    const oldest = this.#inactive.values().next().value;
    if (oldest !== undefined) this.#inactive.delete(oldest.number);
    return oldest;
  }

  #activate(stripe: StripeHead, number: number): StripeHead {
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
