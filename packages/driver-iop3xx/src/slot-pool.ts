import { DmaError } from "@dmaengine/core";
import type { CoherentMemory, DmaAddr } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import { SLOT_BYTES, SLOT_WORDS } from "./datasheet/unit.js";

const PAGE_BYTES = 4096;
/** The registers that hold a descriptor's address have 32 bits. */
const ADDR_LIMIT = 2 ** 32;

/**
 * A unit's memory for descriptors, in slots: a descriptor takes one or several, one behind the other (`iop_adma_alloc_slots`).
 *
 * As much as the longest descriptor takes is never promised to transactions: one that is done stays for a while, wherever it is, and must not
 * be in the way of any other. (Linux has no such reserve, and wants all descriptors of a transaction side by side.)
 */
export class SlotPool {
  /** The slots, as words. */
  readonly words: Uint32Array;
  readonly #memory: CoherentMemory;
  /** By slot, 1: it is taken. */
  readonly #taken: Uint8Array;
  /** By slot: how many the descriptor has that begins there. */
  readonly #sizes: Uint8Array;
  /** The same as long as it counts against the room. */
  readonly #counted: Uint8Array;
  /** How many slots may count at a time, and do. */
  readonly #room: number;
  #used = 0;

  /** @param longest - slots of the longest descriptor. */
  constructor(memory: PhysicalMemory, pages: number, longest: number) {
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
    this.#counted = new Uint8Array(slots);
    this.#room = slots - longest;
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
    if (this.#used + slots > this.#room) return -1;
    const slot = this.#find(slots, aligned);
    if (slot < 0) return -1;
    this.#take(slot, slots);
    this.#counted[slot] = slots;
    this.#used += slots;
    return slot;
  }

  /** Takes one slot of the reserve, which must be free: for a descriptor that never counts. */
  allocReserve(): number {
    const slot = this.#find(1, false);
    this.#take(slot, 1);
    return slot;
  }

  /** The descriptor at `slot` is done, and stays where it is: it no longer counts against the room. */
  discount(slot: number): void {
    this.#used -= this.#counted[slot] as number;
    this.#counted[slot] = 0;
  }

  /** Gives the slots of the descriptor at `slot` back. */
  free(slot: number): void {
    this.discount(slot);
    this.#taken.fill(0, slot, slot + this.sizeOf(slot));
    this.#sizes[slot] = 0;
  }

  /** Gives all slots back. */
  clear(): void {
    this.#taken.fill(0);
    this.#sizes.fill(0);
    this.#counted.fill(0);
    this.#used = 0;
  }

  #take(slot: number, slots: number): void {
    this.#taken.fill(1, slot, slot + slots);
    this.#sizes[slot] = slots;
    this.words.fill(0, slot * SLOT_WORDS, (slot + slots) * SLOT_WORDS);
  }

  /** The first run of free slots. */
  #find(slots: number, aligned: boolean): number {
    const step = aligned ? slots : 1;
    let run = 0;
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
