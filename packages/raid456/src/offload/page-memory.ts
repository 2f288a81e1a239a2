import { type DmaAddr, type DmaDevice, DmaDirection } from "@dmaengine/core";
import { RaidError } from "../errors.js";
import type { PageMapping } from "../stripe/stripe-page.js";
import type { ByteRange } from "./page-op.js";

/**
 * Ownership moves in whole blocks of this size, the page of memory of which md's stripes are made: no cache line has two owners, and
 * what lies beside a small request need not be synced.
 */
const OWNED_BYTES = 4096;
/** Who has a block of a mapped page. */
const DEVICE = 0;
const CPU = 1;

/** Where stripe pages get their memory and their mappings from. */
export class PageMemory {
  /** The device whose memory new pages are in; null: ordinary memory. */
  home: DmaDevice | null = null;
  /** Whether a page is mapped for {@link home} as soon as it is made, because no other device will ever want another mapping. */
  mapsAtOnce = false;
  /**
   * Whether a request's memory can take the place of a page: what does the work reaches any bytes, at any address, and no cache line of the
   * caller's is thrown away with them.
   */
  takesRequests = true;
  /** Mappings that were made only because the next engine could not use the one that there was. */
  remaps = 0;
  /** Who gave the memory that is in use. */
  readonly #owners = new Map<Uint8Array, DmaDevice | null>();

  /** Memory for pages, aligned to 4096 bytes. */
  alloc(sizeBytes: number): Uint8Array {
    const { home } = this;
    const memory = home?.alloc(sizeBytes, OWNED_BYTES) ?? new Uint8Array(sizeBytes);
    this.#owners.set(memory, home);
    return memory;
  }

  /** Gives memory of {@link alloc} back. Nothing in it may be mapped. */
  free(memory: Uint8Array): void {
    this.#owners.get(memory)?.free(memory);
    this.#owners.delete(memory);
  }

  /**
   * Makes a page of {@link alloc}ed memory known to engines; where they {@link takesRequests | take them}, also one of a request.
   *
   * @param direction - `TO_DEVICE` for memory that is only read: then others may have it mapped as well
   */
  map(
    memory: Uint8Array,
    offsetBytes: number,
    lengthBytes: number,
    direction: DmaDirection = DmaDirection.BIDIRECTIONAL,
  ): PageMapping {
    const page = new OwnedPage(this, memory, offsetBytes, lengthBytes, direction);
    if (this.home !== null && this.mapsAtOnce) page.tryToMap(this.home);
    return page;
  }
}

/**
 * Whether an engine of `device` can use a mapping that was made with `mapped`: Russell King's rule of January 2011, that memory has to be mapped
 * again only where the device is another one, which may have another IOMMU or other address limits.
 */
export function sharesMappings(mapped: DmaDevice, device: DmaDevice): boolean {
  return mapped === device || (mapped.domain === device.domain && mapped.dmaMaskBits <= device.dmaMaskBits);
}

/** A page, its mapping, and who owns which of its bytes: the engines, except blocks that the CPU has. */
class OwnedPage implements PageMapping {
  device: DmaDevice | null = null;
  readonly #pages: PageMemory;
  readonly #memory: Uint8Array;
  readonly #offsetBytes: number;
  readonly #lengthBytes: number;
  readonly #direction: DmaDirection;
  #addr: DmaAddr = 0;
  /** Of each block of the mapped page: who has it. Null: the device has all of them, as at first. */
  #owners: Uint8Array | null = null;

  constructor(
    pages: PageMemory,
    memory: Uint8Array,
    offsetBytes: number,
    lengthBytes: number,
    direction: DmaDirection,
  ) {
    this.#pages = pages;
    this.#memory = memory;
    this.#offsetBytes = offsetBytes;
    this.#lengthBytes = lengthBytes;
    this.#direction = direction;
  }

  toCpu(range: ByteRange): void {
    // What engines only read, the CPU may read beside them.
    if (this.device === null || this.#direction === DmaDirection.TO_DEVICE) return;
    this.#owners ??= new Uint8Array(Math.ceil(this.#lengthBytes / OWNED_BYTES));
    this.#pass(this.device, range, CPU);
  }

  toDevice(device: DmaDevice, range: ByteRange): DmaAddr {
    if (this.device !== null && !sharesMappings(this.device, device)) {
      this.unmap();
      this.#pages.remaps += 1;
    }
    if (this.device === null) {
      if (!this.tryToMap(device)) {
        throw new RaidError(
          "ERR_RAID_ENGINE",
          `${device.name} can't map a stripe page of ${this.#lengthBytes} bytes`,
        );
      }
      return this.#addr;
    }
    this.#pass(this.device, range, DEVICE);
    return this.#addr;
  }

  unmap(): void {
    const { device } = this;
    if (device === null) return;
    // What the CPU has written must be in memory before the mapping's end throws its caches away.
    this.#pass(device, { start: 0, end: this.#lengthBytes }, DEVICE);
    this.device = null;
    device.unmapPage(this.#addr, this.#lengthBytes, this.#direction);
  }

  /** Maps the page, which is the device's then. False when the device can't reach it. */
  tryToMap(device: DmaDevice): boolean {
    const addr = device.mapPage(this.#memory, this.#offsetBytes, this.#lengthBytes, this.#direction);
    if (device.mappingError(addr)) return false;
    this.#addr = addr;
    this.device = device;
    return true;
  }

  /** Hands the blocks of a range to the CPU or back to the device that don't belong there yet: one sync for those that lie side by side. */
  #pass(device: DmaDevice, range: ByteRange, to: typeof CPU | typeof DEVICE): void {
    const owners = this.#owners;
    if (owners === null) return;
    const last = Math.ceil(range.end / OWNED_BYTES);
    for (let block = Math.floor(range.start / OWNED_BYTES); block < last; block++) {
      if (owners[block] === to) continue;
      const first = block;
      for (; block < last && owners[block] !== to; block++) owners[block] = to;
      const start = first * OWNED_BYTES;
      const lengthBytes = Math.min(block * OWNED_BYTES, this.#lengthBytes) - start;
      if (to === CPU) device.syncSingleForCpu(this.#addr + start, lengthBytes, this.#direction);
      else device.syncSingleForDevice(this.#addr + start, lengthBytes, this.#direction);
    }
  }
}
