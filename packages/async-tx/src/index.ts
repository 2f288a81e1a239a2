/**
 * The async_tx API of the Linux kernel on engines of `@dmaengine/core`, in the form of 2007 and in the later one, with the `dma_client` API of
 * 2.6.23.
 *
 * @deprecated Use channels of `@dmaengine/core`, or `@dmaengine/raid456`. `docs/migrating-from-async-tx.md` has each call.
 *
 * @packageDocumentation
 */

export { AsyncTx } from "./async-tx.js";
export { AsyncTx2007 } from "./async-tx-2007.js";
export { AsyncTxDescriptor } from "./descriptor.js";
export { type DmaClient, DmaClients, DmaState, DmaStateClient } from "./dma-client.js";
export { AsyncTxError, type AsyncTxErrorCode } from "./errors.js";
export * from "./flags.js";
export type { AsyncTxInstance, AsyncTxOptions, AsyncTxStats } from "./instance.js";
export { type AsyncSubmitCtl, type AsyncTxCallback, initAsyncSubmit, type Page } from "./submit-ctl.js";
export type { Offsets } from "./workings/arguments.js";
export type { CpuContext } from "./workings/context.js";
