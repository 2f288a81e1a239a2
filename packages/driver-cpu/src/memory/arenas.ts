import { DmaError } from "@dmaengine/core";
import { compileKernels } from "../wasm/compile.js";
import { hasSharedMemory } from "../wasm/features.js";
import { Arena, HEAP_START } from "./arena.js";
import { MAX_MEMORY_BYTES, PAGE_BYTES } from "./linear-memory.js";

/**
 * The first arena; each further one is twice as large as the one before, up to a limit. Systems give room to what is touched only, and operands in
 * different arenas have to be copied: so one holds an array's stripes, and its requests as well.
 */
const FIRST_ARENA_BYTES = 128 * 1024 * 1024;
const LAST_ARENA_BYTES = 1024 * 1024 * 1024;
/**
 * Far more than staging needs, and all but that is never touched: V8's collector hurries by the size of memories that nobody uses any more, but takes
 * no account of shared ones, and arenas of engines that are gone would pile up.
 */
const STAGING_ARENA_BYTES = 16 * 1024 * 1024;

/**
 * The linear memories of one device. One can't grow, as its buffer would be replaced under everybody's views, and has at most 4 GiB; so when
 * what there is does not suffice, another one is added. An allocation lies in one of them as a whole. The first one is made for the first of them.
 */
export class Arenas {
  /**
   * Where operations are done none of whose operands is in an arena. Nothing of it is given out, so it need not be shared, and copies into it and
   * out of it are as fast as can be.
   */
  readonly staging: Arena;
  readonly #module: WebAssembly.Module;
  readonly #shared: boolean;
  readonly #limitBytes: number;
  readonly #arenas: Arena[] = [];
  /** Bytes that were copied into an arena or out of one, to be worked on there. */
  bouncedBytes = 0;

  private constructor(staging: Arena, module: WebAssembly.Module, shared: boolean, limitBytes: number) {
    this.staging = staging;
    this.#module = module;
    this.#shared = shared;
    this.#limitBytes = limitBytes;
  }

  /** Memory for kernels, with the relaxed SIMD extension or without: shared between threads where the runtime has such memory. */
  static async open(relaxed: boolean, limitBytes: number, shared = hasSharedMemory()): Promise<Arenas> {
    const module = await compileKernels(relaxed, shared);
    const staging = new Arena(await compileKernels(relaxed, false), STAGING_ARENA_BYTES, false);
    return new Arenas(staging, module, shared, limitBytes);
  }

  /** The arena that a view is all of, if it is. Lengths are compared faster than buffers, and mostly tell them apart. */
  under(bytes: Uint8Array): Arena | undefined {
    for (const arena of this.#arenas) {
      if (arena.bytes.length === bytes.length && arena.buffer === bytes.buffer) return arena;
    }
    return undefined;
  }

  /** The arena that a buffer belongs to, if it belongs to one. */
  of(buffer: ArrayBufferLike): Arena | undefined {
    return this.#arenas.find((arena) => arena.buffer === buffer);
  }

  /** Throws `ERR_DMA_MAPPING` when that would be more than the limit. */
  alloc(sizeBytes: number, alignBytes: number): Uint8Array {
    for (const arena of this.#arenas) {
      const memory = arena.alloc(sizeBytes, alignBytes);
      if (memory !== null) return memory;
    }
    return this.#grow(sizeBytes, alignBytes).alloc(sizeBytes, alignBytes) as Uint8Array;
  }

  /** Throws `ERR_DMA_MAPPING` for memory that is not in use. An arena with nothing in use is let go, except the first one. */
  free(memory: Uint8Array): void {
    const arena = this.of(memory.buffer);
    if (arena?.free(memory) !== true) {
      throw new DmaError(
        "ERR_DMA_MAPPING",
        `cpu: ${memory.length} bytes at offset ${memory.byteOffset} of their buffer are not memory of alloc(), ` +
          "or were freed already: free exactly what alloc() returned, once",
      );
    }
    if (arena.idle && arena !== this.#arenas[0]) this.#arenas.splice(this.#arenas.indexOf(arena), 1);
  }

  #grow(sizeBytes: number, alignBytes: number): Arena {
    const inUse = this.#arenas.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    const needed = HEAP_START + sizeBytes + alignBytes;
    const wanted = Math.min(FIRST_ARENA_BYTES * 2 ** this.#arenas.length, LAST_ARENA_BYTES);
    const left = Math.min(this.#limitBytes - inUse, MAX_MEMORY_BYTES);
    const bytes = arenaBytes(Math.max(wanted, needed), left);
    if (needed > MAX_MEMORY_BYTES) {
      throw new DmaError(
        "ERR_DMA_MAPPING",
        `cpu: no ${sizeBytes} bytes in one piece: a linear memory has at most ${MAX_MEMORY_BYTES} bytes; ask for less at a time`,
      );
    }
    if (bytes < needed) {
      throw new DmaError(
        "ERR_DMA_MAPPING",
        `cpu: no ${sizeBytes} bytes left: linear memories take ${inUse} of ${this.#limitBytes} bytes; ` +
          "free some, or raise the driver's maxMemoryBytes",
      );
    }
    const arena = new Arena(this.#module, bytes, this.#shared);
    this.#arenas.push(arena);
    return arena;
  }
}

/** Whole pages: as many bytes as are wanted, but no more than are left. */
function arenaBytes(wanted: number, left: number): number {
  return Math.min(Math.ceil(wanted / PAGE_BYTES), Math.floor(left / PAGE_BYTES)) * PAGE_BYTES;
}
