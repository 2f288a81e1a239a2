import { DmaError } from "../errors.js";
import { DmaDirection } from "./direction.js";
import { type CoherentMemory, DMA_MAPPING_ERROR, type DmaAddr, type DmaDomain } from "./domain.js";

/** Bounce memory is given out in slots of 2 KiB (`IO_TLB_SHIFT` 11). */
const SLOT_BYTES = 2048;
/** Most slots in one mapping (`IO_TLB_SEGSIZE`). */
const MAX_SLOTS = 128;

/** A mapping that was bounced: whose memory it is, and where in the pool it went. */
interface Bounced {
  readonly memory: Uint8Array;
  readonly firstSlot: number;
  readonly slots: number;
}

/**
 * A domain whose devices reach a part of memory only: what they can't reach is copied through a pool that they can, as swiotlb does
 * (kernel/dma/swiotlb.c). Wrap it around a domain that maps what can be reached and answers `DMA_MAPPING_ERROR` for the rest.
 *
 * - Mapping copies in for every direction, FROM_DEVICE too, so that a short write of the device does not leave another client's bytes behind.
 * - Unmap and sync for the CPU copy out what the device may have written; sync for the device copies in what it may read.
 * - A mapping is at most 256 KiB, and fails when no run of free slots is long enough.
 */
export class BounceDomain implements DmaDomain {
  readonly name: string;
  readonly #inner: DmaDomain;
  readonly #pool: Uint8Array;
  readonly #used: Uint8Array;
  /** By the address that the device got. */
  readonly #bounced = new Map<DmaAddr, Bounced>();
  #bouncedBytes = 0;

  /**
   * @param inner - maps what its devices can reach, the pool among it.
   * @param pool - where the rest is copied to. A multiple of 2048 bytes; what is beyond the last whole slot is not used.
   */
  constructor(inner: DmaDomain, pool: Uint8Array) {
    if (pool.length < SLOT_BYTES) {
      throw new DmaError(
        "ERR_DMA_MAPPING",
        `${inner.name}: expected a bounce pool of ${SLOT_BYTES} bytes or more, got ${pool.length}`,
      );
    }
    this.name = `${inner.name}, bounced`;
    this.#inner = inner;
    this.#pool = pool;
    this.#used = new Uint8Array(Math.floor(pool.length / SLOT_BYTES));
  }

  get coherent(): boolean {
    return this.#inner.coherent ?? true;
  }

  /** Bytes that were copied, in both directions. */
  get bouncedBytes(): number {
    return this.#inner.bouncedBytes + this.#bouncedBytes;
  }

  /** Pool slots in use now. */
  get usedSlots(): number {
    return this.#used.reduce((sum, used) => sum + used, 0);
  }

  map(memory: Uint8Array, offsetBytes: number, lengthBytes: number, direction: DmaDirection): DmaAddr {
    const reached = this.#inner.map(memory, offsetBytes, lengthBytes, direction);
    if (reached !== DMA_MAPPING_ERROR) return reached;
    const slots = Math.ceil(lengthBytes / SLOT_BYTES);
    const firstSlot = slots > MAX_SLOTS ? -1 : this.#freeRun(slots);
    if (firstSlot < 0) return DMA_MAPPING_ERROR;
    const at = firstSlot * SLOT_BYTES;
    const view = memory.subarray(offsetBytes, offsetBytes + lengthBytes);
    this.#pool.set(view, at);
    this.#bouncedBytes += lengthBytes;
    const addr = this.#inner.map(this.#pool, at, lengthBytes, direction);
    if (addr === DMA_MAPPING_ERROR) return addr;
    this.#used.fill(1, firstSlot, firstSlot + slots);
    this.#bounced.set(addr, { memory: view, firstSlot, slots });
    return addr;
  }

  unmap(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    const bounced = this.#bounced.get(addr);
    this.#inner.unmap(addr, lengthBytes, direction);
    if (bounced === undefined) return;
    this.#bounced.delete(addr);
    if (direction !== DmaDirection.TO_DEVICE) this.#copyOut(bounced, 0, bounced.memory.length);
    this.#used.fill(0, bounced.firstSlot, bounced.firstSlot + bounced.slots);
  }

  syncForCpu(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.#inner.syncForCpu(addr, lengthBytes, direction);
    if (direction === DmaDirection.TO_DEVICE) return;
    this.#within(addr, (bounced, start) => this.#copyOut(bounced, start, start + lengthBytes));
  }

  syncForDevice(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    if (direction !== DmaDirection.FROM_DEVICE) {
      this.#within(addr, (bounced, start) => this.#copyIn(bounced, start, start + lengthBytes));
    }
    this.#inner.syncForDevice(addr, lengthBytes, direction);
  }

  /** Memory that needs no bouncing. */
  alloc(sizeBytes: number, alignBytes: number): Uint8Array {
    return this.#inner.alloc?.(sizeBytes, alignBytes) ?? new Uint8Array(sizeBytes);
  }

  free(memory: Uint8Array): void {
    this.#inner.free?.(memory);
  }

  allocCoherent(sizeBytes: number, alignBytes: number): CoherentMemory {
    if (this.#inner.allocCoherent !== undefined) return this.#inner.allocCoherent(sizeBytes, alignBytes);
    if (!this.coherent) {
      throw new DmaError("ERR_DMA_MAPPING", `${this.name}: there is no coherent memory`);
    }
    const bytes = this.alloc(sizeBytes, alignBytes);
    return { bytes, dmaAddr: this.#inner.map(bytes, 0, sizeBytes, DmaDirection.BIDIRECTIONAL) };
  }

  freeCoherent(memory: CoherentMemory): void {
    if (this.#inner.freeCoherent !== undefined) {
      this.#inner.freeCoherent(memory);
      return;
    }
    this.#inner.unmap(memory.dmaAddr, memory.bytes.length, DmaDirection.BIDIRECTIONAL);
    this.free(memory.bytes);
  }

  #copyIn({ memory, firstSlot }: Bounced, start: number, end: number): void {
    this.#pool.set(memory.subarray(start, end), firstSlot * SLOT_BYTES + start);
    this.#bouncedBytes += end - start;
  }

  #copyOut({ memory, firstSlot }: Bounced, start: number, end: number): void {
    const at = firstSlot * SLOT_BYTES;
    memory.set(this.#pool.subarray(at + start, at + end), start);
    this.#bouncedBytes += end - start;
  }

  /** Finds the bounced mapping that an address is in, if it is in one. */
  #within(addr: DmaAddr, found: (bounced: Bounced, start: number) => void): void {
    const whole = this.#bounced.get(addr);
    if (whole !== undefined) {
      found(whole, 0);
      return;
    }
    for (const [base, bounced] of this.#bounced) {
      if (addr > base && addr < base + bounced.memory.length) found(bounced, addr - base);
    }
  }

  /** The first of so many free slots in a row, or -1. */
  #freeRun(slots: number): number {
    let free = 0;
    for (let slot = 0; slot < this.#used.length; slot++) {
      free = this.#used[slot] === 0 ? free + 1 : 0;
      if (free === slots) return slot + 1 - slots;
    }
    return -1;
  }
}
