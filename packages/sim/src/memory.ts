import type { AddressWindow, CoherentMemory, DmaAddr, DmaDomain } from "@dmaengine/core/driver";
import { allocCoherent, CoherentDomain, type DeviceAccess, type SimDomain } from "./domain.js";

/**
 * Index in `window.words` of the word at byte `at` of the window, a multiple of 4. Unlike a plain division it stays an integer
 * to the compiler, which makes loops over words several times faster.
 */
export function wordIndex(at: number): number {
  return (at / 4) >>> 0;
}

/**
 * Memory as the devices of one domain see it. On a coherent platform what clients map is not copied: it *is* the memory. On a platform
 * that is not, devices see DRAM and clients see the CPU's cache.
 *
 * Devices go through {@link locate}, and an address that they don't reach is a bus error, which the device learns as `null`, not as an
 * exception.
 */
export class PhysicalMemory {
  /** The domain of these devices: what maps memory for them. */
  readonly domain: DmaDomain;
  readonly #domain: SimDomain;

  /** `domain` is a name, for a coherent one. */
  constructor(domain: string | SimDomain) {
    this.#domain = typeof domain === "string" ? new CoherentDomain(domain) : domain;
    this.domain = this.#domain;
  }

  /**
   * The buffer that holds all of `addr … addr + lengthBytes - 1`, to be indexed with `addr - window.base`, at once and not later.
   * Null is a bus error: the range is not mapped, or not all of it, or an IOMMU forbids this access.
   */
  locate(addr: DmaAddr, lengthBytes: number, access: DeviceAccess = "any"): AddressWindow | null {
    return this.#domain.find(addr, lengthBytes, access);
  }

  /** Reads as many bytes as `into` has, from an `addr` that is a multiple of 4, in the order of memory. False is a bus error. */
  readBlock(addr: DmaAddr, into: Uint32Array): boolean {
    const window = this.locate(addr, into.byteLength, "read");
    if (window === null) return false;
    const first = wordIndex(addr - window.base);
    for (let i = 0; i < into.length; i++) into[i] = window.words[first + i] as number;
    return true;
  }

  /** Writes a little-endian 64-bit word, given as its halves. False is a bus error. */
  write64(addr: DmaAddr, low: number, high: number): boolean {
    const window = this.locate(addr, 8, "write");
    if (window === null) return false;
    const at = addr - window.base;
    for (let i = 0; i < 4; i++) {
      window.bytes[at + i] = low >>> (8 * i);
      window.bytes[at + 4 + i] = high >>> (8 * i);
    }
    return true;
  }

  /**
   * Zeroed memory that the devices reach and CPU and device see alike, for as long as it is not given back with {@link freeCoherent}.
   * `alignBytes` is a power of two and holds for the bus address.
   */
  allocCoherent(sizeBytes: number, alignBytes: number): CoherentMemory {
    return allocCoherent(this.#domain, sizeBytes, alignBytes);
  }

  /** Gives {@link allocCoherent} its memory back; devices no longer reach it. */
  freeCoherent(memory: CoherentMemory): void {
    this.#domain.displace(memory.dmaAddr);
  }
}
