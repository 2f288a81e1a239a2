/** Marks every error of this package, so that it is recognised across two installed copies. */
const MARK = Symbol.for("@dmaengine/async-tx.error");

/**
 * Stable names for everything that this package refuses.
 *
 * @deprecated With the rest of this package. The replacements throw `DmaError` and `RaidError`.
 */
export type AsyncTxErrorCode =
  /** An engine's platform is not coherent, where async_tx corrupts data. */
  | "ERR_ASYNC_TX_NON_COHERENT"
  /** An operation was asked for where none may be: in a hard interrupt, or by a completion callback. */
  | "ERR_ASYNC_TX_CONTEXT"
  /** A dependency was acked, so that it may have been recycled. */
  | "ERR_ASYNC_TX_ACKED"
  /** An argument makes no sense. */
  | "ERR_ASYNC_TX_ARGUMENT"
  /** An operation that something has to wait for failed, or never ends. The original panics. */
  | "ERR_ASYNC_TX_TRANSFER"
  /** A channel is full of descriptors that nobody acked. The original spins for ever. */
  | "ERR_ASYNC_TX_NO_ROOM"
  /** The instance was closed. */
  | "ERR_ASYNC_TX_CLOSED"
  /** A `dma_client` is registered already, or is not. */
  | "ERR_ASYNC_TX_CLIENT";

/**
 * Any refusal by this package. Where the original stops the machine (`BUG_ON`, `panic`), it is one of these.
 *
 * @deprecated With the rest of this package. The replacements throw `DmaError` and `RaidError`.
 */
export class AsyncTxError extends Error {
  readonly code: AsyncTxErrorCode;
  readonly [MARK] = true;

  constructor(code: AsyncTxErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AsyncTxError";
    this.code = code;
  }

  /** Whether `value` is an AsyncTxError of this or of any other copy of the package. */
  static isInstance(value: unknown): value is AsyncTxError {
    return typeof value === "object" && value !== null && MARK in value;
  }
}
