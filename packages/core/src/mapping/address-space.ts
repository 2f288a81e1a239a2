import { DmaError } from "../errors.js";
import type { DmaAddr } from "./domain.js";

/** Buffers start on a page, so that an address keeps the offset within the page that the memory had. */
const PAGE_BYTES = 4096;
/** How much unmapped memory may stay placed, so that mapping it again costs nothing. */
const MAX_IDLE_BYTES = 16 * 1024 * 1024;
const MAX_IDLE_WINDOWS = 256;
/** Up to here addresses are given out in order; then those that were given back come round again. A 32-bit device reaches all of them. */
const REUSE_FROM = 2 ** 30;

/**
 * One buffer, placed at consecutive bus addresses. Kernels index `bytes` and `words` with `addr - base`
 * instead of making views, so that reaching memory allocates nothing.
 */
export interface AddressWindow {
  /** Bus address of the buffer's first byte; a multiple of 4096. */
  readonly base: DmaAddr;
  readonly sizeBytes: number;
  readonly bytes: Uint8Array;
  /** The same buffer as 32-bit words; the last 0 to 3 bytes are not covered. */
  readonly words: Uint32Array;
}

interface PlacedWindow extends AddressWindow {
  mappings: number;
}

/**
 * Bus addresses for buffers: what a physical address space is to a kernel. `map` places the buffer behind a
 * piece of memory (once, however many mappings it has) and tells the piece's address; `locate` finds the buffer
 * behind an address. Addresses are used again only when all others have been, and a page between two buffers belongs to
 * none, so a stray address is found out and not served with somebody else's bytes.
 */
export class AddressSpace {
  /** By address. */
  readonly #windows: PlacedWindow[] = [];
  readonly #byBuffer = new WeakMap<ArrayBufferLike, PlacedWindow>();
  /** Where the search for the next free place begins. */
  #next: DmaAddr = PAGE_BYTES;
  #last: PlacedWindow | undefined;
  #idleWindows = 0;
  #idleBytes = 0;

  /** The address of byte `offsetBytes` of `memory`. Every call needs one {@link unmap}. */
  map(memory: Uint8Array, offsetBytes: number): DmaAddr {
    const window = this.#byBuffer.get(memory.buffer) ?? this.#place(memory.buffer);
    if (window.mappings === 0) {
      this.#idleWindows -= 1;
      this.#idleBytes -= window.sizeBytes;
    }
    window.mappings += 1;
    return window.base + memory.byteOffset + offsetBytes;
  }

  /** Takes one mapping of the buffer behind `addr` back. */
  unmap(addr: DmaAddr): void {
    const window = this.#find(addr);
    if (window === undefined || window.mappings === 0) throw notMapped(addr, 1);
    window.mappings -= 1;
    if (window.mappings > 0) return;
    this.#idleWindows += 1;
    this.#idleBytes += window.sizeBytes;
    if (this.#idleWindows > MAX_IDLE_WINDOWS || this.#idleBytes > MAX_IDLE_BYTES) this.#dropIdle();
  }

  /**
   * The mapped buffer that holds all of `addr … addr + lengthBytes - 1`.
   * Throws `ERR_DMA_MAPPING` if there is none: the caller's device has just gone astray.
   */
  locate(addr: DmaAddr, lengthBytes: number): AddressWindow {
    const window = this.find(addr, lengthBytes);
    if (window === null) throw notMapped(addr, lengthBytes);
    return window;
  }

  /** The same, or null if there is none: for device models, where an unmapped address is a bus error like any other. */
  find(addr: DmaAddr, lengthBytes: number): AddressWindow | null {
    const window = this.#find(addr);
    if (window === undefined || window.mappings === 0) return null;
    // A buffer that was transferred to another thread, or shrank, is not there any more, whatever its mappings say.
    const there = window.bytes.length === window.sizeBytes;
    return there && addr + lengthBytes <= window.base + window.sizeBytes ? window : null;
  }

  #place(buffer: ArrayBufferLike): PlacedWindow {
    const spanBytes = Math.ceil(buffer.byteLength / PAGE_BYTES + 1) * PAGE_BYTES;
    const { base, index } = this.#freePlace(spanBytes);
    const window: PlacedWindow = {
      base,
      sizeBytes: buffer.byteLength,
      bytes: new Uint8Array(buffer),
      words: new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / 4)),
      mappings: 0,
    };
    this.#next = base + spanBytes;
    this.#windows.splice(index, 0, window);
    this.#byBuffer.set(buffer, window);
    this.#idleWindows += 1;
    this.#idleBytes += window.sizeBytes;
    return window;
  }

  /** The first gap of this length from {@link #next} on, else the first from the bottom; behind everything when there is none below the limit. */
  #freePlace(spanBytes: number): { base: DmaAddr; index: number } {
    const windows = this.#windows;
    for (const start of [this.#next, PAGE_BYTES]) {
      let base = start;
      // Mostly everything placed so far lies before it.
      const last = windows.at(-1);
      const none = last === undefined || endOf(last) <= start;
      let index = none ? windows.length : windows.findIndex((window) => endOf(window) > start);
      for (; index < windows.length; index++) {
        const window = windows[index] as PlacedWindow;
        if (base + spanBytes <= window.base) break;
        base = endOf(window);
      }
      if (base + spanBytes <= REUSE_FROM) return { base, index };
    }
    const last = windows.at(-1);
    return { base: last === undefined ? PAGE_BYTES : endOf(last), index: windows.length };
  }

  #find(addr: DmaAddr): PlacedWindow | undefined {
    const last = this.#last;
    if (last !== undefined && addr >= last.base && addr < last.base + last.sizeBytes) return last;
    let low = 0;
    let high = this.#windows.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const window = this.#windows[middle] as PlacedWindow;
      if (addr < window.base) high = middle - 1;
      else if (addr >= window.base + window.sizeBytes) low = middle + 1;
      else {
        this.#last = window;
        return window;
      }
    }
    return undefined;
  }

  /** Lets go of every buffer without a mapping, so that the collector may have it. */
  #dropIdle(): void {
    let kept = 0;
    for (const window of this.#windows) {
      if (window.mappings > 0) this.#windows[kept++] = window;
      else this.#byBuffer.delete(window.bytes.buffer);
    }
    this.#windows.length = kept;
    this.#last = undefined;
    this.#idleWindows = 0;
    this.#idleBytes = 0;
  }
}

/** Behind the window's guard page. */
function endOf({ base, sizeBytes }: AddressWindow): DmaAddr {
  return base + Math.ceil(sizeBytes / PAGE_BYTES + 1) * PAGE_BYTES;
}

function notMapped(addr: DmaAddr, lengthBytes: number): DmaError {
  return new DmaError(
    "ERR_DMA_MAPPING",
    `no mapped buffer holds ${lengthBytes} bytes at bus address 0x${addr.toString(16)}: ` +
      "map the memory for this device first and keep the mapping until the transfer is complete",
  );
}
