import { DmaError } from "@dmaengine/core";
import {
  AddressSpace,
  type AddressWindow,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  DmaDirection,
  type DmaDomain,
} from "@dmaengine/core/driver";
import type { SharedMemory } from "./shared-memory.js";

/** Bounced mappings have addresses from here on; those of the shared memory are far below. */
const BOUNCED_BASE = 2 ** 45;
/** Addresses of two bounced mappings are at least so far apart. */
const GAP_BYTES = 4096;

/** A mapping of memory that workers can't reach, and what they work on instead. */
interface Bounced {
  readonly addr: DmaAddr;
  readonly outside: Uint8Array;
  readonly inside: Uint8Array;
  /** The buffer of `inside`, placed so that `inside` is at `addr`. */
  readonly window: AddressWindow;
}

/**
 * How workers reach memory: what is in the shared memory directly, the rest through a copy of it, as swiotlb does for hardware (kernel/dma/swiotlb.c).
 * Mapping copies in whatever the direction, so that bytes which the engine does not write are the same afterwards; unmap and sync for the CPU copy
 * out what the engine may have written. The address of a bounced mapping is never used again.
 */
export class SharedDomain implements DmaDomain {
  readonly name: string;
  readonly #memory: SharedMemory;
  readonly #space = new AddressSpace();
  /** Sorted by address. */
  readonly #bounced: Bounced[] = [];
  #nextAddr: DmaAddr = BOUNCED_BASE;
  bouncedBytes = 0;

  constructor(name: string, memory: SharedMemory) {
    this.name = name;
    this.#memory = memory;
  }

  reaches({ buffer }: Uint8Array): boolean {
    return this.#memory.owns(buffer);
  }

  map(memory: Uint8Array, offsetBytes: number, lengthBytes: number, _direction: DmaDirection): DmaAddr {
    if (this.#memory.owns(memory.buffer)) return this.#space.map(memory, offsetBytes);
    const outside = memory.subarray(offsetBytes, offsetBytes + lengthBytes);
    let inside: Uint8Array;
    try {
      inside = this.#memory.take(lengthBytes, 64);
    } catch (error) {
      if (DmaError.isInstance(error)) return DMA_MAPPING_ERROR;
      throw error;
    }
    const addr = this.#nextAddr;
    this.#nextAddr += Math.ceil(lengthBytes / GAP_BYTES + 1) * GAP_BYTES;
    this.#bounced.push({ addr, outside, inside, window: windowAt(addr, inside) });
    this.#copy(inside, outside);
    return addr;
  }

  unmap(addr: DmaAddr, _lengthBytes: number, direction: DmaDirection): void {
    if (addr < BOUNCED_BASE) {
      this.#space.unmap(addr);
      return;
    }
    const { outside, inside } = this.#at(addr);
    this.#bounced.splice(this.#indexOf(addr), 1);
    if (direction !== DmaDirection.TO_DEVICE) this.#copy(outside, inside);
    this.#memory.free(inside);
  }

  syncForCpu(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    if (addr < BOUNCED_BASE || direction === DmaDirection.TO_DEVICE) return;
    const bounced = this.#at(addr);
    this.#copy(
      part(bounced, bounced.outside, addr, lengthBytes),
      part(bounced, bounced.inside, addr, lengthBytes),
    );
  }

  syncForDevice(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    if (addr < BOUNCED_BASE || direction === DmaDirection.FROM_DEVICE) return;
    const bounced = this.#at(addr);
    this.#copy(
      part(bounced, bounced.inside, addr, lengthBytes),
      part(bounced, bounced.outside, addr, lengthBytes),
    );
  }

  /** Memory that workers reach: it is on a `SharedArrayBuffer`. */
  alloc(sizeBytes: number, alignBytes: number): Uint8Array {
    return this.#memory.alloc(sizeBytes, alignBytes);
  }

  free(memory: Uint8Array): void {
    this.#memory.free(memory);
  }

  /** The shared memory, placed so that `addr` is where it should be; null when it is not mapped. */
  find(addr: DmaAddr, lengthBytes: number): AddressWindow | null {
    if (addr < BOUNCED_BASE) return this.#space.find(addr, lengthBytes);
    return this.#find(addr, lengthBytes)?.window ?? null;
  }

  #find(addr: DmaAddr, lengthBytes: number): Bounced | undefined {
    const bounced = this.#bounced[this.#indexOf(addr)];
    const holds = bounced !== undefined && addr + lengthBytes <= bounced.addr + bounced.inside.length;
    return holds ? bounced : undefined;
  }

  /** The mapping that an address is in. */
  #at(addr: DmaAddr): Bounced {
    const bounced = this.#find(addr, 1);
    if (bounced !== undefined) return bounced;
    throw new DmaError(
      "ERR_DMA_MAPPING",
      `${this.name}: nothing is mapped at bus address 0x${addr.toString(16)}: unmap each mapping once, and sync none that is not mapped`,
    );
  }

  /** Index of the last mapping that starts at `addr` or before, -1 if none does. */
  #indexOf(addr: DmaAddr): number {
    let low = 0;
    let high = this.#bounced.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#bounced[middle] as Bounced).addr <= addr) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #copy(to: Uint8Array, from: Uint8Array): void {
    to.set(from);
    this.bouncedBytes += from.length;
  }
}

function windowAt(addr: DmaAddr, { buffer, byteOffset }: Uint8Array): AddressWindow {
  const bytes = new Uint8Array(buffer);
  return {
    base: addr - byteOffset,
    sizeBytes: bytes.length,
    bytes,
    words: new Uint32Array(buffer),
  };
}

/** The part of one side of a bounced mapping that has the address `addr`. */
function part(bounced: Bounced, side: Uint8Array, addr: DmaAddr, lengthBytes: number): Uint8Array {
  const start = addr - bounced.addr;
  return side.subarray(start, start + lengthBytes);
}
