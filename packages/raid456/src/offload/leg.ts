import { type DmaCallback, DmaError, DmaTransResult } from "@dmaengine/core";
import { RaidError } from "../errors.js";
import type { StripePage } from "../stripe/stripe-page.js";
import { hindrance } from "./ability.js";
import type { EngineChannel } from "./engine-channel.js";
import { inParts } from "./in-parts.js";
import type { PageOp } from "./page-op.js";
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
  readonly #transactions = new Transactions();
  /** What is to be done, as far as the engine needs it in parts. */
  readonly #ops: PageOp[] = [];
  readonly #conclusions: (() => void)[] = [];
  readonly #borrowed: StripePage[] = [];
  readonly #borrow = (): StripePage => {
    const page = this.#scratch.take();
    this.#borrowed.push(page);
    return page;
  };
  #channel!: EngineChannel;
  /** Resolves when nothing of the leg touches memory any more. */
  ended: Promise<void> = Promise.resolve();
  #open = 0;
  #result: DmaTransResult = DmaTransResult.NOERROR;
  #end: () => void = () => {};
  readonly #onEnd: DmaCallback = (result) => {
    if (result !== DmaTransResult.NOERROR) this.#result = result;
    this.#channel.ended();
    this.#close();
  };

  constructor(scratch: ScratchPages) {
    this.#scratch = scratch;
  }

  /**
   * Carries the operations from `from` to `to - 1` out. Resolves when they are complete. Rejects with `ERR_RAID_ENGINE` when the engine failed, and
   * then nothing of the leg touches memory any more.
   */
  async run(channel: EngineChannel, chain: readonly PageOp[], from: number, to: number): Promise<void> {
    this.#channel = channel;
    this.#result = DmaTransResult.NOERROR;
    this.#open = 1;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    channel.enter(to - from);
    let refusal: unknown = null;
    try {
      for (let i = from; i < to; i++) this.#plan(chain[i] as PageOp);
      await this.#submitAll();
    } catch (error) {
      refusal = error;
    }
    this.#transactions.end();
    this.#close();
    // Whatever went wrong, what was submitted still works on the pages.
    await this.ended;
    const conclusions = this.#tidyUp();
    if (refusal !== null && !isEngineFailure(refusal)) throw refusal;
    if (refusal !== null || this.#result !== DmaTransResult.NOERROR) throw this.#failure(refusal);
    this.#transactions.conclude();
    for (const conclude of conclusions) conclude();
  }

  #plan(op: PageOp): void {
    if (hindrance(this.#channel.device, op) === null) {
      this.#ops.push(op);
      return;
    }
    const parts = inParts(op, this.#borrow);
    if (parts === null) throw new TypeError(`${this.#channel.name} was given a ${op.op} that it can't do`);
    this.#ops.push(...parts.ops);
    this.#conclusions.push(parts.conclude);
  }

  async #submitAll(): Promise<void> {
    const channel = this.#channel;
    const transactions = this.#transactions;
    transactions.start(channel.chan);
    for (let i = 0; i < this.#ops.length; i++) {
      transactions.begin(this.#ops[i] as PageOp, i < this.#ops.length - 1);
      while (!transactions.finished) {
        // What is left of a leg that has failed is of no use.
        if (this.#result !== DmaTransResult.NOERROR) return;
        const tx = transactions.next();
        // While the channel is full: wait for what was submitted before. Otherwise a leg is handed in without a pause.
        if (tx === null) await channel.makeRoom();
        else {
          tx.callback = this.#onEnd;
          this.#open += 1;
          channel.submitted(tx.submit());
        }
      }
    }
  }

  #tidyUp(): readonly (() => void)[] {
    this.#channel.leave();
    this.#ops.length = 0;
    for (const page of this.#borrowed) this.#scratch.giveBack(page);
    this.#borrowed.length = 0;
    return this.#conclusions.splice(0);
  }

  #close(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#end();
  }

  #failure(refusal: unknown): RaidError {
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
