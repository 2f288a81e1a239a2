import {
  type AddressWindow,
  type CoherentMemory,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  DmaDirection,
} from "@dmaengine/core/driver";
import type { CostMeter } from "./costs.js";
import { allocCoherent, type DeviceAccess, notMapped, PAGE_BYTES, type SimDomain } from "./domain.js";
import { PhysicalMemory } from "./memory.js";

/** Bus addresses are given out from here downwards: devices with 32 address bits reach them all. */
const TOP: DmaAddr = 2 ** 32;
/** Like the fault recording registers of a real one, the log holds this many, the newest. */
const MAX_FAULTS = 64;

/** An access that the IOMMU stopped. */
export interface IommuFault {
  /** The domain whose device it was. */
  readonly domain: string;
  readonly addr: DmaAddr;
  readonly lengthBytes: number;
  readonly access: DeviceAccess;
  /** Nothing is mapped there, or not all of it; or the mapping's direction forbids it. */
  readonly reason: "unmapped" | "permission";
}

/**
 * The IOMMU of a platform: it gives each group of devices bus addresses of its own, after drivers/iommu/dma-iommu.c. Devices of one group
 * share their mappings, others need mappings of their own.
 */
export class Iommu {
  readonly #groupOf: Readonly<Record<string, string>>;
  readonly #physical: SimDomain;
  readonly #meter: CostMeter;
  readonly #memories = new Map<string, PhysicalMemory>();
  readonly #faults: IommuFault[] = [];
  readonly #onFault = (fault: IommuFault): void => {
    if (this.#faults.length === MAX_FAULTS) this.#faults.shift();
    this.#faults.push(fault);
  };

  /** `groupOf` names the group of a device; a device that it does not name has one of its own. */
  constructor(physical: SimDomain, groupOf: Readonly<Record<string, string>>, meter: CostMeter) {
    this.#physical = physical;
    this.#groupOf = groupOf;
    this.#meter = meter;
  }

