import type { DmaDevice } from "../device.js";
import { DmaError } from "../errors.js";
import type { UnmapPoolStats } from "../stats.js";
import { DmaDirection } from "./direction.js";
import type { DmaAddr } from "./domain.js";

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
  /** Where the record was taken, and where its last reference went, if the checker is on. */
  #taken: Error | undefined;
  #gone: Error | undefined;

  /** @internal */
  constructor(pools: UnmapPools, capacity: number) {
    this.#pools = pools;
    this.addr = new Float64Array(capacity);
  }

  /** References that are held now; 0 in the pool. */
  get refs(): number {
    return this.#refs;
  }

  /** @internal Leaves the pool with one reference. */
  start(device: DmaDevice, taken: Error | undefined): void {
    this.#refs = 1;
    this.#device = device;
    this.#taken = taken;
    this.toCnt = 0;
    this.fromCnt = 0;
    this.bidiCnt = 0;
    this.len = 0;
  }

  /** @internal Where the record was taken. */
  get origin(): Error | undefined {
    return this.#taken;
  }

  /** One more reference (`kref_get`). */
  get(): this {
    if (this.#refs === 0) throw this.#released("get");
    this.#refs += 1;
    return this;
  }

  /**
   * One reference less (`dmaengine_unmap_put`); the last one unmaps every entry and returns the record to its pool. If an entry can't be
   * unmapped, the others are all the same, and the first error is thrown.
   */
  put(): void {
    if (this.#refs === 0) throw this.#released("put");
    if (this.#refs === 1) this.#checkCounts();
    this.#refs -= 1;
    if (this.#refs > 0) return;
    const device = this.#device as DmaDevice;
    this.#device = null;
    if (this.#taken !== undefined)
      this.#gone = new Error("the last reference went here", { cause: this.#taken });
    let failure: { readonly error: unknown } | null = null;
    const end = this.toCnt + this.fromCnt + this.bidiCnt;
    for (let i = 0; i < end; i++) {
      const addr = this.addr[i] as DmaAddr;
      const direction = this.#direction(i);
      if (addr === 0 && direction === DmaDirection.BIDIRECTIONAL) continue;
      try {
        device.unmapPage(addr, this.len, direction);
      } catch (error) {
        failure ??= { error };
      }
    }
    this.#pools.putBack(this, device);
    if (failure !== null) throw failure.error;
  }

  #direction(i: number): DmaDirection {
    if (i < this.toCnt) return DmaDirection.TO_DEVICE;
    return i < this.toCnt + this.fromCnt ? DmaDirection.FROM_DEVICE : DmaDirection.BIDIRECTIONAL;
  }

  #checkCounts(): void {
    const { toCnt, fromCnt, bidiCnt } = this;
    if (toCnt + fromCnt + bidiCnt <= this.addr.length) return;
    throw new DmaError(
      "ERR_DMA_LIMIT",
      `unmap data: ${toCnt} + ${fromCnt} + ${bidiCnt} addresses in a record with room for ${this.addr.length}`,
      { cause: this.#taken },
    );
  }

  #released(call: string): DmaError {
    return new DmaError(
      "ERR_DMA_STATE",
      `unmap data: ${call}() on a record whose last reference is gone: it was put once too often, or kept after its last put`,
      { cause: this.#gone },
    );
  }
}

/** The pools of one engine instance. */
export class UnmapPools {
  readonly #free: DmaUnmapData[][] = POOL_CAPACITIES.map(() => []);
  readonly #created = POOL_CAPACITIES.map(() => 0);
  /** The records with references, known only while the checker is on. */
  readonly #live = new Map<DmaUnmapData, DmaDevice>();
  readonly #checked: boolean;

  /** @param checked - remember where records are taken, and never use one again, so that whoever keeps one too long is found out. */
  constructor(checked: boolean) {
    this.#checked = checked;
  }

  /** A record for up to `count` addresses, 1 to 256 (`dmaengine_get_unmap_data`). */
  take(device: DmaDevice, count: number): DmaUnmapData {
    if (!(count >= 1 && count <= 256)) {
      throw new DmaError("ERR_DMA_LIMIT", `unmap data: expected 1 to 256 addresses, got ${count}`);
    }
    let pool = 0;
    while (count > (POOL_CAPACITIES[pool] as number)) pool++;
    const unmap = this.#free[pool]?.pop() ?? this.#create(pool);
    unmap.start(device, this.#checked ? new Error("unmap data taken here") : undefined);
    if (this.#checked) this.#live.set(unmap, device);
    device.unmapRecords += 1;
    return unmap;
  }

  /** Where the device's live records were taken; known only while the checker is on. */
  origins(device: DmaDevice): readonly string[] {
    return [...this.#live]
      .filter(([, owner]) => owner === device)
      .map(([unmap]) => unmap.origin?.stack ?? "");
  }

  /** What the pools hold, by capacity. */
  stats(): readonly UnmapPoolStats[] {
    return POOL_CAPACITIES.map((capacity, pool) => {
      const created = this.#created[pool] as number;
      return { capacity, created, live: created - (this.#free[pool] as DmaUnmapData[]).length };
    });
  }

  /** @internal */
  putBack(unmap: DmaUnmapData, device: DmaDevice): void {
    device.unmapRecords -= 1;
    this.#live.delete(unmap);
    const pool = POOL_CAPACITIES.indexOf(unmap.addr.length);
    if (this.#checked) (this.#created[pool] as number) -= 1;
    else this.#free[pool]?.push(unmap);
    device.onRelease?.();
  }

  #create(pool: number): DmaUnmapData {
    (this.#created[pool] as number) += 1;
    return new DmaUnmapData(this, POOL_CAPACITIES[pool] as number);
  }
}
