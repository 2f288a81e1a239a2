import { DmaError } from "@dmaengine/core";
import { type DmaAddr, DmaDirection, type DmaDomain } from "@dmaengine/core/driver";

/** A cache line, which is as much as the widest vectors of any processor have. */
const LINE_BYTES = 64;

/** Memory from which smaller pieces are cut: several huge pages of x86 and ARM, of 2 MiB each. */
const SLAB_BYTES = 8 * 1024 * 1024;

/** Memory that the library may reach, at its address in this process. */
export interface Window {
  readonly base: DmaAddr;
  sizeBytes: number;
  /** Keeps the memory alive. A `SharedArrayBuffer` can't be detached, so it also stays where it is. */
  buffer: SharedArrayBuffer;
  mappings: number;
  /** For memory that the library can't be given: whose copy this is. */
  readonly bounced: { readonly outside: Uint8Array; readonly inside: Uint8Array } | null;
}

/**
 * How a library reaches memory: at its real address. That is what bus addresses are here; so alignment is true, and a list of bus
 * addresses is a list of pointers.
 *
 * An `ArrayBuffer` can be transferred to another thread or resized at any time, and its memory be freed; a library that is at work on it would not
 * notice. So only what is on a `SharedArrayBuffer` is mapped as it is, `alloc()` gives such memory, and everything else is copied, as swiotlb does for hardware
 * (kernel/dma/swiotlb.c). Mapping copies in whatever the direction, so that bytes which the library does not write are the same afterwards.
 */
export class RealDomain implements DmaDomain {
  readonly name: string;
  readonly #addressOf: (buffer: SharedArrayBuffer) => number;
  /** Sorted by address; none overlaps another. */
  readonly #windows: Window[] = [];
  #last: Window | undefined;
  /** What was mapped as it is the last time: the next mapping is mostly of the same buffer, and asking where that is takes a call. */
  #lastMapped: Window | undefined;
  /** What the next pieces are cut from, how much of it is gone, and where it is. */
  #slab = new SharedArrayBuffer(0);
  #slabUsed = 0;
  #slabAddr = 0;
  bouncedBytes = 0;

  constructor(name: string, { addressOf }: { addressOf(buffer: SharedArrayBuffer): number }) {
    this.name = name;
    this.#addressOf = addressOf;
  }

  reaches({ buffer }: Uint8Array): boolean {
    return buffer instanceof SharedArrayBuffer;
  }

