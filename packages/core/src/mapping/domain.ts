import type { DmaDirection } from "./direction.js";

/** A bus address, as the device sees it. A non-negative integer below 2^53. */
export type DmaAddr = number;

/** What a mapping call returns when the memory can't be mapped (`DMA_MAPPING_ERROR`). Test with {@link dmaMappingError}. */
export const DMA_MAPPING_ERROR: DmaAddr = -1;

/** Whether a mapping call failed (`dma_mapping_error`). */
export function dmaMappingError(addr: DmaAddr): boolean {
  return addr === DMA_MAPPING_ERROR;
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
  alloc?(sizeBytes: number, alignBytes: number): Uint8Array<ArrayBuffer>;
  /** Gives memory of {@link alloc} back. */
  free?(memory: Uint8Array): void;
}
