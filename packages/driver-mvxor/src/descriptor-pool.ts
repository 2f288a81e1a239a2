import type { CoherentMemory, DmaAddr } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import {
  DESC_OWNED,
  DESC_SUCCESS,
  DESCRIPTOR_BYTES,
  WORD_BYTE_COUNT,
  WORD_COMMAND,
  WORD_DST,
  WORD_NEXT,
  WORD_Q,
  WORD_SRC0,
  WORD_STATUS,
} from "./datasheet.js";

/** A channel's descriptors in memory. The transaction with index n has the one in slot n. */
export class DescriptorPool {
  readonly #memory: CoherentMemory;
  readonly #view: DataView;
  readonly #littleEndian: boolean;

  /** @param littleEndian - whether the CPU is, or else the device swaps descriptors. */
  constructor(memory: PhysicalMemory, size: number, littleEndian: boolean) {
    this.#memory = memory.allocCoherent(size * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES);
    const { buffer, byteOffset, byteLength } = this.#memory.bytes;
    this.#view = new DataView(buffer, byteOffset, byteLength);
    this.#littleEndian = littleEndian;
  }

  /** Gives the memory back. */
  free(memory: PhysicalMemory): void {
    memory.freeCoherent(this.#memory);
  }

  addressOf(slot: number): DmaAddr {
    return this.#memory.dmaAddr + slot * DESCRIPTOR_BYTES;
  }

  /** The slot at an address; an address of elsewhere gives a number that is none. */
  slotAt(addr: DmaAddr): number {
    return (addr - this.#memory.dmaAddr) / DESCRIPTOR_BYTES;
  }

  /** Makes a descriptor the engine's, with nothing behind it (`mv_desc_init`). */
  init(slot: number, command: number, dst: DmaAddr, byteCount: number): void {
    this.#set(slot, WORD_STATUS, DESC_OWNED);
    this.#set(slot, WORD_COMMAND, command);
    this.#set(slot, WORD_NEXT, 0);
    this.#set(slot, WORD_BYTE_COUNT, byteCount);
    this.#set(slot, WORD_DST, dst);
  }

  setSource(slot: number, n: number, addr: DmaAddr): void {
    this.#set(slot, WORD_SRC0 + n, addr);
  }

  setQ(slot: number, addr: DmaAddr): void {
    this.#set(slot, WORD_Q, addr);
  }

  /** Chains one behind another (`mv_desc_set_next_desc`). */
  link(slot: number, next: number): void {
    this.#set(slot, WORD_NEXT, this.addressOf(next));
  }

  isDone(slot: number): boolean {
    return (this.#get(slot, WORD_STATUS) & DESC_SUCCESS) !== 0;
  }

  get #swap(): number {
    return this.#littleEndian ? 0 : 1;
  }

  #set(slot: number, word: number, value: number): void {
    this.#view.setUint32(slot * DESCRIPTOR_BYTES + 4 * (word ^ this.#swap), value, this.#littleEndian);
  }

  #get(slot: number, word: number): number {
    return this.#view.getUint32(slot * DESCRIPTOR_BYTES + 4 * (word ^ this.#swap), this.#littleEndian);
  }
}
