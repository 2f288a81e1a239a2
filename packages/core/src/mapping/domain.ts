import type { DmaDirection } from "./direction.js";

/** A bus address, as the device sees it. A non-negative integer below 2^53. */
export type DmaAddr = number;

/** What a mapping call returns when the memory can't be mapped (`DMA_MAPPING_ERROR`). Test with {@link dmaMappingError}. */
export const DMA_MAPPING_ERROR: DmaAddr = -1;

/** Whether a mapping call failed (`dma_mapping_error`). `device.mappingError()` does the same and tells the checker that you asked. */
export function dmaMappingError(addr: DmaAddr): boolean {
  return addr === DMA_MAPPING_ERROR;
}

/** Memory that CPU and device see alike at any time: descriptor rings, completion words (`dma_alloc_coherent`). */
export interface CoherentMemory {
  readonly bytes: Uint8Array;
  readonly dmaAddr: DmaAddr;
}

/**
 * How a device reaches memory: the kernel's `struct dma_map_ops` with the IOMMU domain behind it.
 *
 * Two devices that carry the *same* domain object share mappings: an address mapped for one is good for the other.
 * Devices with different domain objects need a mapping each.
 */
export interface DmaDomain {
  /** For messages and statistics. */
  readonly name: string;
  /**
   * Whether CPU and device see each other's writes at once (`dev_is_dma_coherent`). False: the CPU sees what the device wrote after unmap or
   * sync at the earliest, and the memory of a mapping may change on its own. Default true.
   */
  readonly coherent?: boolean;
  /** Bytes that this domain copied because a device can't reach the memory itself. 0 where nothing bounces. */
  readonly bouncedBytes: number;
  /**
   * Gives `lengthBytes` bytes of `memory` from `offsetBytes` to the devices of this domain.
   * Returns {@link DMA_MAPPING_ERROR} when it can't, never throws for that. Arguments were checked by the caller.
   */
  map(memory: Uint8Array, offsetBytes: number, lengthBytes: number, direction: DmaDirection): DmaAddr;
  /** Takes a mapping back. Called once for each successful {@link map}, with the same length and direction. */
  unmap(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void;
  /** Hands a part of a live mapping to the CPU (`dma_sync_single_for_cpu`). */
  syncForCpu(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void;
  /** Hands it back to the device (`dma_sync_single_for_device`). */
  syncForDevice(addr: DmaAddr, lengthBytes: number, direction: DmaDirection): void;
  /**
   * Memory that this domain maps without copying, `alignBytes` a power of two. Left out where any memory will do.
   * Throws a DmaError `ERR_DMA_MAPPING` when there is none left.
   */
  alloc?(sizeBytes: number, alignBytes: number): Uint8Array;
  /** Gives memory of {@link alloc} back. */
  free?(memory: Uint8Array): void;
  /**
   * Coherent memory, aligned to `alignBytes`. Throws a DmaError `ERR_DMA_MAPPING` when there is none. May be left out where the domain is
   * coherent: then memory of {@link alloc} is mapped BIDIRECTIONAL until it is freed.
   */
  allocCoherent?(sizeBytes: number, alignBytes: number): CoherentMemory;
  /** Gives memory of {@link allocCoherent} back. */
  freeCoherent?(memory: CoherentMemory): void;
  /**
   * Whether devices work on this memory itself when it is mapped, wherever the other operands are, and nothing is copied. Left out where that
   * is not known.
   */
  reaches?(memory: Uint8Array): boolean;
}
