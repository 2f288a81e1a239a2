import type { CoherentMemory, DmaAddr, DmaTx } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import { CTL_OP_SHIFT, DESCRIPTOR_BYTES, FIELD_NEXT } from "./datasheet.js";

/**
 * Entries that are not for clients: the last one, as in the kernel, so that a full ring differs from an empty one; and one for the null
 * descriptor that starts a chain, which may be needed while transactions that are prepared and not yet submitted hold all others.
 * (The kernel prepares and submits under one lock.)
 */
const SPARE_ENTRIES = 2;
const HIGH_HALF = 2 ** 32;

/** How many entries a ring has for transactions, and so the most that one transaction can have. */
export function ringCapacity(order: number): number {
  return (1 << order) - SPARE_ENTRIES;
}

/**
 * A channel's ring of descriptors, and whose they are; after drivers/dma/ioat/dma.h. Indices run freely modulo 2^16 and are masked for use.
 */
export class Ring {
  readonly #memory: CoherentMemory;
  readonly #view: DataView;
  readonly #mask: number;
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
  // By masked index:
  readonly #owners: (DmaTx | null)[];
  /** 1: with this descriptor its owner is complete. */
  readonly #completes: Uint8Array;
  /** 1: the next entry is its extension. */
  readonly #extended: Uint8Array;

  constructor(memory: PhysicalMemory, order: number) {
    const size = 1 << order;
    this.#mask = size - 1;
    this.#memory = memory.allocCoherent(size * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES);
    const { buffer, byteOffset, byteLength } = this.#memory.bytes;
    this.#view = new DataView(buffer, byteOffset, byteLength);
    this.#owners = new Array(size).fill(null);
    this.#completes = new Uint8Array(size);
    this.#extended = new Uint8Array(size);
    // Linked once and for all: nothing else ever writes this field.
    for (let index = 0; index < size; index++) this.setAddress(index, FIELD_NEXT, this.addressOf(index + 1));
  }

  /** Gives the memory back. */
  free(memory: PhysicalMemory): void {
    memory.freeCoherent(this.#memory);
  }

  /** Entries that are submitted and not cleaned up. */
  get active(): number {
    return (this.#head - this.#tail) & 0xffff;
  }

  /** Entries that the hardware has not been told of. */
  get pending(): number {
    return (this.#head - this.#issued) & 0xffff;
  }

  /** Index of the entry that is cleaned up next. */
  get tail(): number {
    return this.#tail;
  }

  /** Bus address of an entry. */
  addressOf(index: number): DmaAddr {
    return this.#memory.dmaAddr + (index & this.#mask) * DESCRIPTOR_BYTES;
  }

  /** Whether the entry at `addr` is submitted and not cleaned up. */
  isActive(addr: DmaAddr): boolean {
    const index = (addr - this.#memory.dmaAddr) / DESCRIPTOR_BYTES;
    return (
      Number.isInteger(index) &&
      index >= 0 &&
      index <= this.#mask &&
      ((index - this.#tail) & this.#mask) < this.active
    );
  }

  // Filling

  /** Takes room for `entries`. False when there is none now. */
  reserve(entries: number): boolean {
    const taken = this.active - this.#own + this.#reserved;
    if (taken + entries > this.#mask + 1 - SPARE_ENTRIES) return false;
    this.#reserved += entries;
    return true;
  }

  /** Gives room back, because it is about to be used. */
  unreserve(entries: number): void {
    this.#reserved -= entries;
  }

  /**
   * Begins the next descriptor and returns its index. `owner` is null for the driver's own, of which one at a time may be active.
   * `completes`: with this descriptor, its owner is complete.
   */
  add(sizeBytes: number, control: number, owner: DmaTx | null, completes: boolean): number {
    const index = this.#next();
    const slot = index & this.#mask;
    this.#view.setUint32(slot * DESCRIPTOR_BYTES, sizeBytes, true);
    this.#view.setUint32(slot * DESCRIPTOR_BYTES + 4, control, true);
    this.#owners[slot] = owner;
    if (owner === null) this.#own += 1;
    this.#completes[slot] = completes ? 1 : 0;
    this.#extended[slot] = 0;
    return index;
  }

  /** Makes the next entry the extension of the descriptor that was begun last, and returns its index. */
  extend(): number {
    this.#extended[(this.#head - 1) & this.#mask] = 1;
    return this.#next();
  }

  setAddress(index: number, field: number, addr: DmaAddr): void {
    const at = (index & this.#mask) * DESCRIPTOR_BYTES + 8 * field;
    this.#view.setUint32(at, addr % HIGH_HALF, true);
    this.#view.setUint32(at + 4, addr / HIGH_HALF, true);
  }

  /** Sets byte `n` of a field. */
  setByte(index: number, field: number, n: number, value: number): void {
    this.#view.setUint8((index & this.#mask) * DESCRIPTOR_BYTES + 8 * field + n, value);
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

  /** The owner of the descriptor at the tail; null if it is the driver's own. */
  ownerAtTail(): DmaTx | null {
    return this.#owners[this.#tail & this.#mask] as DmaTx | null;
  }

  /** The operation of the descriptor at the tail. */
  opAtTail(): number {
    return this.#view.getUint32((this.#tail & this.#mask) * DESCRIPTOR_BYTES + 4, true) >>> CTL_OP_SHIFT;
  }

  /** Cleans up the descriptor at the tail, and its extension. Returns the transaction that is complete with it, if one is. */
  pop(): DmaTx | null {
    const slot = this.#tail & this.#mask;
    const owner = this.#owners[slot] as DmaTx | null;
    this.#owners[slot] = null;
    if (owner === null) this.#own -= 1;
    this.#tail = (this.#tail + (this.#extended[slot] === 1 ? 2 : 1)) & 0xffff;
    return this.#completes[slot] === 1 ? owner : null;
  }

  /** Forgets all descriptors, and the room of prepared transactions. */
  clear(): void {
    while (this.active > 0) this.pop();
    this.#reserved = 0;
  }

  #next(): number {
    const index = this.#head;
    this.#head = (index + 1) & 0xffff;
    return index;
  }
}
