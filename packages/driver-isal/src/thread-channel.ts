import { Worker } from "node:worker_threads";
import { DMA_PREP_INTERRUPT, type DmaCookie, DmaError, DmaTransResult } from "@dmaengine/core";
import type { ChannelHost, DmaTx, DriverChannel } from "@dmaengine/core/driver";
import type { Library } from "./library.js";
import type { RealDomain } from "./real-domain.js";
import { type IsalOperation, type IsalTx, Requests } from "./request.js";
import { Ring } from "./ring.js";

/** The ring has a slot for every descriptor of the channel, so a prep call never finds it full. */
const hasRoom = (): boolean => true;
/** How often a client that waits looks again before it sleeps: some microseconds. A thread that is looked at all the time is slower. */
const SPINS = 500;
/** A sleeper looks for itself after so long. */
const MAX_SLEEP_MILLIS = 50;

/**
 * The driver's half of a channel. Transactions are written into the slots of a ring when they are submitted, and issued by a counter. A thread calls the
 * library for one after the other, and counts what it has done.
 */
export class ThreadChannel implements DriverChannel<IsalOperation> {
  readonly prepXor = hasRoom;
  readonly prepXorVal = hasRoom;
  readonly prepPq = hasRoom;
  readonly prepPqVal = hasRoom;
  readonly #host: ChannelHost;
  readonly #ring: Ring;
  readonly #requests: Requests;
  readonly #library: Library;
  /** By slot; null where there is none, or none any more. */
  readonly #txs: (IsalTx | null)[];
  /** Slots: of the next transaction to be submitted, and of the next one to be done. */
  #tail = 0;
  #head = 0;
  #lastCookie: DmaCookie = 0;
  // 32-bit counters of transactions that run over, as those of the ring.
  #submitted = 0;
  #issued = 0;
  #done = 0;
  /** Transactions in flight that want an interrupt. */
  #interrupts = 0;
  #watching = false;
  #thread: Worker | null = null;
  /** Why the thread ended, which it never should. */
  #causeOfDeath: unknown;

  constructor(host: ChannelHost, domain: RealDomain, library: Library) {
    this.#host = host;
    this.#library = library;
    this.#ring = new Ring(host.ringSize);
    this.#requests = new Requests(this.#ring, domain);
    this.#txs = new Array<null>(host.ringSize).fill(null);
  }

  submit(tx: DmaTx): void {
    const slot = this.#tail;
    this.#txs[slot] = tx as IsalTx;
    this.#requests.write(slot, tx as IsalTx);
    if ((tx.flags & DMA_PREP_INTERRUPT) !== 0) this.#interrupts += 1;
    this.#tail = this.#next(slot);
    this.#lastCookie = tx.cookie;
    this.#submitted = (this.#submitted + 1) | 0;
  }

  issuePending(): void {
    if (this.#issued === this.#submitted) return;
    this.#issued = this.#submitted;
    this.#ring.issue(this.#issued);
    if (this.#interrupts > 0 && !this.#watching) void this.#watch();
  }

  poll(): void {
    const lost = this.#thread === null;
    const end = lost ? this.#issued : this.#ring.done;
    while (this.#done !== end) {
      const slot = this.#head;
      const tx = this.#txs[slot] as IsalTx | null;
      this.#txs[slot] = null;
      this.#requests.release(slot);
      this.#head = this.#next(slot);
      this.#done = (this.#done + 1) | 0;
      if (tx !== null)
        this.#complete(tx, lost ? DmaTransResult.WRITE_FAILED : this.#requests.resultOf(slot, tx));
    }
  }

  relax(cookie: DmaCookie): boolean | Promise<boolean> {
    if (this.#done === this.#issued) return false;
    // Cookies go up with the transactions, so the awaited one is as far back as its cookie.
    const count = this.#within((this.#submitted - (this.#lastCookie - cookie)) | 0);
    for (let i = 0; i < SPINS; i++) if (((this.#ring.done - count) | 0) >= 0) return true;
    return this.#sleep(count).then(() => true);
  }

  /** What has not begun becomes nothing to do. */
  terminateAll(): void {
    let slot = this.#head;
    for (let number = this.#done; number !== this.#submitted; number = (number + 1) | 0) {
      if (number === this.#issued) this.#tail = slot;
      this.#ring.clear(slot);
      this.#txs[slot] = null;
      if (((number - this.#issued) | 0) >= 0) this.#requests.release(slot);
      slot = this.#next(slot);
    }
    this.#submitted = this.#issued;
    this.#interrupts = 0;
  }

  async synchronize(): Promise<void> {
    const last = this.#issued;
    for (this.poll(); ((this.#done - last) | 0) < 0; this.poll()) await this.#sleep(last);
  }

  /** Starts the thread, and is done when that has taken its first slot, in which there is nothing to do. Throws `ERR_DMA_DRIVER` if it does not come to that. */
  async allocChanResources(): Promise<void> {
    const thread = new Worker(new URL("./thread.js", import.meta.url), {
      workerData: this.#ring.task(this.#library.path),
      execArgv: [],
      env: {},
    });
    // An application that has nothing else to do may end.
    thread.unref();
    thread.on("error", (error) => {
      this.#causeOfDeath = error;
    });
    thread.on("exit", () => {
      this.#thread = null;
      this.#ring.wake();
    });
    this.#thread = thread;
    this.#tail = this.#next(this.#tail);
    this.#submitted = 1;
    this.issuePending();
    await this.synchronize();
    if (this.#thread !== null) return;
    throw new DmaError("ERR_DMA_DRIVER", `${this.#host.name}: its thread does not start`, {
      cause: this.#causeOfDeath,
    });
  }

  async freeChanResources(): Promise<void> {
    await this.#thread?.terminate();
  }

  #next(slot: number): number {
    return slot + 1 === this.#ring.size ? 0 : slot + 1;
  }

  #complete(tx: IsalTx, result: DmaTransResult): void {
    if ((tx.flags & DMA_PREP_INTERRUPT) !== 0) {
      this.#interrupts -= 1;
      this.#host.interrupt();
    }
    this.#host.complete(tx, result, result === DmaTransResult.NOERROR ? 0 : tx.args.lengthBytes);
  }

  /** Stands in for the interrupt: polls as long as somebody expects one. */
  async #watch(): Promise<void> {
    this.#watching = true;
    while (this.#interrupts > 0 && this.#done !== this.#issued) {
      await this.#sleep(this.#within(this.#nextInterrupt()));
      this.poll();
      this.#host.runCallbacks();
    }
    this.#watching = false;
  }

  /** The number of the first transaction in flight that wants an interrupt. */
  #nextInterrupt(): number {
    let slot = this.#head;
    for (let number = (this.#done + 1) | 0; number !== this.#submitted; number = (number + 1) | 0) {
      if (((this.#txs[slot]?.flags ?? 0) & DMA_PREP_INTERRUPT) !== 0) return number;
      slot = this.#next(slot);
    }
    return this.#submitted;
  }

  /** The same count, but at least one more than were seen done, and at most as many as were issued. */
  #within(count: number): number {
    const next = (this.#done + 1) | 0;
    if (((count - next) | 0) < 0) return next;
    return ((count - this.#issued) | 0) > 0 ? this.#issued : count;
  }

  /** Sleeps until so many transactions were done. */
  async #sleep(count: number): Promise<void> {
    if (this.#thread !== null) await this.#ring.sleep(count, MAX_SLEEP_MILLIS);
  }
}
