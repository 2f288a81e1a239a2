import { Channel } from "./channel.js";
import type { AnyDeviceDefinition, Capabilities } from "./driver-contract.js";
import { DmaError } from "./errors.js";
import type { DmaChecker } from "./mapping/checker.js";
import type { DmaDirection } from "./mapping/direction.js";
import { DMA_MAPPING_ERROR, type DmaAddr, type DmaDomain } from "./mapping/domain.js";
import type { DmaUnmapData, UnmapPools } from "./mapping/unmap-data.js";
import type { AnyOperationDefinition, DmaOperation, OperationLimits } from "./operations/operation.js";
import type { DeviceStats, MappingStats } from "./stats.js";

/**
 * One registered engine, as clients see it: what it can do, and the mapping API for memory that it is to work on
 * (Documentation/core-api/dma-api.rst). Map with the device whose channel will run the transaction.
 */
export class DmaDevice {
  readonly name: string;
  /** Number of the device in its engine instance; channels are called `dma<id>chan<n>`. */
  readonly id: number;
  /** What it can do, with limits. */
  readonly capabilities: Partial<Capabilities<DmaOperation>>;
  /** Devices with the same domain object share mappings. */
  readonly domain: DmaDomain;
  /** Only to be used by request. */
  readonly private: boolean;
  /** @internal */
  readonly channels: readonly Channel[];
  readonly #mapping: MappingStats = {
    maps: 0,
    unmaps: 0,
    syncsForCpu: 0,
    syncsForDevice: 0,
    bouncedBytes: 0,
  };
  readonly #checker: DmaChecker | null;
  readonly #pools: UnmapPools;

  /** @internal */
  constructor(
    id: number,
    definition: AnyDeviceDefinition,
    operations: readonly AnyOperationDefinition[],
    pools: UnmapPools,
    checker: DmaChecker | null,
  ) {
    this.id = id;
    this.name = definition.name;
    this.capabilities = definition.capabilities;
    this.domain = definition.domain;
    this.private = definition.private ?? false;
    this.#pools = pools;
    this.#checker = checker;
    const claimed = operations.map((operation) => ({
      definition: operation,
      limits: definition.capabilities[operation.name] as OperationLimits<DmaOperation>,
    }));
    this.channels = definition.channels.map((create, n) => {
      const channel = new Channel(this, `dma${id}chan${n}`, definition.ringSize);
      channel.attach(create(channel), claimed);
      return channel;
    });
  }

  /** Whether the device has every one of these operations. */
  has(...operations: readonly DmaOperation[]): boolean {
    return operations.every((operation) => operation in this.capabilities);
  }

  /**
   * Hands `memory` to the device and tells where the device finds it (`dma_map_single`). Until {@link unmapSingle} or a sync for the CPU the
   * bytes are the device's: neither read nor write them.
   * Returns `DMA_MAPPING_ERROR` when the device can't reach the memory; test with `dmaMappingError()`.
   */
  mapSingle(memory: Uint8Array, direction: DmaDirection): DmaAddr {
    return this.mapPage(memory, 0, memory.length, direction);
  }

  /** The same for a part of `memory`: `lengthBytes` from `offsetBytes` (`dma_map_page`). Makes no view. */
  mapPage(memory: Uint8Array, offsetBytes: number, lengthBytes: number, direction: DmaDirection): DmaAddr {
    if (offsetBytes < 0 || lengthBytes < 1 || offsetBytes + lengthBytes > memory.length) {
      throw new DmaError(
        "ERR_DMA_MAPPING",
        `${this.name}: expected a range within ${memory.length} bytes, got ${lengthBytes} bytes at ${offsetBytes}`,
      );
    }
    const addr = this.domain.map(memory, offsetBytes, lengthBytes, direction);
    if (addr === DMA_MAPPING_ERROR) return addr;
    this.#mapping.maps += 1;
    this.#checker?.map(this, memory, offsetBytes, lengthBytes, direction, addr);
    return addr;
  }

  /** Takes a mapping back; same length and direction as when it was made (`dma_unmap_single`). */
  unmapSingle(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.unmapPage(addr, lengthBytes, direction);
  }

  /** The same for a mapping of {@link mapPage} (`dma_unmap_page`). */
  unmapPage(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.#checker?.unmap(this, addr, lengthBytes, direction);
    this.domain.unmap(addr, lengthBytes, direction);
    this.#mapping.unmaps += 1;
  }

  /** Hands a mapped range, or a part of one, to the CPU (`dma_sync_single_for_cpu`). */
  syncSingleForCpu(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.#checker?.syncForCpu(this, addr, lengthBytes, direction);
    this.domain.syncForCpu(addr, lengthBytes, direction);
    this.#mapping.syncsForCpu += 1;
  }

  /** Hands it back to the device (`dma_sync_single_for_device`). */
  syncSingleForDevice(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void {
    this.domain.syncForDevice(addr, lengthBytes, direction);
    this.#checker?.syncForDevice(this, addr, lengthBytes, direction);
    this.#mapping.syncsForDevice += 1;
  }

  /** An unmap record for up to `count` addresses, with one reference (`dmaengine_get_unmap_data`). */
  getUnmapData(count: number): DmaUnmapData {
    return this.#pools.take(this, count);
  }

  /** Memory that the device reaches without copying; ordinary memory where any will do. `alignBytes` is a power of two. */
  alloc(sizeBytes: number, alignBytes = 64): Uint8Array<ArrayBuffer> {
    return this.domain.alloc?.(sizeBytes, alignBytes) ?? new Uint8Array(sizeBytes);
  }

  /** Gives memory of {@link alloc} back. */
  free(memory: Uint8Array): void {
    this.domain.free?.(memory);
  }

  stats(): DeviceStats {
    return {
      mapping: { ...this.#mapping, bouncedBytes: this.domain.bouncedBytes },
      channels: Object.fromEntries(
        this.channels.map(({ name, stats }) => [
          name,
          {
            ...stats,
            operations: Object.fromEntries(
              Object.entries(stats.operations).map(([operation, counters]) => [operation, { ...counters }]),
            ),
          },
        ]),
      ),
    };
  }
}
