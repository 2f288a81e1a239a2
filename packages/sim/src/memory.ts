import { type DmaAddr, DmaError } from "@dmaengine/core";
import { type AddressWindow, DirectDomain, type DmaDomain } from "@dmaengine/core/driver";
import { SimError } from "./errors.js";

/** Every buffer begins on a page of the bus's address space. */
const PAGE_BYTES = 4096;

/** Memory that CPU and devices share without maintenance (`dma_alloc_coherent`): for descriptor rings and completion words. */
export interface CoherentMemory {
  /** Where devices find it. */
  readonly addr: DmaAddr;
  /** Where the CPU finds it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The memory of a cache-coherent platform, as the devices on its bus see it. What clients map is not copied: it *is* the memory.
 *
 * Devices go through {@link locate}, and an address that nobody mapped is a bus error, which the device learns as `null`, not as an exception.
 */
export class PhysicalMemory {
  /** The domain of every device on this platform: what maps memory for them. */
  readonly domain: DmaDomain;
  readonly #direct: DirectDomain;

  constructor(name: string) {
    this.#direct = new DirectDomain(name);
    this.domain = this.#direct;
  }

  /**
   * The buffer that holds all of `addr … addr + lengthBytes - 1`, to be indexed with `addr - window.base`.
   * Null is a bus error: the range is not mapped, or not all of it.
   */
  locate(addr: DmaAddr, lengthBytes: number): AddressWindow | null {
    try {
      return this.#direct.space.locate(addr, lengthBytes);
    } catch (error) {
      if (DmaError.isInstance(error) && error.code === "ERR_DMA_MAPPING") return null;
      throw error;
    }
  }

  /** Reads as many bytes as `into` has, from an `addr` that is a multiple of 4, in the order of memory. False is a bus error. */
  readBlock(addr: DmaAddr, into: Uint32Array): boolean {
    const window = this.locate(addr, into.byteLength);
    if (window === null) return false;
    const first = (addr - window.base) / 4;
    for (let i = 0; i < into.length; i++) into[i] = window.words[first + i] as number;
    return true;
  }

  /** Writes a little-endian 64-bit word, given as its halves. False is a bus error. */
  write64(addr: DmaAddr, low: number, high: number): boolean {
    const window = this.locate(addr, 8);
    if (window === null) return false;
    const at = addr - window.base;
    for (let i = 0; i < 4; i++) {
      window.bytes[at + i] = low >>> (8 * i);
      window.bytes[at + 4 + i] = high >>> (8 * i);
    }
    return true;
  }

  /**
   * Zeroed memory that all devices reach, for as long as it is not given back with {@link freeCoherent}.
   * `alignBytes` is a power of two and holds for the bus address.
   */
  allocCoherent(sizeBytes: number, alignBytes: number): CoherentMemory {
    if (
      !(Number.isSafeInteger(sizeBytes) && sizeBytes > 0) ||
      !(alignBytes > 0 && isPowerOfTwo(alignBytes))
    ) {
      throw new SimError(
        "ERR_SIM_MEMORY",
        `expected a size from 1 byte on and a power of two as alignment, got ${sizeBytes} bytes aligned to ${alignBytes}`,
      );
    }
    // Buffers begin on a page; beyond that there must be room to move up to an aligned address.
    const buffer = new Uint8Array(alignBytes <= PAGE_BYTES ? sizeBytes : sizeBytes + alignBytes - PAGE_BYTES);
    const base = this.#direct.space.map(buffer, 0);
    const addr = Math.ceil(base / alignBytes) * alignBytes;
    return { addr, bytes: buffer.subarray(addr - base, addr - base + sizeBytes) };
  }

  /** Gives {@link allocCoherent} its memory back; devices no longer reach it. */
  freeCoherent(memory: CoherentMemory): void {
    this.#direct.space.unmap(memory.addr);
  }
}

function isPowerOfTwo(value: number): boolean {
  return value >= 1 && Number.isInteger(Math.log2(value));
}
