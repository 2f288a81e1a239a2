import type { EngineContext } from "../context.js";
import { DmaError } from "../errors.js";
import type { MappingStats } from "../stats.js";
import type { MappingKind } from "./checker/checker.js";
import { DmaDirection } from "./direction.js";
import { type CoherentMemory, DMA_MAPPING_ERROR, type DmaAddr, type DmaDomain } from "./domain.js";
import type { Scatterlist, ScatterlistEntry } from "./scatterlist.js";

/** What decides which memory a device can be given. */
export interface MappingLimits {
  /** Width of the device's addresses, in bits. */
  readonly dmaMaskBits: number;
  /** Longest segment of a scatterlist, in bytes. */
  readonly maxSegmentBytes: number;
  /** No segment crosses a multiple of this; Infinity where any may. */
  readonly segmentBoundaryBytes: number;
}

/**
 * The mapping API of one device (Documentation/core-api/dma-api.rst). Between map and unmap, or a sync for the device and one for the CPU, the
 * bytes are the device's: the CPU neither reads nor writes them.
 *
 * Left out of the original: `dma_map_resource`, because a peripheral's registers are addressed by the slave configuration, and mapping
 * attributes.
 */
export class MappingDevice implements MappingLimits {
  readonly name: string;
  /** Devices with the same domain object share mappings. */
  readonly domain: DmaDomain;
  readonly dmaMaskBits: number;
  readonly maxSegmentBytes: number;
  readonly segmentBoundaryBytes: number;
  readonly #highestAddr: DmaAddr;
  readonly #stats: MappingStats = {
    maps: 0,
    unmaps: 0,
    failures: 0,
    syncsForCpu: 0,
    syncsForDevice: 0,
    bouncedBytes: 0,
    coherentBytes: 0,
  };
  /** @internal */
  protected readonly context: EngineContext;

  /** @internal */
  constructor(name: string, domain: DmaDomain, limits: MappingLimits, context: EngineContext) {
    this.name = name;
    this.domain = domain;
    this.dmaMaskBits = limits.dmaMaskBits;
    this.maxSegmentBytes = limits.maxSegmentBytes;
    this.segmentBoundaryBytes = limits.segmentBoundaryBytes;
    this.#highestAddr = 2 ** limits.dmaMaskBits - 1;
    this.context = context;
  }

  /**
   * Hands `memory` to the device and tells where the device finds it (`dma_map_single`). What memory holds that is mapped FROM_DEVICE is lost.
   * Returns `DMA_MAPPING_ERROR` when the device can't reach the memory; test with {@link mappingError}.
   */
  mapSingle(memory: Uint8Array, direction: DmaDirection): DmaAddr {
    return this.#map(memory, 0, memory.length, direction, "single", 1);
  }

  /** The same for a part of `memory`: `lengthBytes` from `offsetBytes` (`dma_map_page`). Makes no view. */
  mapPage(memory: Uint8Array, offsetBytes: number, lengthBytes: number, direction: DmaDirection): DmaAddr {
    return this.#map(memory, offsetBytes, lengthBytes, direction, "single", 1);
  }

  /** Whether a mapping call failed (`dma_mapping_error`). */
  mappingError(addr: DmaAddr): boolean {
    this.context.checker?.tested(this, addr);
    return addr === DMA_MAPPING_ERROR;
  }

  /** Takes a mapping back; same length and direction as when it was made (`dma_unmap_single`). */
  unmapSingle(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.#unmap(addr, lengthBytes, direction, "single", 1);
  }

  /** The same for a mapping of {@link mapPage} (`dma_unmap_page`). */
  unmapPage(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.#unmap(addr, lengthBytes, direction, "single", 1);
  }

  /** Hands a mapped range, or a part of one, to the CPU (`dma_sync_single_for_cpu`). */
  syncSingleForCpu(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.#syncForCpu(addr, lengthBytes, direction);
  }

  /** Hands it back to the device (`dma_sync_single_for_device`). */
  syncSingleForDevice(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.#syncForDevice(addr, lengthBytes, direction);
  }

  /**
   * Maps the first `count` pieces of a list (`dma_map_sg`). Returns the number of segments that they became, which is what prep calls
   * want: at most `count`, fewer where pieces are neighbours on the bus. Returns 0 when the device can't reach one of them; none is mapped then.
   */
  mapSg(sgl: Scatterlist, count: number, direction: DmaDirection): number {
    this.#checkCount(sgl, count);
    let mapped = 0;
    try {
      for (; mapped < count; mapped++) {
        const { memory, offsetBytes, lengthBytes } = sgl.entries[mapped] as ScatterlistEntry;
        const addr = this.#map(memory, offsetBytes, lengthBytes, direction, "sg", count);
        if (addr === DMA_MAPPING_ERROR) break;
        sgl.entryAddr[mapped] = addr;
      }
    } finally {
      if (mapped < count) this.#unmapEntries(sgl, mapped, direction, count);
    }
    return mapped < count ? 0 : sgl.merge(count, this.maxSegmentBytes, this.segmentBoundaryBytes);
  }

  /** Takes a list back (`dma_unmap_sg`). `count` is what {@link mapSg} was given, not what it returned. */
  unmapSg(sgl: Scatterlist, count: number, direction: DmaDirection): void {
    this.#checkCount(sgl, count);
    this.#unmapEntries(sgl, count, direction, count);
  }

  /** Hands a mapped list to the CPU (`dma_sync_sg_for_cpu`). `count` is what {@link mapSg} was given. */
  syncSgForCpu(sgl: Scatterlist, count: number, direction: DmaDirection): void {
    this.#checkCount(sgl, count);
    for (let i = 0; i < count; i++) {
      const { lengthBytes } = sgl.entries[i] as ScatterlistEntry;
      this.#syncForCpu(sgl.entryAddr[i] as DmaAddr, lengthBytes, direction, count);
    }
  }

  /** Hands it back to the device (`dma_sync_sg_for_device`). */
  syncSgForDevice(sgl: Scatterlist, count: number, direction: DmaDirection): void {
    this.#checkCount(sgl, count);
    for (let i = 0; i < count; i++) {
      const { lengthBytes } = sgl.entries[i] as ScatterlistEntry;
      this.#syncForDevice(sgl.entryAddr[i] as DmaAddr, lengthBytes, direction, count);
    }
  }

  /** Memory that the device reaches without copying; ordinary memory where any will do. `alignBytes` is a power of two. */
  alloc(sizeBytes: number, alignBytes = 64): Uint8Array {
    return this.domain.alloc?.(sizeBytes, alignBytes) ?? new Uint8Array(sizeBytes);
  }

  /** Gives memory of {@link alloc} back. */
  free(memory: Uint8Array): void {
    this.domain.free?.(memory);
  }

  /**
   * Memory that CPU and device see alike at any time, without syncs (`dma_alloc_coherent`). `alignBytes` is a power of two.
   * Throws `ERR_DMA_MAPPING` when there is none that the device can reach.
   */
  allocCoherent(sizeBytes: number, alignBytes = 64): CoherentMemory {
    const memory =
      this.domain.allocCoherent?.(sizeBytes, alignBytes) ?? this.#mapForEver(sizeBytes, alignBytes);
    const { bytes, dmaAddr } = memory;
    if (dmaAddr === DMA_MAPPING_ERROR || dmaAddr + sizeBytes - 1 > this.#highestAddr) {
      throw new DmaError(
        "ERR_DMA_MAPPING",
        `${this.name}: no ${sizeBytes} bytes of coherent memory within ${this.dmaMaskBits} address bits`,
      );
    }
    this.context.checker?.mapped(
      this,
      bytes,
      0,
      bytes.length,
      DmaDirection.BIDIRECTIONAL,
      dmaAddr,
      "coherent",
      1,
    );
    this.#stats.coherentBytes += bytes.length;
    return memory;
  }

  /** Gives memory of {@link allocCoherent} back (`dma_free_coherent`). */
  freeCoherent(memory: CoherentMemory): void {
    const { bytes, dmaAddr } = memory;
    const error = this.context.checker?.unmap(
      this,
      dmaAddr,
      bytes.length,
      DmaDirection.BIDIRECTIONAL,
      "coherent",
      1,
    );
    if (this.domain.freeCoherent !== undefined) this.domain.freeCoherent(memory);
    else {
      this.domain.unmap(dmaAddr, bytes.length, DmaDirection.BIDIRECTIONAL);
      this.free(bytes);
    }
    this.#stats.coherentBytes -= bytes.length;
    if (error != null) throw error;
  }

  /** @internal */
  protected mappingStats(): MappingStats {
    return { ...this.#stats, bouncedBytes: this.domain.bouncedBytes };
  }

  #map(
    memory: Uint8Array,
    offsetBytes: number,
    lengthBytes: number,
    direction: DmaDirection,
    kind: MappingKind,
    sgCount: number,
  ): DmaAddr {
    const { checker, trace } = this.context;
    if (!(offsetBytes >= 0 && lengthBytes >= 1 && offsetBytes + lengthBytes <= memory.length)) {
      throw new DmaError(
        "ERR_DMA_MAPPING",
        `${this.name}: expected a range within ${memory.length} bytes, got ${lengthBytes} bytes at ${offsetBytes}`,
      );
    }
    if (!(direction >= DmaDirection.BIDIRECTIONAL && direction <= DmaDirection.FROM_DEVICE)) {
      throw new DmaError("ERR_DMA_MAPPING", `${this.name}: expected a DmaDirection, got ${direction}`);
    }
    checker?.beforeMap(this, memory, offsetBytes, lengthBytes, direction);
    const addr = this.domain.map(memory, offsetBytes, lengthBytes, direction);
    if (addr === DMA_MAPPING_ERROR || addr + lengthBytes - 1 > this.#highestAddr) {
      if (addr !== DMA_MAPPING_ERROR) this.domain.unmap(addr, lengthBytes, direction);
      this.#stats.failures += 1;
      return DMA_MAPPING_ERROR;
    }
    const unfit = kind === "sg" ? checker?.segment(this, addr, lengthBytes) : null;
    if (unfit != null) {
      this.domain.unmap(addr, lengthBytes, direction);
      throw unfit;
    }
    this.#stats.maps += 1;
    checker?.mapped(this, memory, offsetBytes, lengthBytes, direction, addr, kind, sgCount);
    trace?.({ type: "map", device: this.name, addr, lengthBytes, direction });
    return addr;
  }

  #unmap(
    addr: DmaAddr,
    lengthBytes: number,
    direction: DmaDirection,
    kind: MappingKind,
    sgCount: number,
  ): void {
    const { checker, trace } = this.context;
    const error = checker === null ? null : checker.unmap(this, addr, lengthBytes, direction, kind, sgCount);
    this.domain.unmap(addr, lengthBytes, direction);
    this.#stats.unmaps += 1;
    trace?.({ type: "unmap", device: this.name, addr, lengthBytes, direction });
    if (error !== null) throw error;
  }

  #unmapEntries(sgl: Scatterlist, count: number, direction: DmaDirection, sgCount: number): void {
    for (let i = 0; i < count; i++) {
      const { lengthBytes } = sgl.entries[i] as ScatterlistEntry;
      this.#unmap(sgl.entryAddr[i] as DmaAddr, lengthBytes, direction, "sg", sgCount);
    }
  }

  #syncForCpu(addr: DmaAddr, lengthBytes: number, direction: DmaDirection, sgCount?: number): void {
    const { checker, trace } = this.context;
    checker?.syncForCpu(this, addr, lengthBytes, direction, sgCount);
    this.domain.syncForCpu(addr, lengthBytes, direction);
    this.#stats.syncsForCpu += 1;
    trace?.({ type: "syncForCpu", device: this.name, addr, lengthBytes, direction });
  }

  #syncForDevice(addr: DmaAddr, lengthBytes: number, direction: DmaDirection, sgCount?: number): void {
    const { checker, trace } = this.context;
    checker?.syncForDevice(this, addr, lengthBytes, direction, sgCount);
    this.domain.syncForDevice(addr, lengthBytes, direction);
    this.#stats.syncsForDevice += 1;
    trace?.({ type: "syncForDevice", device: this.name, addr, lengthBytes, direction });
  }

  #checkCount(sgl: Scatterlist, count: number): void {
    if (count >= 1 && count <= sgl.entries.length) return;
    throw new DmaError(
      "ERR_DMA_MAPPING",
      `${this.name}: expected 1 to ${sgl.entries.length} pieces of the scatterlist, got ${count}`,
    );
  }

  #mapForEver(sizeBytes: number, alignBytes: number): CoherentMemory {
    if (this.domain.coherent === false) {
      throw new DmaError(
        "ERR_DMA_MAPPING",
        `${this.name}: its domain "${this.domain.name}" has no coherent memory`,
      );
    }
    const bytes = this.alloc(sizeBytes, alignBytes);
    return { bytes, dmaAddr: this.domain.map(bytes, 0, sizeBytes, DmaDirection.BIDIRECTIONAL) };
  }
}
