import type { Channel } from "./channel.js";
import { DMA_COOKIE_BUSY, type DmaCookie } from "./cookie.js";
import { DmaError } from "./errors.js";
import { DMA_CTRL_ACK } from "./flags.js";
import type { DmaUnmapData } from "./mapping/unmap-data.js";
import type { DmaOperation, OperationArgs } from "./operations/operation.js";
import { DmaTransResult, resultInWords } from "./status.js";

/** Called once when a transaction ends, however it ends, never from within a client's own call. */
export type DmaCallback = (result: DmaTransResult, param: unknown) => void;

/**
 * One transaction, as clients see it: `struct dma_async_tx_descriptor`.
 *
 * Between prep and submit it is the client's: set the callback and the unmap record. After {@link submit} only the cookie,
 * {@link done}, {@link ack} and {@link result} may be used, and after completion and ack the descriptor serves another transaction.
 */
export interface DmaTxDescriptor {
  /** The number that names this transaction on its channel; -16 (`-EBUSY`) before submit. */
  readonly cookie: DmaCookie;
  /** The flags that the prep call was given. */
  readonly flags: number;
  /** How it ended. NOERROR as long as it has not. */
  readonly result: DmaTransResult;
  /** Set between prep and submit. Runs after the unmap reference was dropped, so it may look at the data. */
  callback: DmaCallback | null;
  /** Handed to {@link callback}. */
  callbackParam: unknown;
  /**
   * Attaches an unmap record and takes a reference to it, which is dropped when the transaction ends (`dma_set_unmap`).
   * The client still has to drop its own.
   */
  setUnmap(unmap: DmaUnmapData): void;
  /** Puts the transaction on its channel's queue (`dmaengine_submit`). It starts at `issuePending` at the latest. */
  submit(): DmaCookie;
  /** Allows recycling, where the flags did not have `DMA_CTRL_ACK` (`async_tx_ack`). */
  ack(): void;
  /**
   * Resolves when the transaction is complete, rejects with `ERR_DMA_TRANSFER` when it failed or was aborted. Ask for it before
   * the descriptor is recycled. With `DMA_PREP_INTERRUPT` it waits for the interrupt, without it the channel is polled.
   * The promise is made only when asked for.
   */
  readonly done: Promise<void>;
}

/** The same transaction, as its driver sees it. */
export interface DmaTx<Op extends DmaOperation = DmaOperation> extends DmaTxDescriptor {
  readonly operation: Op;
  /** What the prep call was given. Valid until the transaction is complete. */
  readonly args: OperationArgs<Op>;
  /** Position in the channel's set of descriptors, 0 to `ringSize - 1`: an index for the driver's own records. */
  readonly index: number;
}

/** Where a descriptor is in its life. */
export const TxState = { FREE: 0, PREPARED: 1, SUBMITTED: 2, COMPLETE: 3 } as const;
export type TxState = (typeof TxState)[keyof typeof TxState];

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: DmaError): void;
}

/** The one implementation behind both faces. Made once for each place in a channel's set and recycled for ever. */
export class Descriptor implements DmaTx {
  readonly index: number;
  readonly channel: Channel;
  operation: DmaOperation = "interrupt";
  args: OperationArgs<DmaOperation> = {};
  flags = 0;
  cookie: DmaCookie = DMA_COOKIE_BUSY;
  state: TxState = TxState.FREE;
  result: DmaTransResult = DmaTransResult.NOERROR;
  lengthBytes = 0;
  callback: DmaCallback | null = null;
  callbackParam: unknown = undefined;
  unmap: DmaUnmapData | null = null;
  acked = false;
  /** The descriptor behind this one on the channel's submitted list, or on its list of waiting callbacks. */
  next: Descriptor | null = null;
  #deferred: Deferred | null = null;

  constructor(channel: Channel, index: number) {
    this.channel = channel;
    this.index = index;
  }

  /** Starts a new life with clean fields. */
  begin(operation: DmaOperation, args: OperationArgs<DmaOperation>, flags: number): void {
    this.operation = operation;
    this.args = args;
    this.flags = flags;
    this.cookie = DMA_COOKIE_BUSY;
    this.state = TxState.PREPARED;
    this.result = DmaTransResult.NOERROR;
    this.callback = null;
    this.callbackParam = undefined;
    this.acked = (flags & DMA_CTRL_ACK) !== 0;
    this.#deferred = null;
  }

  setUnmap(unmap: DmaUnmapData): void {
    if (this.state !== TxState.PREPARED || this.unmap !== null) {
      throw new DmaError("ERR_DMA_STATE", "setUnmap: expected a prepared descriptor without an unmap record");
    }
    this.unmap = unmap.get();
  }

  /** Drops the reference to the unmap record; harmless when there is none (`dma_descriptor_unmap`). */
  dropUnmap(): void {
    const unmap = this.unmap;
    this.unmap = null;
    unmap?.put();
  }

  submit(): DmaCookie {
    return this.channel.submit(this);
  }

  ack(): void {
    if (this.acked) return;
    this.acked = true;
    this.channel.recycle(this);
  }

  get done(): Promise<void> {
    if (this.#deferred === null) {
      this.#deferred = deferred();
      if (this.state === TxState.COMPLETE || this.state === TxState.FREE) this.settle();
      else this.channel.watch(this);
    }
    return this.#deferred.promise;
  }

  /** Tells whoever awaits {@link done}. */
  settle(): void {
    if (this.#deferred === null) return;
    if (this.result === DmaTransResult.NOERROR) this.#deferred.resolve();
    else {
      this.#deferred.reject(
        new DmaError(
          "ERR_DMA_TRANSFER",
          `${this.channel.name}: ${this.operation} with cookie ${this.cookie} ${resultInWords(this.result)}`,
        ),
      );
    }
  }
}

function deferred(): Deferred {
  let resolve!: () => void;
  let reject!: (error: DmaError) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
