/** Marks every error of this package, so that it is recognised across two installed copies (`instanceof` is not). */
const MARK = Symbol.for("@dmaengine/core.error");

/** Stable names for everything that this package refuses. Codes never change within a major version; texts may. */
export type DmaErrorCode =
  /** A driver was built for another version of the driver contract. */
  | "ERR_DMA_CONTRACT"
  /** A driver claims an operation that it does not implement, or one that nobody has defined. */
  | "ERR_DMA_CAPABILITY"
  /** A driver broke the contract while running, for example by completing a descriptor twice. */
  | "ERR_DMA_DRIVER"
  /** A driver plugin can't be loaded, or is none. */
  | "ERR_DMA_PLUGIN"
  /** A name is registered already, or is not registered. */
  | "ERR_DMA_REGISTER"
  /** The channel's device was taken away. What was in flight is aborted; another channel has to be found. */
  | "ERR_DMA_REMOVED"
  /** Something is still held: channels, descriptors in flight or unmap references. */
  | "ERR_DMA_BUSY"
  /** No channel can do what was asked. The message says why each one was passed over. */
  | "ERR_DMA_NO_CHANNEL"
  /** An argument is outside what the channel's capability record allows. */
  | "ERR_DMA_LIMIT"
  /** A channel, descriptor or unmap record is used in a state that does not allow it. */
  | "ERR_DMA_STATE"
  /** Memory can't be mapped for a device. */
  | "ERR_DMA_MAPPING"
  /** The checker found a misuse of the mapping API. `check` names the class of error. */
  | "ERR_DMA_CHECK"
  /** A transfer that somebody awaits through `tx.done` failed or was aborted. */
  | "ERR_DMA_TRANSFER";

/** Any refusal by the framework. Programming mistakes that the type system would have caught stay `TypeError`s. */
export class DmaError extends Error {
  readonly code: DmaErrorCode;
  readonly [MARK] = true;

  constructor(code: DmaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DmaError";
    this.code = code;
  }

  /** Whether `value` is a DmaError of this or of any other copy of the package. */
  static isInstance(value: unknown): value is DmaError {
    return typeof value === "object" && value !== null && MARK in value;
  }
}
