import { DmaError } from "@dmaengine/core";
import type { CoherentMemory, DmaAddr } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import { SLOT_BYTES, SLOT_WORDS } from "./datasheet/unit.js";

const PAGE_BYTES = 4096;
/** The registers that hold a descriptor's address have 32 bits. */
const ADDR_LIMIT = 2 ** 32;

/** A unit's memory for descriptors, in slots: a descriptor takes one or several, one behind the other. After `iop_adma_alloc_slots`. */
export class SlotPool {
  /** The slots, as words. */
  readonly words: Uint32Array;
  readonly #memory: CoherentMemory;
  /** By slot, 1: it is taken. */
  readonly #taken: Uint8Array;
  /** By slot: how many the descriptor has that begins there. */
  readonly #sizes: Uint8Array;
  #free: number;
  /** Where the search begins. */
  #lastUsed = 0;

  constructor(memory: PhysicalMemory, pages: number) {
    this.#memory = memory.allocCoherent(pages * PAGE_BYTES, PAGE_BYTES);
    const { bytes, dmaAddr } = this.#memory;
    if (dmaAddr + bytes.length > ADDR_LIMIT) {
      throw new DmaError(
        "ERR_DMA_DRIVER",
        `expected memory for descriptors below 4 GiB, got 0x${dmaAddr.toString(16)}: register the driver earlier, or use a fresh platform`,
      );
    }
    this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const slots = slotCount(pages);
    this.#taken = new Uint8Array(slots);
    this.#sizes = new Uint8Array(slots);
    this.#free = slots;
  }

  /** Gives the memory back. */
  release(memory: PhysicalMemory): void {
    memory.freeCoherent(this.#memory);
  }

  addressOf(slot: number): DmaAddr {
    return this.#memory.dmaAddr + slot * SLOT_BYTES;
  }

  /** The slot of a descriptor's address; -1 if no descriptor begins there. */
  slotAt(addr: DmaAddr): number {
    const slot = (addr - this.#memory.dmaAddr) / SLOT_BYTES;
    return (this.#sizes[slot] ?? 0) > 0 ? slot : -1;
  }

  /** How many slots the descriptor at `slot` has. */
  sizeOf(slot: number): number {
    return this.#sizes[slot] as number;
  }

  /** Takes slots for a descriptor and zeroes them. Returns the first, or -1 when there is no room now. */
  alloc(slots: number, aligned: boolean): number {
    if (slots > this.#free) return -1;
    let slot = this.#find(this.#lastUsed, slots, aligned);
    if (slot < 0) slot = this.#find(0, slots, aligned);
    if (slot < 0) return -1;
    this.#taken.fill(1, slot, slot + slots);
    this.#sizes[slot] = slots;
    this.#free -= slots;
    this.#lastUsed = slot + slots;
    this.words.fill(0, slot * SLOT_WORDS, (slot + slots) * SLOT_WORDS);
    return slot;
  }

  /** Gives the slots of the descriptor at `slot` back. */
  free(slot: number): void {
    const slots = this.sizeOf(slot);
    this.#taken.fill(0, slot, slot + slots);
    this.#sizes[slot] = 0;
    this.#free += slots;
  }

  /** Gives all slots back. */
  clear(): void {
    this.#taken.fill(0);
    this.#sizes.fill(0);
    this.#free = this.#taken.length;
  }

  /** The first run of free slots from `from` on. */
  #find(from: number, slots: number, aligned: boolean): number {
    const step = aligned ? slots : 1;
    let run = Math.ceil(from / step) * step;
    while (run + slots <= this.#taken.length) {
      let last = run + slots - 1;
      while (last >= run && this.#taken[last] === 0) last -= 1;
      if (last < run) return run;
      run = Math.ceil((last + 1) / step) * step;
    }
    return -1;
  }
}

/** How many slots there are in so many pages. */
export function slotCount(pages: number): number {
  return (pages * PAGE_BYTES) / SLOT_BYTES;
}
