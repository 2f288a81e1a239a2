import { type DmaCookie, DmaTransResult } from "@dmaengine/core";
import type { ChannelHost, DmaTx, DriverChannelControl } from "@dmaengine/core/driver";
import type { Tasklet } from "@dmaengine/sim";
import type { Pl08xController } from "./controller.js";
import type { PhysChannel } from "./phys-channel.js";
import { TxQueue } from "./tx-queue.js";
import { Txd } from "./txd.js";

/**
 * A channel as clients see it (`struct pl08x_dma_chan`). It has one of the hardware's channels only while it has work, and where there are fewer of
 * those than of these, it waits for one.
 */
export abstract class VirtualChannel implements DriverChannelControl {
  /** Whether it has work and no channel of the hardware. */
  waiting = false;
  protected readonly controller: Pl08xController;
  readonly #host: ChannelHost;
  readonly #tasklet: Tasklet;
  /** By transaction, made when first needed. */
  readonly #txds: (Txd | undefined)[];
  readonly #queue: TxQueue;
  /** The transaction that runs, on this channel of the hardware. Both or none. */
  #at: DmaTx | null = null;
  #phys: PhysChannel | null = null;
  #paused = false;
  /** The cookie that somebody waits for; 0 when it has ended. */
  #awaited: DmaCookie = 0;
  readonly #hasEnded = (): boolean => this.#awaited === 0;
  /** Starts what was issued, if there is a channel of the hardware for it. */
  readonly #run = (): void => {
    if (this.#queue.issued === 0 || this.#paused || this.#phys !== null) return;
    const phys = this.controller.takePhys(this);
    if (phys === null) this.waiting = true;
    else this.takeOver(phys);
  };

  constructor(host: ChannelHost, controller: Pl08xController) {
    this.#host = host;
    this.controller = controller;
    this.#tasklet = controller.platform.irqs.tasklet(() => host.runCallbacks());
    this.#txds = new Array(host.ringSize).fill(undefined);
    this.#queue = new TxQueue(host.ringSize);
  }

  freeChanResources(): void {
    this.#tasklet.kill();
    const { memory } = this.controller;
    for (const txd of this.#txds) txd?.free(memory);
    this.#txds.fill(undefined);
  }

  submit(tx: DmaTx): void {
    this.#queue.submit(tx);
  }

  issuePending(): void {
    this.#queue.issue();
    this.controller.withoutInterrupts(this.#run);
  }

  /** What an interrupt that was lost would have told is found here; otherwise there is nothing to find. */
  poll(): void {
    if (this.#at !== null || this.waiting) this.controller.poll();
  }

  /** Runs the clock, or waits for whoever does, until the transaction has ended. */
  relax(cookie: DmaCookie): boolean | Promise<boolean> {
    this.#awaited = cookie;
    return this.controller.platform.clock.relax(this.#hasEnded);
  }

  residue(tx: DmaTx): number {
    const txd = this.txd(tx);
    return tx === this.#at && this.#phys !== null ? this.#phys.residueBytes(txd) : txd.totalBytes;
  }

  pause(): void {
    this.controller.withoutInterrupts(() => {
      this.#paused = true;
      this.waiting = false;
      this.#phys?.pause();
    });
  }

  resume(): void {
    this.controller.withoutInterrupts(() => {
      this.#paused = false;
      if (this.#phys === null) this.#run();
      else this.#phys.resume();
    });
  }

  /** Unlike the original, which forgets about a channel that waits, this empties it, too. */
  terminateAll(): void {
    this.controller.withoutInterrupts(() => {
      this.#queue.clear();
      this.waiting = false;
      this.#paused = false;
      this.#at = null;
      this.#giveBack();
    });
  }

  /** A channel of the hardware has become free for this one, which was {@link waiting}. */
  takeOver(phys: PhysChannel): void {
    this.waiting = false;
    this.#startNext(phys);
  }

  /** Counts an interrupt of the channel's own. */
  countInterrupt(): void {
    this.#host.interrupt();
  }

  /** Whether what runs has no end, at which the hardware would disable its channel. */
  get endless(): boolean {
    return this.#at?.operation === "cyclic";
  }

  /** A period of the endless transaction has ended. */
  servePeriod(): void {
    if (this.#at !== null) this.#host.periodElapsed(this.#at);
    this.#tasklet.schedule();
  }

  /** The transaction that runs has ended. */
  serveEnd(result: DmaTransResult): void {
    const tx = this.#at;
    const phys = this.#phys;
    if (tx === null || phys === null) return;
    const residueBytes = result === DmaTransResult.NOERROR ? 0 : phys.residueBytes(this.txd(tx));
    if (result !== DmaTransResult.NOERROR) phys.terminate();
    this.#at = null;
    this.#end(tx, result, residueBytes);
    if (this.#queue.issued > 0 && !this.#paused) this.#startNext(phys);
    else this.#giveBack();
  }

  /** There is no hardware any more: nothing that was issued will ever be done. */
  serveRemoval(): void {
    const tx = this.#at;
    this.#at = null;
    if (this.#phys !== null) this.#phys.serving = null;
    this.#phys = null;
    this.waiting = false;
    if (tx !== null) this.#end(tx, DmaTransResult.ABORTED, this.txd(tx).totalBytes);
    while (this.#queue.issued > 0) {
      const next = this.#queue.shift();
      this.#end(next, DmaTransResult.ABORTED, this.txd(next).totalBytes);
    }
  }

  /** The hardware's form of a transaction. */
  protected txd(tx: DmaTx): Txd {
    let txd = this.#txds[tx.index];
    if (txd === undefined) {
      const { memory, variant, platformData } = this.controller;
      txd = new Txd(memory, variant, platformData.lliBuses);
      this.#txds[tx.index] = txd;
    }
    return txd;
  }

  #end(tx: DmaTx, result: DmaTransResult, residueBytes: number): void {
    if (tx.cookie === this.#awaited) this.#awaited = 0;
    this.#host.complete(tx, result, residueBytes);
    this.#tasklet.schedule();
  }

  #startNext(phys: PhysChannel): void {
    this.#phys = phys;
    this.#at = this.#queue.shift();
    phys.start(this.txd(this.#at));
  }

  #giveBack(): void {
    const phys = this.#phys;
    this.#phys = null;
    if (phys !== null) this.controller.freePhys(phys);
  }
}
