import type { Channel } from "./channel.js";
import { DMA_COOKIE_BUSY, type DmaCookie } from "./cookie.js";
import { DmaError } from "./errors.js";
import { DMA_CTRL_ACK, DMA_CTRL_REUSE } from "./flags.js";
import type { CheckedAccess } from "./mapping/checker/checker.js";
import type { DmaUnmapData } from "./mapping/unmap-data.js";
import type { DmaOperation, OperationArgs } from "./operations/operation.js";
import type { Port } from "./port.js";
import { DmaTransResult, resultInWords } from "./status.js";

/**
 * Called once when a transaction ends, however it ends, never from within a client's own call. A cyclic or repeated transaction calls
 * once for each period instead. It may prepare and submit, and it may terminate its channel.
 *
 * @param residueBytes - what was not moved, as far as the engine can tell; 0 after success.
 */
export type DmaCallback = (result: DmaTransResult, param: unknown, residueBytes: number) => void;

/**
 * One transaction, as clients see it: `struct dma_async_tx_descriptor`.
 *
 * Between prep and submit it is the client's: set the callback and the unmap record. After {@link submit} only the cookie,
 * {@link done}, {@link ack}, {@link result} and {@link residueBytes} may be used, and after completion and ack the descriptor serves
 * another transaction.
 */
export interface DmaTxDescriptor {
  /** The number that names this transaction on its channel; -16 (`-EBUSY`) before submit. */
  readonly cookie: DmaCookie;
  /** The flags that the prep call was given. */
  readonly flags: number;
  /** How it ended. NOERROR as long as it has not. */
  readonly result: DmaTransResult;
  /** What was not moved when it ended without success, as far as the engine can tell (`struct dmaengine_result`). */
  readonly residueBytes: number;
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
   * Gives a descriptor back that was prepared with `DMA_CTRL_REUSE` (`dmaengine_desc_free`): now if it is idle, else when it ends.
   * Throws `ERR_DMA_STATE` for any other, which its channel recycles by itself.
   */
  free(): void;
  /**
   * Resolves when the transaction is complete, rejects with `ERR_DMA_TRANSFER` when it failed or was aborted, or when the engine
   * reports that it will never end. Ask for it before the descriptor is recycled. With `DMA_PREP_INTERRUPT` it waits for the
   * interrupt, without it the channel is polled, from `issuePending` on. The promise is made only when asked for.
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
export const TxState = {
  /** In its channel's store. */
  FREE: 0,
  /** A client's, between prep and submit. */
  PREPARED: 1,
  /** The engine's. */
  SUBMITTED: 2,
  /** Terminated, while the engine may still touch its memory. */
  STOPPING: 3,
  /** Ended; its callback has not run yet. */
  ENDED: 4,
  /** Ended and called back; kept until it is acked. */
  COMPLETE: 5,
} as const;
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
  /** The operation's port: its definition and counters. Set by {@link begin}. */
  port!: Port<DmaOperation>;
  args: OperationArgs<DmaOperation> = {};
  flags = 0;
  cookie: DmaCookie = DMA_COOKIE_BUSY;
  state: TxState = TxState.FREE;
  result: DmaTransResult = DmaTransResult.NOERROR;
  lengthBytes = 0;
  residueBytes = 0;
  callback: DmaCallback | null = null;
  callbackParam: unknown = undefined;
  unmap: DmaUnmapData | null = null;
  /** What the checker knows of its memory, while it is in flight. */
  accesses: readonly CheckedAccess[] = [];
  acked = false;
  /** Whether the driver keeps its room until it is freed. */
  reusable = false;
  /** Whether the channel is polled on behalf of whoever awaits {@link done}. */
  watched = false;
  /** Periods of a cyclic or repeated transaction that have ended and have not been called back. */
  periods = 0;
  /** The next one on the channel's list of submitted descriptors. */
  next: Descriptor | null = null;
  /** The next one on the channel's list of waiting callbacks, and whether this one is on it. */
  nextCallback: Descriptor | null = null;
  callbackQueued = false;
  #deferred: Deferred | null = null;

  constructor(channel: Channel, index: number) {
    this.channel = channel;
    this.index = index;
  }

  get operation(): DmaOperation {
    return this.port.definition.name;
  }

  /** Starts a new life with clean fields. */
  begin(port: Port<DmaOperation>, args: OperationArgs<DmaOperation>, flags: number): void {
    this.port = port;
    this.args = args;
    this.flags = flags;
    this.callback = null;
    this.callbackParam = undefined;
    this.acked = (flags & DMA_CTRL_ACK) !== 0;
    this.reusable = (flags & DMA_CTRL_REUSE) !== 0;
    this.#startLife();
  }

  /** A completed descriptor for reuse is a prepared one again as soon as its client goes on with it. */
  rearm(): void {
    if (this.state === TxState.COMPLETE && (this.flags & DMA_CTRL_REUSE) !== 0) this.#startLife();
  }

  #startLife(): void {
    this.cookie = DMA_COOKIE_BUSY;
    this.state = TxState.PREPARED;
    this.result = DmaTransResult.NOERROR;
    this.residueBytes = 0;
    this.#deferred = null;
  }

  setUnmap(unmap: DmaUnmapData): void {
    this.rearm();
    if (this.state !== TxState.PREPARED || this.unmap !== null) {
      throw new DmaError("ERR_DMA_STATE", "setUnmap: expected a prepared descriptor without an unmap record");
    }
    this.unmap = unmap.get();
  }

  submit(): DmaCookie {
    return this.channel.submit(this);
  }

  ack(): void {
    if (this.acked) return;
    this.acked = true;
    this.channel.recycle(this);
  }

  free(): void {
    if ((this.flags & DMA_CTRL_REUSE) === 0 || this.state === TxState.FREE) {
      throw new DmaError(
        "ERR_DMA_STATE",
        `${this.channel.name}: free() is for descriptors that were prepared with DMA_CTRL_REUSE and not freed yet`,
      );
    }
    this.flags &= ~DMA_CTRL_REUSE;
    this.channel.freeReusable(this);
  }

  get done(): Promise<void> {
    if (this.#deferred === null) {
      this.#deferred = deferred();
      if (this.state === TxState.PREPARED || this.state === TxState.SUBMITTED) this.channel.watch(this);
      else if (this.state !== TxState.STOPPING) this.settle();
    }
    return this.#deferred.promise;
  }

  /** Tells whoever awaits {@link done} how the transaction ended. */
  settle(): void {
    if (this.#deferred === null) return;
    if (this.result === DmaTransResult.NOERROR) this.#deferred.resolve();
    else this.fail(resultInWords(this.result));
  }

  /** Tells whoever awaits {@link done} that the transaction did not succeed. */
  fail(how: string, cause?: unknown): void {
    this.#deferred?.reject(
      new DmaError(
        "ERR_DMA_TRANSFER",
        `${this.channel.name}: ${this.operation} with cookie ${this.cookie} ${how}`,
        cause === undefined ? undefined : { cause },
      ),
    );
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
