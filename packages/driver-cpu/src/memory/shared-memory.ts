import { DmaError } from "@dmaengine/core";
import { hasSharedMemory } from "../wasm/features.js";
import { HEAP_START, writeNibbleTables } from "./arena.js";
import { FreeList } from "./free-list.js";
import { linearMemory, MAX_MEMORY_BYTES, PAGE_BYTES } from "./linear-memory.js";

/** What it starts with. It at least doubles when that does not suffice. */
const FIRST_BYTES = 16 * 1024 * 1024;

/**
 * The linear memory that workers and client share. It can grow: a shared buffer stays good for what it covers when a longer one takes
 * its place.
 */
export class SharedMemory {
  readonly memory: WebAssembly.Memory;
  readonly #buffers = new WeakSet<ArrayBufferLike>();
  readonly #heap: FreeList;
  readonly #limitBytes: number;
  #fresh = HEAP_START;

  /** Throws `ERR_DMA_CAPABILITY` where threads can't share memory. */
  constructor(limitBytes: number) {
    if (!hasSharedMemory()) {
      throw new DmaError(
        "ERR_DMA_CAPABILITY",
        "cpu: workers need memory that threads share, which this runtime does not give: " +
          "a browser's page has to be cross-origin isolated; or leave the option workers out",
      );
    }
    this.#limitBytes = Math.floor(Math.min(limitBytes, MAX_MEMORY_BYTES) / PAGE_BYTES) * PAGE_BYTES;
    const sizeBytes = Math.min(FIRST_BYTES, this.#limitBytes);
    this.memory = linearMemory(sizeBytes, this.#limitBytes, true);
    this.#heap = new FreeList(HEAP_START, sizeBytes);
    writeNibbleTables(new Uint8Array(this.memory.buffer));
  }

  /** Whether a buffer is this memory, as it is or as it was before it grew, and something of it was given out. */
  owns(buffer: ArrayBufferLike): boolean {
    return this.#buffers.has(buffer);
  }

  /** Memory that is all zeros. Throws `ERR_DMA_MAPPING` when that would be more than the limit. */
  alloc(sizeBytes: number, alignBytes: number): Uint8Array {
    const fresh = this.#fresh;
    const memory = this.take(sizeBytes, alignBytes);
    if (memory.byteOffset < fresh) memory.fill(0);
    return memory;
  }

  /** The same for who writes all of it: what it holds is not defined, and zeroing takes several times as long as a copy. */
  take(sizeBytes: number, alignBytes: number): Uint8Array {
    let start = this.#heap.take(sizeBytes, alignBytes);
    if (start < 0) {
      this.#grow(sizeBytes + alignBytes);
      start = this.#heap.take(sizeBytes, alignBytes);
    }
    const { buffer } = this.memory;
    // After it grew, the runtime puts another object in the buffer's place at a time of its own.
    this.#buffers.add(buffer);
    this.#fresh = Math.max(this.#fresh, start + sizeBytes);
    return new Uint8Array(buffer, start, sizeBytes);
  }

  /** Throws `ERR_DMA_MAPPING` for memory that is not in use. */
  free(memory: Uint8Array): void {
    if (this.owns(memory.buffer) && this.#heap.give(memory.byteOffset)) return;
    throw new DmaError(
      "ERR_DMA_MAPPING",
      `cpu: ${memory.length} bytes at offset ${memory.byteOffset} of their buffer are not memory of alloc(), ` +
        "or were freed already: free exactly what alloc() returned, once",
    );
  }

  #grow(neededBytes: number): void {
    const size = this.memory.buffer.byteLength;
    const wanted = Math.ceil(Math.max(neededBytes, size) / PAGE_BYTES) * PAGE_BYTES;
    const growth = Math.min(wanted, this.#limitBytes - size);
    if (growth < neededBytes) {
      throw new DmaError(
        "ERR_DMA_MAPPING",
        `cpu: no ${neededBytes} bytes left: the shared memory takes ${size} of ${this.#limitBytes} bytes; ` +
          "free some, or raise the driver's maxMemoryBytes (4 GiB is the most that workers can share)",
      );
    }
    try {
      this.memory.grow(growth / PAGE_BYTES);
    } catch (cause) {
      throw new DmaError(
        "ERR_DMA_MAPPING",
        `cpu: the system has no ${growth} bytes more for the shared memory`,
        {
          cause,
        },
      );
    }
    this.#heap.extend(size, size + growth);
  }
}
