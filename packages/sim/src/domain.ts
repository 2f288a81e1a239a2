import type { CoherentMemory, DmaAddr, DmaDirection, DmaDomain } from "@dmaengine/core/driver";
import { type AddressWindow, DirectDomain, DMA_MAPPING_ERROR } from "@dmaengine/core/driver";
import { SimError } from "./errors.js";

/** Every buffer begins on a page of the bus's address space. */
export const PAGE_BYTES = 4096;
/** Largest buffer that can be mapped: 16 GiB. */
const MAX_BUFFER_BYTES = 2 ** 34;

/** What a device is about to do with memory. "any": whichever of the two the mapping allows, for models that can't tell. */
export type DeviceAccess = "read" | "write" | "any";

/** Lines of the CPU's cache that were written back, and that were dropped, because software asked for it. */
export interface CacheCare {
  cleanedLines: number;
  invalidatedLines: number;
}

/** A domain of simulated devices: beside the mapping calls of clients, the side that the devices see. */
export interface SimDomain extends DmaDomain {
  /** The bytes behind an address, as a device reaches them; null is a bus error. */
  find(addr: DmaAddr, lengthBytes: number, access: DeviceAccess): AddressWindow | null;
  /** Makes memory reachable for devices until {@link displace}; no cache stands before it. */
  place(memory: Uint8Array<ArrayBuffer>): DmaAddr;
  displace(addr: DmaAddr): void;
  /** Notes the content of memory and caches, and returns what puts it back. */
  capture(): () => void;
}

/** The domain of a cache-coherent machine without an IOMMU: what clients map *is* the memory. */
export class CoherentDomain extends DirectDomain implements SimDomain {
  /** The buffers that have a mapping. */
  readonly #mapped = new Set<ArrayBufferLike>();
  readonly cacheCare: Readonly<CacheCare> = { cleanedLines: 0, invalidatedLines: 0 };

  override map(
    memory: Uint8Array,
    offsetBytes: number,
    lengthBytes: number,
    direction: DmaDirection,
  ): DmaAddr {
    if (memory.buffer.byteLength > MAX_BUFFER_BYTES) return DMA_MAPPING_ERROR;
    this.#mapped.add(memory.buffer);
    return super.map(memory, offsetBytes, lengthBytes, direction);
  }

  override unmap(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    const window = this.space.find(addr, 1);
    super.unmap(addr, lengthBytes, direction);
    if (window !== null && this.space.find(addr, 1) === null) this.#mapped.delete(window.bytes.buffer);
  }

  find(addr: DmaAddr, lengthBytes: number): AddressWindow | null {
    return this.space.find(addr, lengthBytes);
  }

  place(memory: Uint8Array<ArrayBuffer>): DmaAddr {
    this.#mapped.add(memory.buffer);
    return this.space.map(memory, 0);
  }

  displace(addr: DmaAddr): void {
    this.unmap(addr, 1, 0);
  }

  capture(): () => void {
    // What was transferred to another thread is not there any more.
    const buffers = [...this.#mapped].filter((buffer) => buffer.byteLength > 0);
    const restores = buffers.map((buffer) => captureBytes(new Uint8Array(buffer)));
    return () => {
      for (const restore of restores) restore();
    };
  }
}

/** What unmapping and syncing answer where nothing is mapped. */
export function notMapped(domain: string, addr: DmaAddr): SimError {
  return new SimError(
    "ERR_SIM_MEMORY",
    `${domain}: nothing is mapped at bus address 0x${addr.toString(16)}: unmap and sync what map returned, once`,
  );
}

/** Notes the content of `bytes`, and returns what puts it back, if they are still there. */
export function captureBytes(bytes: Uint8Array): () => void {
  const copy = bytes.slice();
  return () => {
    if (bytes.length === copy.length) bytes.set(copy);
  };
}

/**
 * Zeroed memory of a domain's devices that no cache stands before. `alignBytes` is a power of two and holds for the bus address.
 * Throws `ERR_SIM_MEMORY` for anything else.
 */
export function allocCoherent(domain: SimDomain, sizeBytes: number, alignBytes: number): CoherentMemory {
  if (!(Number.isSafeInteger(sizeBytes) && sizeBytes > 0) || !isPowerOfTwo(alignBytes)) {
    throw new SimError(
      "ERR_SIM_MEMORY",
      `expected a size from 1 byte on and a power of two as alignment, got ${sizeBytes} bytes aligned to ${alignBytes}`,
    );
  }
  // Buffers begin on a page; beyond that there must be room to move up to an aligned address.
  const buffer = new Uint8Array(alignBytes <= PAGE_BYTES ? sizeBytes : sizeBytes + alignBytes - PAGE_BYTES);
  const base = domain.place(buffer);
  if (base === DMA_MAPPING_ERROR) {
    throw new SimError("ERR_SIM_MEMORY", `${domain.name}: no bus addresses left for ${sizeBytes} bytes`);
  }
  const dmaAddr = Math.ceil(base / alignBytes) * alignBytes;
  return { dmaAddr, bytes: buffer.subarray(dmaAddr - base, dmaAddr - base + sizeBytes) };
}

function isPowerOfTwo(value: number): boolean {
  return value >= 1 && Number.isInteger(Math.log2(value));
}