  /** Memory as a device of this name sees it. */
  memoryOf(device: string): PhysicalMemory {
    const group = this.#groupOf[device] ?? device;
    let memory = this.#memories.get(group);
    if (memory === undefined) {
      memory = new PhysicalMemory(new IommuDomain(group, this.#physical, this.#meter, this.#onFault));
      this.#memories.set(group, memory);
    }
    return memory;
  }

  /** What it stopped, the newest last: the last 64 of them. */
  get faults(): readonly IommuFault[] {
    return this.#faults;
  }
}

/** One mapping: its pages on the bus, the buffer behind them, and what the device may do. It is what devices index as a window, too. */
interface IovaMapping extends AddressWindow {
  base: DmaAddr;
  sizeBytes: number;
  bytes: Uint8Array;
  words: Uint32Array;
  /** The first of its pages, and the end of the last. */
  first: DmaAddr;
  end: DmaAddr;
  /** Where the first page is in physical memory. */
  physical: DmaAddr;
  readable: boolean;
  writable: boolean;
}

/**
 * The bus addresses of one group of devices. Each mapping gets pages of its own, so whatever else is in them is exposed, too; behind them a page
 * stays free, so that a device which runs on faults. Unmapping takes effect at once ("strict").
 */
class IommuDomain implements SimDomain {
  readonly name: string;
  readonly bouncedBytes = 0;
  readonly #physical: SimDomain;
  readonly #meter: CostMeter;
  readonly #onFault: (fault: IommuFault) => void;
  /** Live ones, the highest address first. */
  readonly #mappings: IovaMapping[] = [];
  readonly #spare: IovaMapping[] = [];
  /** Below this nothing was given out since the last turn through the address space. */
  #cursor: DmaAddr = TOP;

  constructor(name: string, physical: SimDomain, meter: CostMeter, onFault: (fault: IommuFault) => void) {
    this.name = name;
    this.#physical = physical;
    this.#meter = meter;
    this.#onFault = onFault;
  }

  get coherent(): boolean {
    return this.#physical.coherent !== false;
  }

  map(memory: Uint8Array, offsetBytes: number, lengthBytes: number, direction: DmaDirection): DmaAddr {
    const addr = this.#physical.map(memory, offsetBytes, lengthBytes, direction);
    if (addr === DMA_MAPPING_ERROR) return addr;
    const iova = this.#enter(
      addr,
      lengthBytes,
      direction !== DmaDirection.FROM_DEVICE,
      direction !== DmaDirection.TO_DEVICE,
    );
    if (iova === DMA_MAPPING_ERROR) this.#physical.unmap(addr, lengthBytes, direction);
    return iova;
  }

  unmap(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.#physical.unmap(this.#leave(addr), lengthBytes, direction);
  }

  syncForCpu(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.#physical.syncForCpu(this.#physicalOf(addr), lengthBytes, direction);
  }

  syncForDevice(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.#physical.syncForDevice(this.#physicalOf(addr), lengthBytes, direction);
  }

  allocCoherent(sizeBytes: number, alignBytes: number): CoherentMemory {
    return allocCoherent(this, sizeBytes, alignBytes);
  }

  freeCoherent(memory: CoherentMemory): void {
    this.displace(memory.dmaAddr);
  }

  find(addr: DmaAddr, lengthBytes: number, access: DeviceAccess): AddressWindow | null {
    const mapping = this.#mappings[this.#indexOf(addr)];
    const inside = mapping !== undefined && addr >= mapping.first && addr + lengthBytes <= mapping.end;
    const allowed = inside && (access === "any" || (access === "read" ? mapping.readable : mapping.writable));
    if (!allowed) {
      const reason = inside ? "permission" : "unmapped";
      this.#onFault({ domain: this.name, addr, lengthBytes, access, reason });
      return null;
    }
    const physical = this.#physical.find(addr - mapping.first + mapping.physical, lengthBytes, access);
    return physical === null ? null : mapping;
  }

  place(memory: Uint8Array<ArrayBuffer>): DmaAddr {
    const addr = this.#physical.place(memory);
    return addr === DMA_MAPPING_ERROR ? addr : this.#enter(addr, memory.length, true, true);
  }

  displace(addr: DmaAddr): void {
    this.#physical.displace(this.#leave(addr));
  }

  capture(): () => void {
    return this.#physical.capture();
  }

  #enter(physicalAddr: DmaAddr, lengthBytes: number, readable: boolean, writable: boolean): DmaAddr {
    const inPage = physicalAddr % PAGE_BYTES;
    const sizeBytes = Math.ceil((inPage + lengthBytes) / PAGE_BYTES) * PAGE_BYTES;
    const first = this.#allocate(sizeBytes);
    const window = this.#physical.find(physicalAddr, lengthBytes, "any");
    if (first === DMA_MAPPING_ERROR || window === null) return DMA_MAPPING_ERROR;
    const mapping = this.#spare.pop() ?? ({} as IovaMapping);
    mapping.first = first;
    mapping.end = first + sizeBytes;
    mapping.physical = physicalAddr - inPage;
    mapping.base = window.base - mapping.physical + first;
    mapping.sizeBytes = window.sizeBytes;
    mapping.bytes = window.bytes;
    mapping.words = window.words;
    mapping.readable = readable;
    mapping.writable = writable;
    this.#mappings.splice(this.#indexOf(first), 0, mapping);
    this.#meter.charge("iommuMap", 1);
    return first + inPage;
  }

  /** Takes a mapping out, and tells its address in physical memory. */
  #leave(addr: DmaAddr): DmaAddr {
    const physicalAddr = this.#physicalOf(addr);
    const [mapping] = this.#mappings.splice(this.#indexOf(addr), 1);
    this.#spare.push(mapping as IovaMapping);
    this.#meter.charge("iommuUnmap", 1);
    return physicalAddr;
  }

  #physicalOf(addr: DmaAddr): DmaAddr {
    const mapping = this.#mappings[this.#indexOf(addr)];
    if (mapping === undefined || addr < mapping.first || addr >= mapping.end) {
      throw notMapped(this.name, addr);
    }
    return addr - mapping.first + mapping.physical;
  }

  /** Place of the first mapping, from the top, that does not lie above `addr` as a whole. */
  #indexOf(addr: DmaAddr): number {
    let low = 0;
    let high = this.#mappings.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#mappings[middle] as IovaMapping).first > addr) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Room for so many bytes and the free page behind them. */
  #allocate(sizeBytes: number): DmaAddr {
    let first = this.#roomBelow(this.#cursor, sizeBytes);
    if (first === DMA_MAPPING_ERROR) first = this.#roomBelow(TOP, sizeBytes);
    if (first !== DMA_MAPPING_ERROR) this.#cursor = first;
    return first;
  }

  #roomBelow(start: DmaAddr, sizeBytes: number): DmaAddr {
    let end = start - PAGE_BYTES;
    for (let i = this.#indexOf(end - 1); ; i++) {
      const below = this.#mappings[i];
      const floor = below === undefined ? PAGE_BYTES : below.end + PAGE_BYTES;
      if (end - sizeBytes >= floor) return end - sizeBytes;
      if (below === undefined) return DMA_MAPPING_ERROR;
      end = below.first - PAGE_BYTES;
    }
  }
}
