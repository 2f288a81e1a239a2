import { DmaError } from "@dmaengine/core";
import {
  AddressSpace,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  DmaDirection,
  type DmaDomain,
} from "@dmaengine/core/driver";
import type { SharedMemory } from "./shared-memory.js";

/** A mapping of memory that workers can't reach, and what they work on instead. */
interface Bounced {
  readonly outside: Uint8Array;
  readonly inside: Uint8Array;
}

/**
 * How workers reach memory: what is in the shared memory directly, the rest through a copy of it, as swiotlb does for hardware (kernel/dma/swiotlb.c).
 * Mapping copies in whatever the direction, so that bytes which the engine does not write are the same afterwards; unmap and sync for the CPU copy
 * out what the engine may have written.
 */
export class SharedDomain implements DmaDomain {
  readonly name: string;
  readonly space = new AddressSpace();
  readonly #memory: SharedMemory;
  /** By address. */
  readonly #bounced = new Map<DmaAddr, Bounced>();
  bouncedBytes = 0;

  constructor(name: string, memory: SharedMemory) {
    this.name = name;
    this.#memory = memory;
  }

  map(memory: Uint8Array, offsetBytes: number, lengthBytes: number, _direction: DmaDirection): DmaAddr {
    if (this.#memory.owns(memory.buffer)) return this.space.map(memory, offsetBytes);
    const outside = memory.subarray(offsetBytes, offsetBytes + lengthBytes);
    let inside: Uint8Array;
    try {
      inside = this.#memory.alloc(lengthBytes, 64);
    } catch (error) {
      if (DmaError.isInstance(error)) return DMA_MAPPING_ERROR;
      throw error;
    }
    const addr = this.space.map(inside, 0);
    this.#bounced.set(addr, { outside, inside });
    this.#copy(inside, outside);
    return addr;
  }

  unmap(addr: DmaAddr, _lengthBytes: number, direction: DmaDirection): void {
    this.space.unmap(addr);
    const bounced = this.#bounced.get(addr);
    if (bounced === undefined) return;
    this.#bounced.delete(addr);
    if (direction !== DmaDirection.TO_DEVICE) this.#copy(bounced.outside, bounced.inside);
    this.#memory.free(bounced.inside);
  }

  syncForCpu(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    if (direction === DmaDirection.TO_DEVICE) return;
    this.#within(addr, lengthBytes, (outside, inside) => this.#copy(outside, inside));
  }

  syncForDevice(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    if (direction === DmaDirection.FROM_DEVICE) return;
    this.#within(addr, lengthBytes, (outside, inside) => this.#copy(inside, outside));
  }

  /** Memory that workers reach. It is on a `SharedArrayBuffer`, which the type of the contract can't say. */
  alloc(sizeBytes: number, alignBytes: number): Uint8Array<ArrayBuffer> {
    return this.#memory.alloc(sizeBytes, alignBytes) as Uint8Array<ArrayBuffer>;
  }

  free(memory: Uint8Array): void {
    this.#memory.free(memory);
  }

  #copy(to: Uint8Array, from: Uint8Array): void {
    to.set(from);
    this.bouncedBytes += from.length;
  }

  /** Finds the bounced mapping that a range lies in, if it lies in one. */
  #within(
    addr: DmaAddr,
    lengthBytes: number,
    found: (outside: Uint8Array, inside: Uint8Array) => void,
  ): void {
    for (const [base, { outside, inside }] of this.#bounced) {
      const start = addr - base;
      if (start < 0 || start >= inside.length) continue;
      found(outside.subarray(start, start + lengthBytes), inside.subarray(start, start + lengthBytes));
      return;
    }
  }
}
