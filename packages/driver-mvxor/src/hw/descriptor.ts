import type { DmaAddr } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import {
  DESC_OP_MASK,
  DESC_OP_SHIFT,
  DESC_OWNED,
  DESC_SUCCESS,
  DESCRIPTOR_BYTES,
  WORD_BYTE_COUNT,
  WORD_COMMAND,
  WORD_CRC32,
  WORD_NEXT,
  WORD_SRC0,
  WORD_STATUS,
} from "../datasheet.js";

/** The device's copy of one descriptor: fetched from memory as bytes, then read word by word. */
export class FetchedDescriptor {
  /** Where it was fetched from. */
  addr: DmaAddr = 0;
  readonly #raw = new Uint32Array(DESCRIPTOR_BYTES / 4);
  readonly #view = new DataView(this.#raw.buffer);
  /** Whether its bytes are the other way round, in units of 8 bytes. */
  #swapped = false;

  /** Fetches the descriptor at `addr`, which the memory is known to have. */
  fetch(memory: PhysicalMemory, addr: DmaAddr, swapped: boolean): void {
    this.addr = addr;
    this.#swapped = swapped;
    memory.readBlock(addr, this.#raw);
  }

  /** Notes what was fetched, and returns what puts it back. */
  capture(): () => void {
    const { addr } = this;
    const raw = this.#raw.slice();
    const swapped = this.#swapped;
    return () => {
      this.addr = addr;
      this.#raw.set(raw);
      this.#swapped = swapped;
    };
  }

  word(n: number): number {
    return this.#swapped ? this.#view.getUint32(4 * (n ^ 1), false) : this.#view.getUint32(4 * n, true);
  }

  get owned(): boolean {
    return (this.word(WORD_STATUS) & DESC_OWNED) !== 0;
  }

  get command(): number {
    return this.word(WORD_COMMAND);
  }

  get op(): number {
    return (this.command >>> DESC_OP_SHIFT) & DESC_OP_MASK;
  }

  get next(): DmaAddr {
    return this.word(WORD_NEXT);
  }

  get byteCount(): number {
    return this.word(WORD_BYTE_COUNT);
  }

  source(i: number): DmaAddr {
    return this.word(WORD_SRC0 + i);
  }

  /** Gives it back to the driver, as a success or not. */
  writeBack(memory: PhysicalMemory, success: boolean): void {
    const status = ((this.word(WORD_STATUS) & ~DESC_OWNED) | (success ? DESC_SUCCESS : 0)) >>> 0;
    const crc = this.word(WORD_CRC32);
    if (this.#swapped) memory.write64(this.addr, swapBytes(crc), swapBytes(status));
    else memory.write64(this.addr, status, crc);
  }
}

function swapBytes(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
