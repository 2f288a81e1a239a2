import { DmaError } from "@dmaengine/core";
import type { DmaAddr, DmaTx } from "@dmaengine/core/driver";
import type { CoherentMemory, PhysicalMemory } from "@dmaengine/sim";
import { DESCRIPTOR_BYTES, FIELD_NEXT } from "./datasheet.js";

/**
 * Entries that stay free: the last one, as in the kernel, so that full and empty differ, and one more for the null descriptor of a restart
 * while everything else is taken by transactions that are prepared and not yet submitted. (The kernel prepares and submits under one lock.)
 */
const SPARE_ENTRIES = 2;

/**
 * The ring of descriptors and the driver's records of them, after the ring of drivers/dma/ioat/dma.h. Indices run freely modulo
 * 2^16 and are masked for use: head (next to fill), issued (told to the hardware), tail (next to clean up).
 */
export class Ring {
  /** Number of entries, a power of two up to 65536. */
  readonly size: number;
  /** The descriptors, as the CPU writes them. */
  readonly view: DataView;
  head = 0;
  issued = 0;
  tail = 0;
  /** Entries that prepared transactions have taken. */
  reserved = 0;
  /** By masked index: whose descriptor it is. Null: the driver's own, or none. */
  readonly #owners: (DmaTx | null)[];
  /** By masked index: 1, its completion is the transaction's. */
  readonly #last: Uint8Array;
  /** By masked index: 1, it has an extension in the next entry. */
  readonly #extended: Uint8Array;
  readonly #memory: CoherentMemory;
  readonly #mask: number;

  constructor(memory: PhysicalMemory, order: number) {
    this.size = 1 << order;
    this.#mask = this.size - 1;
    this.#owners = new Array(this.size).fill(null);
    this.#last = new Uint8Array(this.size);
    this.#extended = new Uint8Array(this.size);
    this.#memory = memory.allocCoherent(this.size * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES);
    this.view = new DataView(this.#memory.bytes.buffer, this.#memory.bytes.byteOffset, this.#memory.bytes.length);
    // The ring is linked once and for all.
    for (let index = 0; index < this.size; index++) this.setAddress(index, FIELD_NEXT, this.addressOf(index + 1));
  }

  /** Most entries that one transaction can have. */
  static capacity(order: number): number {
    return (1 << order) - SPARE_ENTRIES;
  }

  free(memory: PhysicalMemory): void {
    memory.freeCoherent(this.#memory);
  }

  /** Entries between tail and head: submitted and not cleaned up. */
  get active(): number {
    return (this.head - this.tail) & 0xffff;
  }

  /** Entries that the hardware has not been told of. */
  get pending(): number {
    return (this.head - this.issued) & 0xffff;
  }

  /** Takes room for `entries`. False when there is none now. */
  reserve(entries: number): boolean {
    if (this.active + this.reserved + entries > this.size - SPARE_ENTRIES) return false;
    this.reserved += entries;
    return true;
  }

  /** Bus address of an entry. */
  addressOf(index: number): DmaAddr {
    return this.#memory.addr + (index & this.#mask) * DESCRIPTOR_BYTES;
  }

  /** How many entries, from the tail on, are done when the one at `addr` is. Its extension counts with it. */
  countUpTo(addr: DmaAddr): number {
    const index = (addr - this.#memory.addr) / DESCRIPTOR_BYTES;
    const before = (index - this.tail) & this.#mask;
    if (!Number.isInteger(index) || index < 0 || index >= this.size || before >= this.active) {
      throw new DmaError(
        "ERR_DMA_DRIVER",
        `ioat: the completion word names 0x${addr.toString(16)}, which is none of the ${this.active} active descriptors`,
      );
    }
    return before + this.entriesOf(index);
  }

  /** Writes the front of a descriptor, and whose it is. `last`: its completion is the transaction's. */
  fill(index: number, sizeBytes: number, control: number, owner: DmaTx | null, last: boolean): void {
    const slot = index & this.#mask;
    this.view.setUint32(slot * DESCRIPTOR_BYTES, sizeBytes, true);
    this.view.setUint32(slot * DESCRIPTOR_BYTES + 4, control, true);
    this.#owners[slot] = owner;
    this.#last[slot] = last ? 1 : 0;
    this.#extended[slot] = 0;
  }
}
