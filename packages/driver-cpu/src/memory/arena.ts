import { DmaError, gfMul } from "@dmaengine/core";
import { KERNEL_COUNT, type SumFunction } from "../wasm/kernel-module.js";
import { NIBBLE_TABLES, NIBBLE_TABLES_BYTES } from "../wasm/slot.js";
import { FreeList } from "./free-list.js";

/** Linear memories consist of pages of this size. */
export const PAGE_BYTES = 65536;
/** The largest linear memory with 32-bit addresses. */
export const MAX_ARENA_BYTES = 65536 * PAGE_BYTES;

/** Where operands from outside are worked on: small enough for a second-level cache. */
export const STAGING_START = NIBBLE_TABLES + NIBBLE_TABLES_BYTES;
/** Where the memory starts that is given out. What is below belongs to the kernels. */
export const HEAP_START = 5 * PAGE_BYTES;
export const STAGING_BYTES = HEAP_START - STAGING_START;

/** One linear memory, with an instance of the kernels that reach it and nothing else. It starts with their slot, and never grows. */
export class Arena {
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;
  /** By `kernelNumber`. */
  readonly sums: readonly SumFunction[];
  readonly #heap: FreeList;
  /** What is beyond was never given out, and is zero still. */
  #fresh = HEAP_START;

  /** Throws `ERR_DMA_MAPPING` when the system has no memory of `sizeBytes`, which is a multiple of {@link PAGE_BYTES}. */
  constructor(module: WebAssembly.Module, sizeBytes: number) {
    const memory = linearMemory(sizeBytes);
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    this.sums = Array.from({ length: KERNEL_COUNT }, (_, number) => exports[String(number)] as SumFunction);
    this.buffer = memory.buffer;
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    this.#heap = new FreeList(HEAP_START, sizeBytes);
    writeNibbleTables(this.bytes);
  }

  /** Nothing of it is in use. */
  get idle(): boolean {
    return this.#heap.empty;
  }

  /** Memory that is all zeros, or null when there is not so much in one piece. */
  alloc(sizeBytes: number, alignBytes: number): Uint8Array<ArrayBuffer> | null {
    const start = this.#heap.take(sizeBytes, alignBytes);
    if (start < 0) return null;
    const memory = new Uint8Array(this.buffer, start, sizeBytes);
    if (start < this.#fresh) memory.fill(0);
    this.#fresh = Math.max(this.#fresh, start + sizeBytes);
    return memory;
  }

  /** False when this is no memory of {@link alloc}, or not any more. */
  free(memory: Uint8Array): boolean {
    return this.#heap.give(memory.byteOffset);
  }
}

function linearMemory(sizeBytes: number): WebAssembly.Memory & { readonly buffer: ArrayBuffer } {
  const pages = sizeBytes / PAGE_BYTES;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (cause) {
    throw new DmaError("ERR_DMA_MAPPING", `cpu: the system has no ${sizeBytes} bytes for a linear memory`, {
      cause,
    });
  }
}

/** Fills in the tables that kernels multiply with. */
export function writeNibbleTables(bytes: Uint8Array): void {
  for (let coef = 0; coef < 256; coef++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      const at = NIBBLE_TABLES + 32 * coef + nibble;
      bytes[at] = gfMul(coef, nibble);
      bytes[at + 16] = gfMul(coef, nibble << 4);
    }
  }
}
