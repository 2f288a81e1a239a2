import type { Geometry } from "../geometry.js";
import type { StripeRow } from "../layout.js";
import type { Offload } from "../offload/offload.js";
import { NOTHING, type StripePage } from "./stripe-page.js";
import type { StripePages } from "./syndrome.js";

/**
 * One block of equal offset on every member, in memory: `struct stripe_head`. It belongs to one task at a time, from `StripeCache.get`
 * to `StripeCache.release`, which is what keeps parity true while several requests meet in a stripe.
 */
export class StripeHead implements StripePages {
  /** Which one it is: offset within the members, in units of {@link StripeHead.stripeBytes}. -1 before its first use. */
  number = -1;
  /** Length of a page. A chunk is a whole number of pages. */
  readonly stripeBytes: number;
  readonly pages: readonly StripePage[];
  row!: StripeRow;
  readonly #memory: Uint8Array;
  readonly #offload: Offload;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry, stripeBytes: number, offload: Offload) {
    this.stripeBytes = stripeBytes;
    this.#geometry = geometry;
    this.#offload = offload;
    const memory = offload.alloc(geometry.raidDisks * stripeBytes);
    this.#memory = memory;
    this.pages = Array.from({ length: geometry.raidDisks }, (_, slot) => ({
      bytes: memory.subarray(slot * stripeBytes, (slot + 1) * stripeBytes),
      mapping: offload.map(memory, slot * stripeBytes, stripeBytes),
      valid: NOTHING,
    }));
  }

  /** Starts a new life as another stripe; nothing of the old one is known any more. */
  become(number: number): void {
    this.number = number;
    this.row = this.#geometry.row(Math.floor(this.memberOffset / this.#geometry.chunkBytes));
    this.forget();
  }

  /** Forgets the content, for example because an operation on it failed half-way. */
  forget(): void {
    for (const page of this.pages) page.valid = NOTHING;
  }

  /** Offset of the stripe's bytes within each member's data, in bytes. */
  get memberOffset(): number {
    return this.number * this.stripeBytes;
  }

  /** Ends the mappings and gives the memory back. */
  free(): void {
    for (const page of this.pages) page.mapping?.unmap();
    this.#offload.free(this.#memory);
  }
}
