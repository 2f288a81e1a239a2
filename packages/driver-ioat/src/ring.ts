import type { CoherentMemory, DmaAddr, DmaTx } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import { DESCRIPTOR_BYTES, SED_BYTES } from "./datasheet.js";
import { DescriptorBlock } from "./descriptor-block.js";
import { RingEntry } from "./ring-entry.js";

/**
 * The descriptor that was done last, and its extension. They are not used again before another is done: the completion word and CHANSTS name
 * it, and a list goes on from it.
 */
const DONE_ENTRIES = 2;
/**
 * Entries that are not for clients: these; one that is never active, behind which the ring can grow at any time; and one for the null descriptor
 * that starts a chain, which may be needed while transactions that are prepared and not yet submitted hold all others. (The kernel prepares
 * and submits under one lock. It keeps one entry free.)
 */
const SPARE_ENTRIES = DONE_ENTRIES + 2;
/** Super extended descriptors come by the page. */
const SEDS_AT_A_TIME = 4096 / SED_BYTES;

/** How many entries a ring has for transactions, and so the most that one transaction can have. */
export function ringCapacity(order: number): number {
  return (1 << order) - SPARE_ENTRIES;
}

/** What a ring is to be like. */
export interface RingOptions {
  /** It begins with `1 << order` entries, */
  readonly order: number;
  /** and may double until it has `1 << maxOrder`. */
  readonly maxOrder: number;
  /** Whether its descriptors are linked in a circle once and for all, or each to the one before it when it is filled. */
  readonly chain: "ring" | "list";
}

/**
 * A channel's descriptors, and whose they are; after drivers/dma/ioat/dma_v2.c. Indices run freely modulo 2^16 and are masked for use.
 *
 * The original keeps the descriptors of version 1 in lists, free and used, to which it adds one by one. Here they are in a ring, too, which differs in
 * its links alone.
 */
export class Ring {
  readonly #memory: PhysicalMemory;
  readonly #maxSize: number;
  readonly #circular: boolean;
  readonly #chunks: CoherentMemory[] = [];
  #entries: RingEntry[];
  #mask: number;
  /** Next to fill. */
  #head = 0;
  /** Next to tell the hardware of. */
  #issued = 0;
  /** Next to clean up. */
  #tail = 0;
  /** Entries that prepared transactions have taken. */
  #reserved = 0;
  /** Active entries that are the driver's own. */
  #own = 0;
  #spareSeds: DescriptorBlock[] = [];

