import type { DmaAddr } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import {
  CHANERR_NEXT_DESC_ADDR,
  CHANERR_NEXT_DESC_ALIGN,
  CTL_OP_SHIFT,
  CTL_SRC_CNT_MASK,
  CTL_SRC_CNT_SHIFT,
  DESCRIPTOR_BYTES,
  FIELD_NEXT,
  FIELD_PQ_COEF,
  MIN_SOURCES,
} from "../datasheet.js";

const HIGH_HALF = 2 ** 32;

/** The device's copy of one descriptor: fetched from memory as bytes, then read field by field. */
export class FetchedDescriptor {
  /** Where it was fetched from. */
  addr: DmaAddr = 0;
  readonly #words = new Uint32Array(DESCRIPTOR_BYTES / 4);
  readonly #view = new DataView(this.#words.buffer);

  /** Fetches the descriptor at `addr`. Returns 0, or CHANERR bits. */
  fetch(memory: PhysicalMemory, addr: DmaAddr): number {
    this.addr = addr;
    if (addr % DESCRIPTOR_BYTES !== 0) return CHANERR_NEXT_DESC_ALIGN;
    return memory.readBlock(addr, this.#words) ? 0 : CHANERR_NEXT_DESC_ADDR;
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
    return ((this.control >>> CTL_SRC_CNT_SHIFT) & CTL_SRC_CNT_MASK) + MIN_SOURCES;
  }

  get next(): DmaAddr {
    return this.field(FIELD_NEXT);
  }

  /** A 64-bit field that holds an address. One that no number can hold exactly is an address that nothing answers, exact or not. */
  field(n: number): DmaAddr {
    return this.#view.getUint32(8 * n, true) + this.#view.getUint32(8 * n + 4, true) * HIGH_HALF;
  }

  /** The coefficient of source `i` of a PQ descriptor. */
  coef(i: number): number {
    return this.#view.getUint8(8 * FIELD_PQ_COEF + i);
  }
}
