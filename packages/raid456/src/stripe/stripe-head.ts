import type { DmaDevice, DmaDirection } from "@dmaengine/core";
import type { Geometry } from "../geometry.js";
import type { StripeRow } from "../layout.js";
import type { Block } from "../member/member-io.js";
import type { MovableMapping, PageMemory } from "../offload/page-memory.js";
import type { ByteRange } from "../offload/page-op.js";
import { NOTHING, type PageMapping, type StripePage } from "./stripe-page.js";
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
  #pages!: readonly HeadPage[];
  #borrowed = 0;
  /** All of each page, by slot: most of what goes to members and comes from them, so they are made once. */
  readonly #wholeBlocks: readonly Block[];
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
    this.#wholeBlocks = Array.from({ length: geometry.raidDisks }, (_, slot) => ({
      stripe: this,
      slot,
      range: this.wholePage,
    }));
    this.#allocate();
  }

  /** The pages, by slot. */
  get pages(): readonly StripePage[] {
    return this.#pages;
  }

  /** Part of a page, as members read and write it. */
  block(slot: number, range: ByteRange): Block {
    const isWhole = range.end - range.start === this.stripeBytes;
    return isWhole ? (this.#wholeBlocks[slot] as Block) : { stripe: this, slot, range };
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

  /** Whether anything of the data is known. */
  get holdsData(): boolean {
    const { data } = this.row;
    for (let i = 0; i < data.length; i++) {
      const { start, end } = (this.#pages[data[i] as number] as HeadPage).valid;
      if (end > start) return true;
    }
    return false;
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
    this.#borrowed += 1;
    (this.#pages[slot] as HeadPage).replace(memory, offsetBytes, direction);
  }

  /** Whether what does the work reaches this memory just as it reaches the pages: nothing has to be copied to it and back. */
  reaches(memory: Uint8Array): boolean {
    const home = this.#home;
    return home === null || memory.buffer === this.#memory.buffer || home.domain.reaches?.(memory) === true;
  }

  /** Whether a request's memory is in the place of the slot's page. */
  isBorrowed(slot: number): boolean {
    return (this.#pages[slot] as HeadPage).isReplaced;
  }

  /** Ends the borrowing. With `keep`, what the memory holds is copied to the pages. */
  giveBack(keep = false): void {
    if (this.#borrowed === 0) return;
    const pages = this.#pages;
    for (let slot = 0; slot < pages.length; slot++) {
      const page = pages[slot] as HeadPage;
      if (page.isReplaced) page.restore(keep);
    }
    this.#borrowed = 0;
  }

  /** Ends the mappings that were made with a device, which is going. Their content stays. */
  unmapFrom(device: DmaDevice): void {
    for (const { mapping } of this.#pages) if (mapping.device === device) mapping.unmap();
  }

  /** Ends the mappings and gives the memory back. */
  free(): void {
    for (const { mapping } of this.#pages) mapping.unmap();
    this.#pageMemory.free(this.#memory);
  }

  #allocate(): void {
    const { stripeBytes } = this;
    const memory = this.#pageMemory.alloc(this.#geometry.raidDisks * stripeBytes);
    this.#memory = memory;
    this.#home = this.#pageMemory.home;
    this.#pages = Array.from({ length: this.#geometry.raidDisks }, (_, slot) => {
      const start = slot * stripeBytes;
      return new HeadPage(
        memory.subarray(start, start + stripeBytes),
        this.#pageMemory.map(memory, start, stripeBytes),
        this.#pageMemory.movable(stripeBytes),
      );
    });
  }
}

/** A page in the stripe's own memory, unless a request's memory stands in for that. */
class HeadPage implements StripePage {
  bytes: Uint8Array;
  mapping: PageMapping;
  valid = NOTHING;
  readonly #ownBytes: Uint8Array;
  readonly #ownMapping: PageMapping;
  /** Of what stands in for it. */
  readonly #otherMapping: MovableMapping;

  constructor(bytes: Uint8Array, mapping: PageMapping, otherMapping: MovableMapping) {
    this.bytes = bytes;
    this.mapping = mapping;
    this.#ownBytes = bytes;
    this.#ownMapping = mapping;
    this.#otherMapping = otherMapping;
  }

  get isReplaced(): boolean {
    return this.bytes !== this.#ownBytes;
  }

  replace(memory: Uint8Array, offsetBytes: number, direction: DmaDirection): void {
    this.#otherMapping.moveTo(memory, offsetBytes, direction);
    this.bytes = memory.subarray(offsetBytes, offsetBytes + this.#ownBytes.length);
    this.mapping = this.#otherMapping;
    this.valid = NOTHING;
  }

  /** Its own memory is the page again, which holds what it is to `keep`, or nothing. */
  restore(keep: boolean): void {
    const { bytes } = this;
    this.#otherMapping.leave();
    this.bytes = this.#ownBytes;
    this.mapping = this.#ownMapping;
    if (!keep) {
      this.valid = NOTHING;
      return;
    }
    this.mapping.toCpu({ start: 0, end: bytes.length });
    this.bytes.set(bytes);
  }
}
