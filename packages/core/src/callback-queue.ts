import { type Descriptor, type DmaCallback, TxState } from "./descriptor.js";
import { DmaTransResult } from "./status.js";

/** The callbacks of one channel that are due: they run in order, and never within a client's or a driver's own call. */
export class CallbackQueue {
  #first: Descriptor | null = null;
  #last: Descriptor | null = null;
  #scheduled = false;
  readonly #runScheduled = (): void => {
    this.#scheduled = false;
    this.run();
  };
  readonly #recycle: (tx: Descriptor) => void;
  readonly #uncaught: (error: unknown) => void;

  /** @param recycle - may use the descriptor of an ended transaction again: called before its callback, which may want one. */
  constructor(recycle: (tx: Descriptor) => void, uncaught: (error: unknown) => void) {
    this.#recycle = recycle;
    this.#uncaught = uncaught;
  }

  get empty(): boolean {
    return this.#first === null;
  }

  /** The transaction has ended, or a period of it has: its callback is to run, in a microtask at the latest. */
  add(tx: Descriptor): void {
    if (!tx.callbackQueued) {
      tx.callbackQueued = true;
      if (this.#last === null) this.#first = tx;
      else this.#last.nextCallback = tx;
      this.#last = tx;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#runScheduled);
  }

  run(): void {
    for (let tx = this.#take(); tx !== null; tx = this.#take()) {
      const { callback, callbackParam, result, residueBytes } = tx;
      while (tx.periods > 0) {
        tx.periods -= 1;
        this.#call(callback, DmaTransResult.NOERROR, callbackParam, 0);
      }
      // The callback of a period may have terminated the channel, and used the descriptor again.
      if (tx.state !== TxState.ENDED || tx.callbackQueued) continue;
      tx.state = TxState.COMPLETE;
      this.#recycle(tx);
      this.#call(callback, result, callbackParam, residueBytes);
    }
  }

  /** Forgets what is due. */
  drop(): void {
    for (let tx = this.#take(); tx !== null; tx = this.#take()) {
      tx.periods = 0;
      if (tx.state !== TxState.ENDED) continue;
      tx.state = TxState.COMPLETE;
      this.#recycle(tx);
    }
  }

  #take(): Descriptor | null {
    const tx = this.#first;
    if (tx === null) return null;
    this.#first = tx.nextCallback;
    if (this.#first === null) this.#last = null;
    tx.nextCallback = null;
    tx.callbackQueued = false;
    return tx;
  }

  /** A client's mistake must not surface in the driver or in whoever polled. */
  #call(callback: DmaCallback | null, result: DmaTransResult, param: unknown, residueBytes: number): void {
    try {
      callback?.(result, param, residueBytes);
    } catch (error) {
      this.#uncaught(error);
    }
  }
}
