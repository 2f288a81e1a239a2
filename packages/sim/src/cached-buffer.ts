import type { AddressWindow } from "@dmaengine/core/driver";
import { captureBytes } from "./domain.js";

/**
 * A buffer of a client on a machine whose caches devices don't see, with the state of its cache lines. It is held three times:
 *
 * - `cpu`, the client's own buffer, is what the CPU reads and writes, through its cache;
 * - `dram` is what devices read and write;
 * - `clean` is what each line held when the cache and the CPU last agreed. A line that differs from it was stored to since.
 *
 * Stores of the CPU are not seen when they happen, so a line is dirty if its *content* is; a store of the value that was there before
 * leaves it clean. A store into a line that is not cached pulls it in as it was at the last hand-over.
 */
export class CachedBuffer {
  /** DRAM, where devices find it. */
  readonly window: AddressWindow;
  readonly #cpu: Uint8Array;
  readonly #dram: Uint8Array;
  readonly #clean: Uint8Array;
  /** By line: 1 if it is in the cache. */
  readonly #cached: Uint8Array;
  readonly #lineBytes: number;
  /** Live mappings. */
  mappings = 0;

  /** Everything is in the cache and nothing in DRAM, which is zeroed: what an allocator and the stores after it leave behind. */
  constructor(cpu: Uint8Array, window: AddressWindow, lineBytes: number) {
    this.window = window;
    this.#cpu = cpu;
    this.#dram = window.bytes;
    this.#clean = new Uint8Array(cpu.length);
    this.#cached = new Uint8Array(Math.ceil(cpu.length / lineBytes)).fill(1);
    this.#lineBytes = lineBytes;
  }

  /** The client's buffer. */
  get client(): ArrayBufferLike {
    return this.#cpu.buffer;
  }

  /** Whether the client's buffer is still there: it goes away when it is transferred to another thread. */
  get isThere(): boolean {
    return this.#cpu.length === this.#dram.length;
  }

  /** Writes a dirty line back and keeps it. */
  clean(line: number): void {
    const end = this.#endOf(line);
    for (let i = line * this.#lineBytes; i < end; i++) {
      const byte = this.#cpu[i] as number;
      if (byte === this.#clean[i]) continue;
      this.#writeBack(line, end);
      return;
    }
  }

  /** Drops a line, whatever the CPU stored there. */
  invalidate(line: number): void {
    const end = this.#endOf(line);
    for (let i = line * this.#lineBytes; i < end; i++) this.#clean[i] = this.#cpu[i] as number;
    this.#cached[line] = 0;
  }

  /** Writes a line back if it is dirty, and drops it. */
  flush(line: number): void {
    this.clean(line);
    this.#cached[line] = 0;
  }

  /** Reads a line from DRAM, unless it is in the cache. */
  load(line: number): void {
    if (this.#cached[line] === 1) return;
    this.#cached[line] = 1;
    const start = line * this.#lineBytes;
    const end = this.#endOf(line);
    for (let i = start; i < end; i++) if (this.#cpu[i] !== this.#clean[i]) return;
    for (let i = start; i < end; i++) {
      const byte = this.#dram[i] as number;
      this.#cpu[i] = byte;
      this.#clean[i] = byte;
    }
  }

  /** Notes everything, and returns what puts it back. */
  capture(): () => void {
    const restores = [this.#cpu, this.#dram, this.#clean, this.#cached].map(captureBytes);
    return () => {
      for (const restore of restores) restore();
    };
  }

  /** A real cache writes back the whole line, bytes that only a device has changed included. */
  #writeBack(line: number, end: number): void {
    for (let i = line * this.#lineBytes; i < end; i++) {
      const byte = this.#cpu[i] as number;
      this.#dram[i] = byte;
      this.#clean[i] = byte;
    }
    this.#cached[line] = 1;
  }

  #endOf(line: number): number {
    return Math.min((line + 1) * this.#lineBytes, this.#cpu.length);
  }
}
