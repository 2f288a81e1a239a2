import { gfMul } from "@dmaengine/core";
import { KERNEL_COUNT, type KernelFunction } from "../wasm/kernel-module.js";
import { NIBBLE_TABLES, NIBBLE_TABLES_BYTES, Slot } from "../wasm/slot.js";
import { FreeList } from "./free-list.js";
import { linearMemory, PAGE_BYTES } from "./linear-memory.js";

/** The slot of an arena: its first bytes. */
export const SLOT = 0;
/** Where operands from outside are worked on: small enough for a second-level cache. */
export const STAGING_START = NIBBLE_TABLES + NIBBLE_TABLES_BYTES;
/** Where the memory starts that is given out. What is below belongs to the kernels. */
export const HEAP_START = 5 * PAGE_BYTES;
export const STAGING_BYTES = HEAP_START - STAGING_START;

/** One linear memory, with an instance of the kernels that reach it and nothing else. It starts with their slot, and never grows. */
export class Arena {
  readonly buffer: ArrayBufferLike;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  /** Whether threads can share it. */
  readonly shared: boolean;
  /** By `kernelNumber`. */
  readonly sums: readonly KernelFunction[];
  readonly #copy: KernelFunction;
  readonly #fill: KernelFunction;
  readonly #heap: FreeList;
  /** What is beyond was never given out, and is zero still. */
  #fresh = HEAP_START;

  /**
   * Throws `ERR_DMA_MAPPING` when the system has no memory of `sizeBytes`, a multiple of {@link PAGE_BYTES}. The module was compiled for memory
   * that is `shared`, or for one that is not.
   */
  constructor(module: WebAssembly.Module, sizeBytes: number, shared: boolean) {
    const memory = linearMemory(sizeBytes, sizeBytes, shared);
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    const kernel = (name: string): KernelFunction => exports[name] as KernelFunction;
    this.sums = Array.from({ length: KERNEL_COUNT }, (_, number) => kernel(String(number)));
    this.#copy = kernel("copy");
    this.#fill = kernel("fill");
    this.shared = shared;
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
  alloc(sizeBytes: number, alignBytes: number): Uint8Array | null {
    const start = this.#heap.take(sizeBytes, alignBytes);
    if (start < 0) return null;
    if (start < this.#fresh) this.fill(start, 0, sizeBytes);
    this.#fresh = Math.max(this.#fresh, start + sizeBytes);
    return new Uint8Array(this.buffer, start, sizeBytes);
  }

  /** False when this is no memory of {@link alloc}, or not any more. */
  free(memory: Uint8Array): boolean {
    return this.#heap.give(memory.byteOffset);
  }

  /** Copies from one place of the arena to another. V8's `copyWithin` moves shared memory by words at best, and by bytes at worst. */
  copy(dst: number, src: number, lengthBytes: number): void {
    const { words } = this;
    words[(SLOT + Slot.P) / 4] = dst;
    words[(SLOT + Slot.SRCS) / 4] = src;
    words[(SLOT + Slot.LENGTH_BYTES) / 4] = lengthBytes;
    this.#copy(SLOT);
  }

  /** Fills with a byte, from `start` on. V8's own `fill` goes byte by byte where memory is shared. */
  fill(start: number, value: number, lengthBytes: number): void {
    const { words } = this;
    words[(SLOT + Slot.P) / 4] = start;
    words[(SLOT + Slot.FILL_VALUE) / 4] = value;
    words[(SLOT + Slot.LENGTH_BYTES) / 4] = lengthBytes;
    this.#fill(SLOT);
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
