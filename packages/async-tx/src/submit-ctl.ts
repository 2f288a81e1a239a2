import type { DmaStatus } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "./descriptor.js";

/**
 * Memory that an operation works on: the kernel's `struct page`, of any length.
 *
 * @deprecated Memory of `@dmaengine/core` is a `Uint8Array` without another name.
 */
export type Page = Uint8Array;

/**
 * Called once when an operation has ended, with the parameter that it was submitted with (`dma_async_tx_callback`). In the driver's
 * tasklet, or in the context of whoever polls, if an engine did it; by the async_tx call itself, before it resolves, if that did it in
 * software. It may not submit operations (constraint 2 of the original's documentation).
 *
 * @param status - COMPLETE, or ERROR when the operation failed or one that it depends on did. The original's callbacks are not told.
 *
 * @deprecated The callback of a descriptor of `@dmaengine/core`, which may submit, or its promise `done`.
 */
export type AsyncTxCallback = (param: unknown, status: DmaStatus) => void;

/**
 * How an operation is submitted (`struct async_submit_ctl`). The calls only read it, so it may be used again; the original uses it up.
 *
 * @deprecated Prep calls of `@dmaengine/core` take flags; a client that waits needs no dependencies.
 */
export interface AsyncSubmitCtl {
  /** `ASYNC_TX_…`. */
  flags: number;
  /** What has to be done first. */
  dependTx: AsyncTxDescriptor | null;
  cbFn: AsyncTxCallback | null;
  cbParam: unknown;
  /** Room for one page of each block. The recovery calls are only offloaded if they have it, as in the original; nothing else needs it. */
  scribble: (Page | null)[] | null;
}

/**
 * Makes the record that the calls take as their last argument (`init_async_submit`).
 *
 * @deprecated Prep calls of `@dmaengine/core` take flags; a client that waits needs no dependencies.
 */
export function initAsyncSubmit(
  flags: number,
  dependTx: AsyncTxDescriptor | null = null,
  cbFn: AsyncTxCallback | null = null,
  cbParam: unknown = undefined,
  scribble: (Page | null)[] | null = null,
): AsyncSubmitCtl {
  return { flags, dependTx, cbFn, cbParam, scribble };
}
