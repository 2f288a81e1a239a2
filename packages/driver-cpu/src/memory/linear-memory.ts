import { DmaError } from "@dmaengine/core";

/** Linear memories consist of pages of this size. */
export const PAGE_BYTES = 65536;
/** The largest linear memory with 32-bit addresses. */
export const MAX_MEMORY_BYTES = 65536 * PAGE_BYTES;

/**
 * A linear memory that may grow up to `maxBytes`; sizes are multiples of {@link PAGE_BYTES}. Of a memory that is not touched, only addresses are
 * in use. Throws `ERR_DMA_MAPPING` when the system has no more of these.
 */
export function linearMemory(sizeBytes: number, maxBytes: number, shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({
      initial: sizeBytes / PAGE_BYTES,
      maximum: maxBytes / PAGE_BYTES,
      shared,
    });
  } catch (cause) {
    throw new DmaError("ERR_DMA_MAPPING", `cpu: the system has no ${sizeBytes} bytes for a linear memory`, {
      cause,
    });
  }
}
