import { type DmaCallback, DmaError, DmaTransResult } from "@dmaengine/core";
import { RaidError } from "../errors.js";
import type { StripePage } from "../stripe/stripe-page.js";
import type { EngineChannel } from "./engine-channel.js";
import { inParts } from "./in-parts.js";
import { NO_OPS, type PageOp } from "./page-op.js";
import type { ScratchPages } from "./scratch-pages.js";
import { Transactions } from "./transactions.js";

/**
 * A part of a chain that one channel does: prepared and submitted as a whole, kept in order by the channel and by fences. The next leg, on
 * another channel or the CPU, begins when this one's completion was seen.
 *
 * Made once and used for one leg after the other.
 */
export class Leg {
  readonly #scratch: ScratchPages;
  readonly #onEnd: (failure: unknown) => void;
  readonly #transactions = new Transactions();
  #channel!: EngineChannel;
  /** What is left to be handed in: the rest of the parts that the last operation was made of, then `chain[next]` to `chain[to - 1]`. */
  readonly #parts: PageOp[] = [];
  #chain = NO_OPS;
  #next = 0;
  #to = 0;
  readonly #conclusions: (() => void)[] = [];
  readonly #borrowed: StripePage[] = [];
  readonly #borrow = (): StripePage => {
    const page = this.#scratch.take();
    this.#borrowed.push(page);
    return page;
  };
  /** Transactions in flight, and one more while there are others to come. 0: the leg is not in use. */
  #open = 0;
  #result: DmaTransResult = DmaTransResult.NOERROR;
  /** What went wrong before a transaction was submitted. */
  #refusal: unknown = null;
  readonly #waiting: (() => void)[] = [];
  readonly #onTransactionEnd: DmaCallback = (result) => {
    if (result !== DmaTransResult.NOERROR) this.#result = result;
    this.#channel.ended();
    this.#close();
  };
  readonly #goOn = (): void => this.#submitAll();

  /**
   * @param onEnd - called when a leg has ended, and then nothing of it touches memory any more: with null if all of it is complete, with an
   *   `ERR_RAID_ENGINE` when the engine failed. Not within {@link start}, unless nothing could be submitted.
   */
  constructor(scratch: ScratchPages, onEnd: (failure: unknown) => void) {
    this.#scratch = scratch;
    this.#onEnd = onEnd;
  }

  /** Sets about the operations from `from` to `to - 1`, on a channel that can do them. */
  start(channel: EngineChannel, chain: readonly PageOp[], from: number, to: number): void {
    this.#channel = channel;
    this.#chain = chain;
    this.#next = from;
    this.#to = to;
    this.#result = DmaTransResult.NOERROR;
    this.#refusal = null;
    this.#open = 1;
    channel.enter(to - from);
    this.#transactions.start(channel.chan);
    this.#submitAll();
  }

  /** Resolves when nothing of what the leg does now touches memory any more. */
  async ended(): Promise<void> {
    if (this.#open === 0) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Hands in what is left, without a pause unless the channel is full: then it goes on when something that was submitted before has ended. */
  #submitAll(): void {
    const channel = this.#channel;
    const transactions = this.#transactions;
    try {
      // What is left of a leg that has failed is of no use.
      while (this.#result === DmaTransResult.NOERROR && (!transactions.finished || this.#beginNext())) {
        const tx = transactions.next();
        if (tx === null) {
          channel.whenRoom(this.#goOn);
          return;
        }
        tx.callback = this.#onTransactionEnd;
        this.#open += 1;
        channel.submitted(tx.submit());
      }
    } catch (error) {
      this.#refusal = error;
    }
    transactions.end();
    this.#close();
  }

  /** Takes the next operation on. False if there is none. */
  #beginNext(): boolean {
    let op = this.#parts.length > 0 ? this.#parts.shift() : undefined;
    if (op === undefined) {
      if (this.#next === this.#to) return false;
      op = this.#chain[this.#next] as PageOp;
      this.#next += 1;
      if (!this.#channel.doesAsItStands(op)) op = this.#firstPart(op);
    }
    this.#transactions.begin(op, this.#parts.length > 0 || this.#next < this.#to);
    return true;
  }

  #firstPart(op: PageOp): PageOp {
    const parts = inParts(op, this.#borrow);
    if (parts === null) throw new TypeError(`${this.#channel.name} was given a ${op.op} that it can't do`);
    const [first, ...others] = parts.ops as [PageOp, ...PageOp[]];
    this.#parts.push(...others);
    this.#conclusions.push(parts.conclude);
    return first;
  }

  /** Whatever went wrong, what was submitted still works on the pages: the leg ends when the last of it has ended. */
  #close(): void {
    this.#open -= 1;
    if (this.#open > 0) return;
    const failure = this.#failure();
    if (failure === null) this.#transactions.conclude();
    if (this.#borrowed.length > 0) this.#endParts(failure !== null);
    this.#chain = NO_OPS;
    this.#channel.leave();
    if (this.#waiting.length > 0) for (const resolve of this.#waiting.splice(0)) resolve();
    this.#onEnd(failure);
  }

  /** What is done in parts works on scratch pages, and has found out what it was to find out when all of it is complete. */
  #endParts(failed: boolean): void {
    for (const page of this.#borrowed.splice(0)) this.#scratch.giveBack(page);
    this.#parts.length = 0;
    for (const conclude of this.#conclusions.splice(0)) if (!failed) conclude();
  }

  #failure(): unknown {
    const refusal = this.#refusal;
    if (refusal === null && this.#result === DmaTransResult.NOERROR) return null;
    if (refusal !== null && !isEngineFailure(refusal)) return refusal;
    const { device, name } = this.#channel;
    return new RaidError(
      "ERR_RAID_ENGINE",
      `${device.name} (${name}) failed an operation on a stripe`,
      refusal === null ? undefined : { cause: refusal },
    );
  }
}

/** Whether it is the engine that can't do it, and not the caller who asks for nonsense. */
function isEngineFailure(error: unknown): boolean {
  if (RaidError.isInstance(error)) return error.code === "ERR_RAID_ENGINE";
  return DmaError.isInstance(error) && (error.code === "ERR_DMA_REMOVED" || error.code === "ERR_DMA_MAPPING");
}
