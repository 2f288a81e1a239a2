import type { DmaChan, DmaDevice } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";

/** The operations that async_tx has a use for, in the order in which it shares channels out (`enum dma_transaction_type`). */
export const ASYNC_TX_OPERATIONS = ["memcpy", "xor", "pq", "xorVal", "pqVal", "memset", "interrupt"] as const;
export type AsyncTxOperation = (typeof ASYNC_TX_OPERATIONS)[number];

/** A channel that async_tx shares with whoever else uses it. */
export class AsyncTxChannel {
  /** Has the prep calls of those operations that {@link has} names, and no others. */
  readonly chan: DmaChan<AsyncTxOperation>;
  readonly device: DmaDevice;
  /** Descriptors that have not ended or are not acked. */
  readonly live = new Set<AsyncTxDescriptor>();
  /** Whether its device is leaving: nothing new is begun on it. */
  retired = false;
  readonly #calls = new Set<Promise<unknown>>();

  constructor(chan: DmaChan<AsyncTxOperation>) {
    this.chan = chan;
    this.device = chan.device;
  }

  /** A call is busy with the channel, and may wait, until it has its result. */
  during<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    const ended = (): void => {
      this.#calls.delete(call);
    };
    call.then(ended, ended);
    return call;
  }

  /** Resolves when no call is busy with the channel any more. */
  async callsEnded(): Promise<void> {
    await Promise.allSettled(this.#calls);
  }

  /** Whether an operation can be begun on it now. */
  has(operation: AsyncTxOperation): boolean {
    return !this.retired && !this.chan.removed && this.device.has(operation);
  }
}
