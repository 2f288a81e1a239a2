/**
 * Control flags of a descriptor, `enum dma_ctrl_flags` of include/linux/dmaengine.h with the same bits.
 * Combine them with `|` and pass them to a prep call.
 *
 * @module
 */

/** Raise an interrupt when this descriptor completes, so that its callback runs without anybody polling. */
export const DMA_PREP_INTERRUPT = 1 << 0;
/** The client has finished with the descriptor: it may be recycled as soon as it is complete. */
export const DMA_CTRL_ACK = 1 << 1;
/** PQ: do not produce or check P. */
export const DMA_PREP_PQ_DISABLE_P = 1 << 2;
/** PQ: do not produce or check Q. */
export const DMA_PREP_PQ_DISABLE_Q = 1 << 3;
/** PQ: fold what P and Q hold already into the result. */
export const DMA_PREP_CONTINUE = 1 << 4;
/** Later descriptors may read the result of this one: order its writes before their reads. */
export const DMA_PREP_FENCE = 1 << 5;
/** The descriptor may be submitted again after it is complete, until it is freed. Only where the device has `descriptorReuse`. */
export const DMA_CTRL_REUSE = 1 << 6;
/** Slave transfers: the payload is a command for the peripheral, not data. */
export const DMA_PREP_CMD = 1 << 7;
/** Interleaved transfers: start over at the end, until another transfer is queued or the channel is terminated. */
export const DMA_PREP_REPEAT = 1 << 8;
/** Interleaved transfers: take the place of a repeated transfer at its next end instead of waiting for ever. */
export const DMA_PREP_LOAD_EOT = 1 << 9;
