import type { Geometry } from "@dmaengine/raid456";
import { STRIPE_BYTES, StripeHead } from "./stripe-head.js";

/** The stripes in memory (`raid5_get_active_stripe`, `release_inactive_stripe_list`). Requests share a stripe that is in use already. */
export class StripeCache {
  readonly #geometry: Geometry;
  readonly #active = new Map<number, StripeHead>();
  /** Without work, with content; the least recently used first. */
  readonly #inactive = new Map<number, StripeHead>();
  readonly #unused: StripeHead[];
  #waiting: (() => void)[] = [];

  constructor(geometry: Geometry, stripes: number) {
    this.#geometry = geometry;
    this.#unused = Array.from({ length: stripes }, () => new StripeHead(geometry.raidDisks));
  }

  /** The stripe of this number, active from now on; null while all are. */
  get(number: number): StripeHead | null {
    const active = this.#active.get(number);
    if (active !== undefined) return active;
    const sh = this.#inactive.get(number) ?? this.#unused.pop() ?? this.#inactive.values().next().value;
    if (sh === undefined) return null;
    this.#inactive.delete(sh.number);
    if (sh.number !== number) sh.init(number, this.#rowOf(number));
    this.#active.set(number, sh);
    return sh;
  }

  /** A stripe that has no work left makes room, if room is needed. */
  release(sh: StripeHead): void {
    this.#active.delete(sh.number);
    this.#inactive.set(sh.number, sh);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves when a stripe was released (`wait_for_stripe`). */
  released(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #rowOf(number: number) {
    return this.#geometry.row(Math.floor((number * STRIPE_BYTES) / this.#geometry.chunkBytes));
  }
}
