import type { DmaDevice } from "../device.js";
import { DmaError } from "../errors.js";
import { DmaDirection } from "./direction.js";

/** Capacities of the pools, as in the kernel (`unmap_pool` of drivers/dma/dmaengine.c with CONFIG_DMA_ENGINE_RAID). */
const POOL_CAPACITIES: readonly number[] = [2, 16, 128, 256];

/**
 * A reference-counted record of mappings, `struct dmaengine_unmap_data`: whoever maps fills it in and holds the first reference,
 * each submitted descriptor holds one more, and the last {@link put} unmaps everything.
 *
 * `addr` is positional: first `toCnt` addresses mapped TO_DEVICE, then `fromCnt` FROM_DEVICE, then `bidiCnt` BIDIRECTIONAL.
 * All have the same length, `len`. A bidirectional entry of 0 is an unused P or Q and is skipped.
 */
export class DmaUnmapData {
  readonly addr: Float64Array;
  toCnt = 0;
  fromCnt = 0;
  bidiCnt = 0;
  /** Length of every mapping, in bytes. */
  len = 0;
  readonly #pools: UnmapPools;
  #refs = 0;
  #device: DmaDevice | null = null;
  /** Where the live record was taken, if the checker is on. */
  origin: Error | null = null;

  constructor(pools: UnmapPools, capacity: number) {
    this.#pools = pools;
    this.addr = new Float64Array(capacity);
  }

  /** References that are held now; 0 in the pool. */
  get refs(): number {
    return this.#refs;
  }

  /** @internal Leaves the pool with one reference. */
  start(device: DmaDevice, origin: Error | null): void {
    this.#refs = 1;
    this.#device = device;
    this.origin = origin;
    this.toCnt = 0;
    this.fromCnt = 0;
    this.bidiCnt = 0;
    this.len = 0;
  }

  /** One more reference (`kref_get`). */
  get(): this {
    if (this.#refs === 0) throw released("get");
    this.#refs += 1;
    return this;
  }

  /** One reference less (`dmaengine_unmap_put`); the last one unmaps every entry and returns the record to its pool. */
  put(): void {
    if (this.#refs === 0) throw released("put");
    this.#refs -= 1;
    if (this.#refs > 0) return;
    const device = this.#device as DmaDevice;
    const { addr, toCnt, fromCnt, bidiCnt, len } = this;
    let i = 0;
    for (const end = toCnt; i < end; i++) device.unmapPage(addr[i] as number, len, DmaDirection.TO_DEVICE);
    for (const end = i + fromCnt; i < end; i++) {
      device.unmapPage(addr[i] as number, len, DmaDirection.FROM_DEVICE);
    }
    for (const end = i + bidiCnt; i < end; i++) {
      if (addr[i] !== 0) device.unmapPage(addr[i] as number, len, DmaDirection.BIDIRECTIONAL);
    }
    this.#device = null;
    this.#pools.putBack(this, device);
  }
}

/** The pools of one engine instance. */
export class UnmapPools {
  readonly #free: DmaUnmapData[][] = POOL_CAPACITIES.map(() => []);
  readonly #live = new Set<DmaUnmapData>();
  readonly #byDevice = new Map<DmaDevice, number>();
  readonly #traceOrigins: boolean;

  constructor(traceOrigins: boolean) {
    this.#traceOrigins = traceOrigins;
  }

  /** A record for up to `count` addresses, 1 to 256 (`dmaengine_get_unmap_data`). */
  take(device: DmaDevice, count: number): DmaUnmapData {
    const pool = POOL_CAPACITIES.findIndex((capacity) => count <= capacity);
    if (pool < 0 || count < 1) {
      throw new DmaError("ERR_DMA_LIMIT", `unmap data: expected 1 to 256 addresses, got ${count}`);
    }
    const unmap = this.#free[pool]?.pop() ?? new DmaUnmapData(this, POOL_CAPACITIES[pool] as number);
    unmap.start(device, this.#traceOrigins ? new Error("unmap data taken here") : null);
    if (this.#traceOrigins) this.#live.add(unmap);
    this.#byDevice.set(device, this.liveFor(device) + 1);
    return unmap;
  }

  /** Records of `device` that still have references. */
  liveFor(device: DmaDevice): number {
    return this.#byDevice.get(device) ?? 0;
  }

  /** Where the live records were taken; known only while the checker is on. */
  origins(): readonly string[] {
    return [...this.#live].map((unmap) => unmap.origin?.stack ?? "");
  }

  /** @internal */
  putBack(unmap: DmaUnmapData, device: DmaDevice): void {
    this.#live.delete(unmap);
    this.#byDevice.set(device, this.liveFor(device) - 1);
    const pool = POOL_CAPACITIES.indexOf(unmap.addr.length);
    this.#free[pool]?.push(unmap);
  }
}

function released(call: string): DmaError {
  return new DmaError(
    "ERR_DMA_STATE",
    `unmap data: ${call}() on a record whose last reference is gone: it was put once too often, or kept after its last put`,
  );
}
