import type { DmaTx } from "@dmaengine/core/driver";
import { SLOT_WORDS, WORD_NEXT } from "./datasheet/unit.js";
import type { SlotPool } from "./slot-pool.js";

const NONE = -1;

/**
 * The descriptors that a unit was given, oldest first, linked in memory as the unit follows them. Links between those of a transaction that
 * is prepared and not submitted are made already.
 */
export class Chain {
  readonly #pool: SlotPool;
  #head = NONE;
  #tail = NONE;
  // By first slot of a descriptor:
  readonly #next: Int16Array;
  readonly #owners: (DmaTx | null)[];
  /** 1: with this descriptor its owner is complete. */
  readonly #completes: Uint8Array;
  /** 1: it is part of the chain. */
  readonly #chained: Uint8Array;

  constructor(pool: SlotPool, slots: number) {
    this.#pool = pool;
    this.#next = new Int16Array(slots).fill(NONE);
    this.#owners = new Array(slots).fill(null);
    this.#completes = new Uint8Array(slots);
    this.#chained = new Uint8Array(slots);
  }

  /** The oldest descriptor; -1 if there is none. */
  get head(): number {
    return this.#head;
  }

  /** Whether the descriptor at `slot` was submitted and not removed. */
  has(slot: number): boolean {
    return slot >= 0 && this.#chained[slot] === 1;
  }

  /** Says whose a descriptor is; null for the driver's own. `completes`: with it, its owner is complete. */
  own(slot: number, owner: DmaTx | null, completes: boolean): void {
    this.#owners[slot] = owner;
    this.#completes[slot] = completes ? 1 : 0;
    this.#next[slot] = NONE;
  }

  ownerOf(slot: number): DmaTx | null {
    return this.#owners[slot] as DmaTx | null;
  }

  completes(slot: number): boolean {
    return this.#completes[slot] === 1;
  }

  /** The descriptor behind `slot`; -1 if it is the last. */
  after(slot: number): number {
    return this.#next[slot] as number;
  }

  /** Puts a descriptor behind another. */
  link(slot: number, next: number): void {
    this.#next[slot] = next;
    this.#pool.words[slot * SLOT_WORDS + WORD_NEXT] = this.#pool.addressOf(next);
  }

  /** Submits the linked descriptors from `first` on. Returns how many slots they have. */
  append(first: number): number {
    if (this.#tail === NONE) this.#head = first;
    else this.link(this.#tail, first);
    let slots = 0;
    for (let slot = first; slot !== NONE; slot = this.after(slot)) {
      this.#chained[slot] = 1;
      this.#tail = slot;
      slots += this.#pool.sizeOf(slot);
    }
    return slots;
  }

  /** Removes the oldest descriptor and gives its slots back. */
  shift(): void {
    const slot = this.#head;
    this.#head = this.after(slot);
    if (this.#head === NONE) this.#tail = NONE;
    this.#chained[slot] = 0;
    this.#owners[slot] = null;
    this.#pool.free(slot);
  }

  /** Forgets everything; the pool is cleared with it. */
  clear(): void {
    this.#head = NONE;
    this.#tail = NONE;
    this.#chained.fill(0);
    this.#owners.fill(null);
    this.#pool.clear();
  }
}