  constructor(memory: PhysicalMemory, { order, maxOrder, chain }: RingOptions) {
    this.#memory = memory;
    this.#maxSize = 1 << maxOrder;
    this.#circular = chain === "ring";
    this.#entries = this.#newEntries(1 << order);
    this.#mask = this.#entries.length - 1;
    if (this.#circular) this.#linkFrom(0, this.#entries.length);
  }

  /** Gives the memory back. */
  free(): void {
    for (const chunk of this.#chunks) this.#memory.freeCoherent(chunk);
  }

  /** How many entries it has now. */
  get size(): number {
    return this.#entries.length;
  }

  /** Entries that are submitted and not cleaned up. */
  get active(): number {
    return (this.#head - this.#tail) & 0xffff;
  }

  /** Entries that the hardware has not been told of. */
  get pending(): number {
    return (this.#head - this.#issued) & 0xffff;
  }

  /** Whether the hardware has been told of a client's entries that are not cleaned up. */
  get atWork(): boolean {
    return ((this.#issued - this.#tail) & 0xffff) > this.#own;
  }

  /** The entry that is cleaned up next. */
  get tail(): RingEntry {
    return this.#at(this.#tail);
  }

  /** Whether the entry at `addr` is submitted and not cleaned up. */
  isActive(addr: DmaAddr): boolean {
    const { active } = this;
    for (let i = 0; i < active; ) {
      const entry = this.#at(this.#tail + i);
      if (entry.addr === addr) return true;
      i += entry.span;
    }
    return false;
  }

  // Filling

  /** Takes room for `entries`, and more memory if need be. False when there is none now. */
  reserve(entries: number): boolean {
    const taken = this.active - this.#own + this.#reserved;
    while (taken + entries > this.size - SPARE_ENTRIES) if (!this.#grow()) return false;
    this.#reserved += entries;
    return true;
  }

  /** Gives room back, because it is about to be used. */
  unreserve(entries: number): void {
    this.#reserved -= entries;
  }

  /**
   * Begins the next descriptor. `owner` is null for the driver's own, of which one at a time may be active.
   * `completes`: with this descriptor, its owner is complete.
   */
  add(sizeBytes: number, control: number, owner: DmaTx | null, completes: boolean): RingEntry {
    const before = this.#at(this.#head - 1);
    const entry = this.#take();
    entry.begin(sizeBytes, control, owner, completes);
    if (owner === null) this.#own += 1;
    if (!this.#circular) {
      entry.link(null);
      before.link(entry);
    }
    return entry;
  }

  /** Makes the next entry the extension of the descriptor that was begun last. */
  extend(): RingEntry {
    this.#at(this.#head - 1).extended = true;
    return this.#take();
  }

  /** The super extended descriptor of an entry. */
  sedOf(entry: RingEntry): DescriptorBlock {
    entry.sed ??= this.#newSed();
    return entry.sed;
  }

  // Issuing and cleaning up

  /** Notes that the hardware is told of everything. Returns how many entries are new to it. */
  issue(): number {
    const { pending } = this;
    this.#issued = this.#head;
    return pending;
  }

  /** The hardware starts over: everything that is not cleaned up is to be issued again. */
  unissue(): void {
    this.#issued = this.#tail;
  }

  /** Cleans up the descriptor at the tail, and its extension. Returns the transaction that is complete with it, if one is. */
  pop(): DmaTx | null {
    const entry = this.tail;
    const { owner } = entry;
    entry.owner = null;
    if (owner === null) this.#own -= 1;
    this.#tail = (this.#tail + entry.span) & 0xffff;
    // The hardware may have found a list's new end before it was told.
    if (this.pending > this.active) this.#issued = this.#tail;
    return entry.completes ? owner : null;
  }

  /** Forgets all descriptors, and the room of prepared transactions. */
  clear(): void {
    while (this.active > 0) this.pop();
    this.#reserved = 0;
  }

  #take(): RingEntry {
    const entry = this.#at(this.#head);
    this.#head = (this.#head + 1) & 0xffff;
    return entry;
  }

  #at(index: number): RingEntry {
    return this.#entries[index & this.#mask] as RingEntry;
  }

  /**
   * Doubles the ring (`reshape_ring`). New entries come where the hardware has not been yet, in front of those that were done last. (The original
   * puts them behind, uses what was done last at once, and then does not notice its completion.)
   */
  #grow(): boolean {
    const { size } = this;
    if (size === this.#maxSize) return false;
    const kept = size - DONE_ENTRIES;
    const before = this.#entries;
    const fresh = this.#newEntries(size);
    const mask = 2 * size - 1;
    this.#entries = new Array<RingEntry>(2 * size);
    for (let i = 0; i < 2 * size; i++) {
      const isFresh = i >= kept && i < kept + size;
      const old = before[(this.#tail + i) & this.#mask] as RingEntry;
      this.#entries[(this.#tail + i) & mask] = isFresh ? (fresh[i - kept] as RingEntry) : old;
    }
    this.#mask = mask;
    if (this.#circular) this.#linkFrom(this.#tail + kept - 1, size + 1);
    return true;
  }

  #linkFrom(index: number, count: number): void {
    for (let i = 0; i < count; i++) this.#at(index + i).link(this.#at(index + i + 1));
  }

  #newEntries(count: number): RingEntry[] {
    const chunk = this.#allocate(count * DESCRIPTOR_BYTES);
    return Array.from({ length: count }, (_, i) => new RingEntry(chunk, i * DESCRIPTOR_BYTES));
  }

  #newSed(): DescriptorBlock {
    if (this.#spareSeds.length === 0) {
      const chunk = this.#allocate(SEDS_AT_A_TIME * SED_BYTES);
      this.#spareSeds = Array.from(
        { length: SEDS_AT_A_TIME },
        (_, i) => new DescriptorBlock(chunk, i * SED_BYTES, SED_BYTES),
      );
    }
    return this.#spareSeds.pop() as DescriptorBlock;
  }

  #allocate(sizeBytes: number): CoherentMemory {
    const chunk = this.#memory.allocCoherent(sizeBytes, DESCRIPTOR_BYTES);
    this.#chunks.push(chunk);
    return chunk;
  }
}
