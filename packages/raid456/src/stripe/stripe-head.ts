import type { DmaDevice, DmaDirection } from "@dmaengine/core";
import type { Geometry } from "../geometry.js";
import type { StripeRow } from "../layout.js";
import type { PageMemory } from "../offload/page-memory.js";
import type { ByteRange } from "../offload/page-op.js";
import { NOTHING, type StripePage } from "./stripe-page.js";
import { NO_SLOTS, type StripePages } from "./syndrome.js";

/**
 * One block of equal offset on every member, in memory: `struct stripe_head`. It belongs to one task at a time, from `StripeCache.get`
 * to `StripeCache.release`, which is what keeps parity true while several requests meet in a stripe.
 */
export class StripeHead implements StripePages {
  /** Which one it is: offset within the members, in units of {@link StripeHead.stripeBytes}. -1 before its first use. */
  number = -1;
  /** Length of a page. A chunk is a whole number of pages. */
  readonly stripeBytes: number;
  row!: StripeRow;
  /** Slots whose member holds older bytes than were known of it, and which are nowhere else now. It is not read any more. */
  outdated: ReadonlySet<number> = NO_SLOTS;
  /** All of a page. */
  readonly wholePage: ByteRange;
  /** The pages in {@link #memory}, by slot. */
  #own!: readonly StripePage[];
  /** The same, but for those that a request's memory stands in for. */
  #pages!: StripePage[];
  #borrowed = 0;
  #memory!: Uint8Array;
  /** The device whose memory the pages are in; null: anybody's. */
  #home!: DmaDevice | null;
  readonly #pageMemory: PageMemory;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry, stripeBytes: number, pageMemory: PageMemory) {
    this.stripeBytes = stripeBytes;
    this.wholePage = { start: 0, end: stripeBytes };
    this.#geometry = geometry;
    this.#pageMemory = pageMemory;
    this.#allocate();
  }

  /** The pages, by slot. */
  get pages(): readonly StripePage[] {
    return this.#pages;
  }

  /** Starts a new life as another stripe; nothing of the old one is known any more. */
  become(number: number): void {
    this.number = number;
    this.row = this.#geometry.row(Math.floor(this.memberOffset / this.#geometry.chunkBytes));
    if (this.#home === this.#pageMemory.home) this.forget();
    else {
      // The plan was made again meanwhile, and what does the work now has memory of its own.
      this.free();
      this.#allocate();
    }
  }

  /** Forgets the content, for example because an operation on it failed half-way. */
  forget(): void {
    for (const page of this.#pages) page.valid = NOTHING;
  }

  /** Offset of the stripe's bytes within each member's data, in bytes. */
  get memberOffset(): number {
    return this.number * this.stripeBytes;
  }

  /**
   * Puts a request's memory in the place of a page until {@link giveBack}, so that it need not be copied (`SkipCopy` of drivers/md/raid5.c). Possible
   * while `PageMemory.takesRequests`. What the page held is forgotten.
   *
   * @param direction - `TO_DEVICE` for memory that may only be read, as that of a write request
   */
  borrow(slot: number, memory: Uint8Array, offsetBytes: number, direction: DmaDirection): void {
    const { stripeBytes } = this;
    (this.#own[slot] as StripePage).valid = NOTHING;
    this.#borrowed += 1;
    this.#pages[slot] = {
      bytes: memory.subarray(offsetBytes, offsetBytes + stripeBytes),
      mapping: this.#pageMemory.map(memory, offsetBytes, stripeBytes, direction),
      valid: NOTHING,
    };
  }

  /** Whether what does the work reaches this memory just as it reaches the pages: nothing has to be copied to it and back. */
  reaches(memory: Uint8Array): boolean {
    const home = this.#home;
    return home === null || memory.buffer === this.#memory.buffer || home.domain.reaches?.(memory) === true;
  }

  /** Whether a request's memory is in the place of the slot's page. */
  isBorrowed(slot: number): boolean {
    return this.#pages[slot] !== this.#own[slot];
  }

  /** Ends the borrowing. With `keep`, what the memory holds is copied to the pages. */
  giveBack(keep = false): void {
    if (this.#borrowed === 0) return;
    for (let slot = 0; slot < this.#pages.length; slot++) {
      const own = this.#own[slot] as StripePage;
      const borrowed = this.#pages[slot] as StripePage;
      if (borrowed === own) continue;
      borrowed.mapping?.unmap();
      if (keep) {
        own.mapping?.toCpu(this.wholePage);
        own.bytes.set(borrowed.bytes);
        own.valid = borrowed.valid;
      }
      this.#pages[slot] = own;
    }
    this.#borrowed = 0;
  }

  /** Ends the mappings that were made with a device, which is going. Their content stays. */
  unmapFrom(device: DmaDevice): void {
    for (const { mapping } of this.#pages) if (mapping?.device === device) mapping.unmap();
  }

  /** Ends the mappings and gives the memory back. */
  free(): void {
    for (const page of this.#pages) page.mapping?.unmap();
    this.#pageMemory.free(this.#memory);
  }

  #allocate(): void {
    const { stripeBytes } = this;
    const memory = this.#pageMemory.alloc(this.#geometry.raidDisks * stripeBytes);
    this.#memory = memory;
    this.#home = this.#pageMemory.home;
    this.#own = Array.from({ length: this.#geometry.raidDisks }, (_, slot) => ({
      bytes: memory.subarray(slot * stripeBytes, (slot + 1) * stripeBytes),
      mapping: this.#pageMemory.map(memory, slot * stripeBytes, stripeBytes),
      valid: NOTHING,
    }));
    this.#pages = [...this.#own];
  }
}