  map(memory: Uint8Array, offsetBytes: number, lengthBytes: number, _direction: DmaDirection): DmaAddr {
    const { buffer } = memory;
    if (buffer instanceof SharedArrayBuffer) {
      return this.#mapBuffer(buffer).base + memory.byteOffset + offsetBytes;
    }
    const outside = memory.subarray(offsetBytes, offsetBytes + lengthBytes);
    // On its own: what is in a slab is in the slab's window.
    const inside = this.#allocAlone(lengthBytes, LINE_BYTES);
    this.#copy(inside, outside);
    return this.#insert({
      base: this.#addressOf(inside.buffer) + inside.byteOffset,
      sizeBytes: lengthBytes,
      buffer: inside.buffer,
      mappings: 1,
      bounced: { outside, inside },
    }).base;
  }

  unmap(addr: DmaAddr, _lengthBytes: number, direction: DmaDirection): void {
    const window = this.#at(addr);
    window.mappings -= 1;
    if (window.mappings > 0) return;
    this.#windows.splice(this.#indexOf(addr), 1);
    this.#last = undefined;
    this.#lastMapped = undefined;
    const { bounced } = window;
    if (bounced !== null && direction !== DmaDirection.TO_DEVICE) this.#copy(bounced.outside, bounced.inside);
  }

  syncForCpu(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    const { base, bounced } = this.#at(addr);
    if (bounced === null || direction === DmaDirection.TO_DEVICE) return;
    const [start, end] = [addr - base, addr - base + lengthBytes];
    this.#copy(bounced.outside.subarray(start, end), bounced.inside.subarray(start, end));
  }

  syncForDevice(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    const { base, bounced } = this.#at(addr);
    if (bounced === null || direction === DmaDirection.FROM_DEVICE) return;
    const [start, end] = [addr - base, addr - base + lengthBytes];
    this.#copy(bounced.inside.subarray(start, end), bounced.outside.subarray(start, end));
  }

  /**
   * Memory that is mapped as it is. Small pieces are cut from one buffer after another, so that a system with huge pages can use some for them. A buffer is
   * freed when the next one is in use and nobody has a piece of it.
   */
  alloc(sizeBytes: number, alignBytes: number): Uint8Array<SharedArrayBuffer> {
    const align = Math.max(alignBytes, LINE_BYTES);
    if (sizeBytes + align > SLAB_BYTES / 2) return this.#allocAlone(sizeBytes, align);
    let at = this.#slabUsed + paddingAt(this.#slabAddr + this.#slabUsed, align);
    if (at + sizeBytes > this.#slab.byteLength) {
      this.#slab = new SharedArrayBuffer(SLAB_BYTES);
      this.#slabAddr = this.#addressOf(this.#slab);
      at = paddingAt(this.#slabAddr, align);
    }
    this.#slabUsed = at + sizeBytes;
    return new Uint8Array(this.#slab, at, sizeBytes);
  }

  #allocAlone(sizeBytes: number, align: number): Uint8Array<SharedArrayBuffer> {
    const buffer = new SharedArrayBuffer(sizeBytes + align);
    return new Uint8Array(buffer, paddingAt(this.#addressOf(buffer), align), sizeBytes);
  }

  /** The memory that holds all of `addr … addr + lengthBytes - 1`; null when it is not mapped. */
  find(addr: DmaAddr, lengthBytes: number): Window | null {
    let window = this.#last;
    if (window === undefined || addr < window.base || addr >= window.base + window.sizeBytes) {
      window = this.#windows[this.#indexOf(addr)];
      this.#last = window;
    }
    if (window === undefined || addr < window.base) return null;
    return addr + lengthBytes <= window.base + window.sizeBytes ? window : null;
  }

  #mapBuffer(buffer: SharedArrayBuffer): Window {
    const last = this.#lastMapped;
    if (last?.buffer === buffer) {
      last.mappings += 1;
      return last;
    }
    const window = this.#windowOf(buffer);
    this.#lastMapped = window;
    return window;
  }

  /** The window of a buffer, with a mapping more. */
  #windowOf(buffer: SharedArrayBuffer): Window {
    const base = this.#addressOf(buffer);
    const window = this.#windows[this.#indexOf(base)];
    if (window?.base !== base) {
      return this.#insert({ base, sizeBytes: buffer.byteLength, buffer, mappings: 1, bounced: null });
    }
    // A WebAssembly memory that grew has another buffer at the same place.
    if (buffer.byteLength > window.sizeBytes) {
      window.buffer = buffer;
      window.sizeBytes = buffer.byteLength;
    }
    window.mappings += 1;
    return window;
  }

  #insert(window: Window): Window {
    this.#windows.splice(this.#indexOf(window.base) + 1, 0, window);
    return window;
  }

  /** The window that an address is in. */
  #at(addr: DmaAddr): Window {
    const window = this.find(addr, 1);
    if (window !== null) return window;
    throw new DmaError(
      "ERR_DMA_MAPPING",
      `${this.name}: nothing is mapped at bus address 0x${addr.toString(16)}: unmap each mapping once, and sync none that is not mapped`,
    );
  }

  /** Index of the last window that starts at `addr` or before, -1 if none does. */
  #indexOf(addr: DmaAddr): number {
    let low = 0;
    let high = this.#windows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#windows[middle] as Window).base <= addr) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #copy(to: Uint8Array, from: Uint8Array): void {
    to.set(from);
    this.bouncedBytes += from.length;
  }
}

/** How far it is from an address to the next multiple of `align`. */
function paddingAt(addr: number, align: number): number {
  const beyond = addr % align;
  return beyond === 0 ? 0 : align - beyond;
}
