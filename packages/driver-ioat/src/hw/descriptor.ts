import type { DmaAddr } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import {
  CTL_OP_SHIFT,
  CTL_SRC_CNT_MASK,
  CTL_SRC_CNT_SHIFT,
  DESCRIPTOR_BYTES,
  FIELD_NEXT,
  MIN_SOURCES,
  MIN_SOURCES_16,
  OP_PQ_16,
  OP_PQ_VAL_16,
} from "../datasheet.js";

const HIGH_HALF = 2 ** 32;

/** The device's copy of one descriptor: fetched from memory as bytes, then read field by field. */
export class FetchedDescriptor {
  /** Where it was fetched from. */
  addr: DmaAddr = 0;
  readonly #words: Uint32Array;
  readonly #view: DataView;

  constructor(sizeBytes = DESCRIPTOR_BYTES) {
    this.#words = new Uint32Array(sizeBytes / 4);
    this.#view = new DataView(this.#words.buffer);
  }

  /** Fetches the descriptor at `addr`. Returns 0, or one of two CHANERR bits: it is not aligned, or nothing answers there. */
  fetch(memory: PhysicalMemory, addr: DmaAddr, notAligned: number, notThere: number): number {
    this.addr = addr;
    if (addr % DESCRIPTOR_BYTES !== 0) return notAligned;
    return memory.readBlock(addr, this.#words) ? 0 : notThere;
  }

  /** What a disturbance on the bus leaves of it: an operation that no hardware knows. */
  corrupt(): void {
    this.#words[1] = 0xffff_ffff;
  }

  /** Notes what was fetched, and returns what puts it back. */
  capture(): () => void {
    const { addr } = this;
    const words = this.#words.slice();
    return () => {
      this.addr = addr;
      this.#words.set(words);
    };
  }

  get sizeBytes(): number {
    return this.#view.getUint32(0, true);
  }

  get control(): number {
    return this.#view.getUint32(4, true);
  }

  get op(): number {
    return this.control >>> CTL_OP_SHIFT;
  }

  /** Of a RAID descriptor. */
  get srcCnt(): number {
    const { op } = this;
    const fewest = op === OP_PQ_16 || op === OP_PQ_VAL_16 ? MIN_SOURCES_16 : MIN_SOURCES;
    return ((this.control >>> CTL_SRC_CNT_SHIFT) & CTL_SRC_CNT_MASK) + fewest;
  }

  get next(): DmaAddr {
    return this.field(FIELD_NEXT);
  }

  /** A 64-bit field that holds an address. One that no number can hold exactly is an address that nothing answers, exact or not. */
  field(n: number): DmaAddr {
    return this.#view.getUint32(8 * n, true) + this.#view.getUint32(8 * n + 4, true) * HIGH_HALF;
  }

  /** Byte `i` of a field. */
  byte(field: number, i: number): number {
    return this.#view.getUint8(8 * field + i);
  }

  /** The eight bytes of a field, into `into`. */
  bytes(field: number, into: Uint8Array): void {
    for (let i = 0; i < 8; i++) into[i] = this.byte(field, i);
  }
}
