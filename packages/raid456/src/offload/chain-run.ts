import type { Batch, ChainWork } from "./batch.js";
import type { EngineChannel } from "./engine-channel.js";
import { Leg } from "./leg.js";
import { NO_OPS } from "./page-op.js";
import type { ScratchPages } from "./scratch-pages.js";

/** A chain on its way: how far it is, and the leg that it is on. Made once and used for one chain after the other. */
export class ChainRun {
  chain = NO_OPS;
  cpuOnly = false;
  /** How many operations of it are done, if no leg is under way. */
  at = 0;
  /** Who does, or did, the operation before: null for the CPU. */
  channel: EngineChannel | null = null;
  /** Of the leg that is under way, or was the last one: how many bytes of each page its operations work on together, and when it began. */
  lengthBytes = 0;
  startedAt = 0;
  readonly #leg: Leg;
  #work: ChainWork | null = null;
  #batch: Batch | null = null;

  /** @param onLegEnd - called when a leg has ended, with null or why it failed */
  constructor(scratch: ScratchPages, onLegEnd: (failure: unknown) => void) {
    this.#leg = new Leg(scratch, onLegEnd);
  }

  begin(work: ChainWork, batch: Batch, cpuOnly: boolean): void {
    this.chain = work.chain;
    this.cpuOnly = cpuOnly;
    this.at = 0;
    this.channel = null;
    this.#work = work;
    this.#batch = batch;
  }

  /** Sets about the operations up to `to - 1`. */
  startLeg(channel: EngineChannel, to: number, lengthBytes: number, startedAt: number): void {
    const from = this.at;
    this.at = to;
    this.lengthBytes = lengthBytes;
    this.startedAt = startedAt;
    this.#leg.start(channel, this.chain, from, to);
  }

  /** Resolves when nothing of the leg that is under way touches memory any more. */
  legEnded(): Promise<void> {
    return this.#leg.ended();
  }

  /** The chain is done, or has failed. */
  end(failure: unknown): void {
    const work = this.#work as ChainWork;
    const batch = this.#batch as Batch;
    this.chain = NO_OPS;
    this.#work = null;
    this.#batch = null;
    if (failure === null) batch.endOne();
    else batch.fail(work, failure);
  }
}
