import {
  type AddressWindow,
  type CoherentMemory,
  DirectDomain,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  type DmaDirection,
  type DmaDomain,
} from "@dmaengine/core/driver";
import { SimError } from "./errors.js";

/** Every buffer begins on a page of the bus's address space. */
const PAGE_BYTES = 4096;
/** Largest buffer that can be mapped: 16 GiB. */
const MAX_BUFFER_BYTES = 2 ** 34;

/**
 * Index in `window.words` of the word at byte `at` of the window, a multiple of 4. Unlike a plain division it stays an integer
 * to the compiler, which makes loops over words several times faster.
 */
export function wordIndex(at: number): number {
  return (at / 4) >>> 0;
}

/** The domain of a platform: any memory, as long as {@link wordIndex} can tell its words apart. */
class PlatformDomain extends DirectDomain {
  override map(
    memory: Uint8Array,
    offsetBytes: number,
    lengthBytes: number,
    direction: DmaDirection,
  ): DmaAddr {
    if (memory.buffer.byteLength > MAX_BUFFER_BYTES) return DMA_MAPPING_ERROR;
    return super.map(memory, offsetBytes, lengthBytes, direction);
  }
}

/**
 * The memory of a cache-coherent platform, as the devices on its bus see it. What clients map is not copied: it *is* the memory.
 *
 * Devices go through {@link locate}, and an address that nobody mapped is a bus error, which the device learns as `null`, not as an exception.
 */
export class PhysicalMemory {
  /** The domain of every device on this platform: what maps memory for them. */
  readonly domain: DmaDomain;
  readonly #direct: PlatformDomain;

  constructor(name: string) {
    this.#direct = new PlatformDomain(name);
    this.domain = this.#direct;
  }

  /**
   * The buffer that holds all of `addr … addr + lengthBytes - 1`, to be indexed with `addr - window.base`.
   * Null is a bus error: the range is not mapped, or not all of it.
   */
  locate(addr: DmaAddr, lengthBytes: number): AddressWindow | null {
    return this.#direct.space.find(addr, lengthBytes);
  }

  /** Reads as many bytes as `into` has, from an `addr` that is a multiple of 4, in the order of memory. False is a bus error. */
  readBlock(addr: DmaAddr, into: Uint32Array): boolean {
    const window = this.locate(addr, into.byteLength);
    if (window === null) return false;
    const first = wordIndex(addr - window.base);
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
    const dmaAddr = Math.ceil(base / alignBytes) * alignBytes;
    return { dmaAddr, bytes: buffer.subarray(dmaAddr - base, dmaAddr - base + sizeBytes) };
  }

  /** Gives {@link allocCoherent} its memory back; devices no longer reach it. */
  freeCoherent(memory: CoherentMemory): void {
    this.#direct.space.unmap(memory.dmaAddr);
  }
}

function isPowerOfTwo(value: number): boolean {
  return value >= 1 && Number.isInteger(Math.log2(value));
}
