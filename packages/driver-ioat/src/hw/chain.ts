import type { DmaAddr } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import { DESCRIPTOR_BYTES, FIELD_NEXT } from "../datasheet.js";

const HIGH_HALF = 2 ** 32;

/** Where a channel finds its next descriptor. */
export interface HwChain {
  /** CHAINADDR was written: forget the old chain. */
  load(addr: DmaAddr): void;
  /** Address of the next descriptor; null when there is none to be done. */
  next(): DmaAddr | null;
  /** How many entries may be done, the next one included. */
  readonly available: number;
  /** The descriptor at `addr` is done, and its extension if it took two entries. `next` is what it says comes next. */
  advance(addr: DmaAddr, next: DmaAddr, entries: number): void;
  reset(): void;
  /** Notes where it is, and returns what puts it back. */
  capture(): () => void;
}

/** Version 2 and later: descriptors always have a next one, and DMACOUNT tells how many may be done. */
export class RingChain implements HwChain {
  /** The DMACOUNT register: descriptors made available since the chain was started, modulo 2^16. */
  count = 0;
  /** Descriptors done since the chain was started, extensions included, modulo 2^16. */
  #done = 0;
  #next: DmaAddr = 0;

  load(addr: DmaAddr): void {
    this.reset();
    this.#next = addr;
  }

  next(): DmaAddr | null {
    return this.#done === this.count ? null : this.#next;
  }

  get available(): number {
    return (this.count - this.#done) & 0xffff;
  }

  advance(_addr: DmaAddr, next: DmaAddr, entries: number): void {
    this.#next = next;
    this.#done = (this.#done + entries) & 0xffff;
  }

  reset(): void {
    this.count = 0;
    this.#done = 0;
    this.#next = 0;
  }

  capture(): () => void {
    const { count } = this;
    const done = this.#done;
    const next = this.#next;
    return () => {
      this.count = count;
      this.#done = done;
      this.#next = next;
    };
  }
}

/** Version 1: the chain ends with a descriptor without a next one, until APPEND tells to look again. */
export class ListChain implements HwChain {
  readonly #memory: PhysicalMemory;
  readonly #words = new Uint32Array(DESCRIPTOR_BYTES / 4);
  #started = false;
  /** The last one done, where the list may go on; 0 before the first. */
  #last: DmaAddr = 0;
  /** What was next when it was fetched; 0 is the end. */
  #next: DmaAddr = 0;
  /** Whether the list was appended to since. */
  #appended = false;

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  load(addr: DmaAddr): void {
    this.reset();
    this.#next = addr;
  }

  /** START */
  start(): void {
    this.#started = true;
  }

  /** APPEND */
  append(): void {
    this.#appended = true;
  }

  next(): DmaAddr | null {
    if (!this.#started) return null;
    if (this.#next === 0 && this.#appended && this.#last !== 0) {
      this.#appended = false;
      if (this.#memory.readBlock(this.#last, this.#words)) this.#next = this.#nextField();
    }
    return this.#next === 0 ? null : this.#next;
  }

  /** Nothing counts the entries of a list. */
  readonly available = Number.POSITIVE_INFINITY;

  advance(addr: DmaAddr, next: DmaAddr): void {
    this.#last = addr;
    this.#next = next;
  }

  reset(): void {
    this.#started = false;
    this.#appended = false;
    this.#last = 0;
    this.#next = 0;
  }

  capture(): () => void {
    const started = this.#started;
    const appended = this.#appended;
    const last = this.#last;
    const next = this.#next;
    return () => {
      this.#started = started;
      this.#appended = appended;
      this.#last = last;
      this.#next = next;
    };
  }

  #nextField(): DmaAddr {
    // The words are in the order of memory, which is little-endian.
    const view = new DataView(this.#words.buffer, 8 * FIELD_NEXT, 8);
    return view.getUint32(0, true) + view.getUint32(4, true) * HIGH_HALF;
  }
}
