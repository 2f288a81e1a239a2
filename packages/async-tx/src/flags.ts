/**
 * `enum async_tx_flags` of include/linux/async_tx.h, with the same bits. Combine them with `|`.
 *
 * @module
 */

/**
 * Xor: the destination is not among the sources.
 *
 * @deprecated `prepXor` of `@dmaengine/core` never takes the destination for a source.
 */
export const ASYNC_TX_XOR_ZERO_DST = 1 << 0;

/**
 * Xor: the destination is the first of the sources.
 *
 * @deprecated `prepXor` of `@dmaengine/core` takes the destination among its sources without a flag.
 */
export const ASYNC_TX_XOR_DROP_DST = 1 << 1;

/**
 * Acks the new descriptor at once: nothing will depend on it.
 *
 * @deprecated `DMA_CTRL_ACK` of `@dmaengine/core`, which its prep calls set by default.
 */
export const ASYNC_TX_ACK = 1 << 2;

/**
 * A later operation of the chain reads the result of this one.
 *
 * @deprecated `DMA_PREP_FENCE` of `@dmaengine/core`.
 */
export const ASYNC_TX_FENCE = 1 << 3;

/**
 * Syndrome: adds to what P and Q hold, for a read-modify-write. In software only, as in the original.
 *
 * @deprecated `DMA_PREP_CONTINUE` of `@dmaengine/core`, which engines can do.
 */
export const ASYNC_TX_PQ_XOR_DST = 1 << 4;

/**
 * The flags of Linux 2.6.23 and 2.6.24, whose bits are not those of later kernels, for `AsyncTx2007`.
 *
 * @deprecated The flags of `@dmaengine/core`; `docs/migrating-from-async-tx.md` has the whole table.
 */
export const ASYNC_TX_2007 = {
  /** Xor: the destination is not among the sources. */
  XOR_ZERO_DST: 1 << 0,
  /** Xor: the destination is the first of the sources. */
  XOR_DROP_DST: 1 << 1,
  /** Map without cache maintenance. Means nothing here: on a coherent platform there is none to leave out. */
  ASSUME_COHERENT: 1 << 2,
  /** Acks the new descriptor at once: nothing will depend on it. */
  ACK: 1 << 3,
  /** Acks the dependency: nothing else will depend on it. Later kernels always do. */
  DEP_ACK: 1 << 4,
} as const;
