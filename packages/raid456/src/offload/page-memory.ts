import { type DmaAddr, type DmaDevice, DmaDirection } from "@dmaengine/core";
import { RaidError } from "../errors.js";
import type { PageMapping } from "../stripe/stripe-page.js";
import type { ByteRange } from "./page-op.js";

/**
 * Ownership moves in whole blocks of this size, the page of memory of which md's stripes are made: no cache line has two owners, and
 * what lies beside a small request need not be synced. In long pages blocks are longer, so that there are no more than {@link MAX_BLOCKS}.
 */
const OWNED_BYTES = 4096;
/** Blocks of a page are the bits of one integer. */
const MAX_BLOCKS = 31;

const NOWHERE: Uint8Array = new Uint8Array(0);

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

  /** Makes a page of {@link alloc}ed memory known to engines. */
  map(memory: Uint8Array, offsetBytes: number, lengthBytes: number): PageMapping {
    const page = new OwnedPage(this, lengthBytes);
    page.moveTo(memory, offsetBytes, DmaDirection.BIDIRECTIONAL);
    return page;
  }

  /** For pages of requests, where engines {@link takesRequests | take them}: one after the other. */
  movable(lengthBytes: number): MovableMapping {
    return new OwnedPage(this, lengthBytes);
  }
}

/** A mapping that is made once, and used for a page here, then for one there. */
export interface MovableMapping extends PageMapping {
  /**
   * Makes a page known to engines.
   *
   * @param direction - `TO_DEVICE` for memory that is only read: then others may have it mapped as well
   */
  moveTo(memory: Uint8Array, offsetBytes: number, direction: DmaDirection): void;
  /** Ends the mapping, and forgets the page. */
  leave(): void;
}

/**
 * Whether an engine of `device` can use a mapping that was made with `mapped`: Russell King's rule of January 2011, that memory has to be mapped
 * again only where the device is another one, which may have another IOMMU or other address limits.
 */
export function sharesMappings(mapped: DmaDevice, device: DmaDevice): boolean {
  return mapped === device || (mapped.domain === device.domain && mapped.dmaMaskBits <= device.dmaMaskBits);
}

/** A page, its mapping, and who owns which of its bytes: the engines, except blocks that the CPU has. */
class OwnedPage implements MovableMapping {
  device: DmaDevice | null = null;
  readonly #pages: PageMemory;
  readonly #lengthBytes: number;
  readonly #blockBytes: number;
  #memory = NOWHERE;
  #offsetBytes = 0;
  #direction: DmaDirection = DmaDirection.BIDIRECTIONAL;
  #addr: DmaAddr = 0;
  /** The blocks of the mapped page that the CPU has, a bit for each. At first the device has all of them. */
  #cpuBlocks = 0;

  constructor(pages: PageMemory, lengthBytes: number) {
    this.#pages = pages;
    this.#lengthBytes = lengthBytes;
    let blockBytes = OWNED_BYTES;
    while (lengthBytes > MAX_BLOCKS * blockBytes) blockBytes *= 2;
    this.#blockBytes = blockBytes;
  }

  moveTo(memory: Uint8Array, offsetBytes: number, direction: DmaDirection): void {
    this.#memory = memory;
    this.#offsetBytes = offsetBytes;
    this.#direction = direction;
    const { home, mapsAtOnce } = this.#pages;
    if (home !== null && mapsAtOnce) this.tryToMap(home);
  }

  leave(): void {
    this.unmap();
    this.#memory = NOWHERE;
  }

  toCpu(range: ByteRange): void {
    // What engines only read, the CPU may read beside them.
    if (this.device === null || this.#direction === DmaDirection.TO_DEVICE) return;
    this.#pass(this.device, this.#blocksOf(range) & ~this.#cpuBlocks, true);
  }

  toDevice(device: DmaDevice, range: ByteRange): DmaAddr {
    const mapped = this.device;
    if (mapped !== null && sharesMappings(mapped, device)) {
      if (this.#cpuBlocks !== 0) this.#pass(mapped, this.#blocksOf(range) & this.#cpuBlocks, false);
      return this.#addr;
    }
    if (mapped !== null) {
      this.unmap();
      this.#pages.remaps += 1;
    }
    if (!this.tryToMap(device)) {
      throw new RaidError(
        "ERR_RAID_ENGINE",
        `${device.name} can't map a stripe page of ${this.#lengthBytes} bytes`,
      );
    }
    return this.#addr;
  }

  unmap(): void {
    const { device } = this;
    if (device === null) return;
    // What the CPU has written must be in memory before the mapping's end throws its caches away.
    this.#pass(device, this.#cpuBlocks, false);
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

  /** The blocks that some bytes are in. */
  #blocksOf({ start, end }: ByteRange): number {
    const first = Math.floor(start / this.#blockBytes);
    const last = Math.ceil(end / this.#blockBytes);
    return (1 << last) - (1 << first);
  }

  /** Hands blocks to the CPU or back to the device that don't belong there yet: one sync for those that lie side by side. */
  #pass(device: DmaDevice, blocks: number, toCpu: boolean): void {
    this.#cpuBlocks ^= blocks;
    for (let rest = blocks; rest !== 0; ) {
      const first = lowestBit(rest);
      const end = first + lowestBit(~(rest >> first));
      rest &= -(1 << end);
      const start = first * this.#blockBytes;
      const lengthBytes = Math.min(end * this.#blockBytes, this.#lengthBytes) - start;
      if (toCpu) device.syncSingleForCpu(this.#addr + start, lengthBytes, this.#direction);
      else device.syncSingleForDevice(this.#addr + start, lengthBytes, this.#direction);
    }
  }
}

/** The number of the lowest bit that is set. There must be one. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
