import { DMA_PREP_INTERRUPT, type DmaCookie, DmaError, DmaTransResult } from "@dmaengine/core";
import type { ChannelHost, DmaTx, DriverChannel } from "@dmaengine/core/driver";
import { type CpuOperation, type CpuTx, execute, residueBytesOf } from "../execute.js";
import type { SharedDomain } from "../memory/shared-domain.js";
import type { SharedMemory } from "../memory/shared-memory.js";
import { Operands } from "../operands.js";
import type { CompiledWorkerModule } from "../wasm/compile.js";
import { SlotKernels } from "./slot-kernels.js";
import type { EngineWorker, SpawnWorker } from "./spawn.js";
import { isReached, WorkerRing } from "./worker-ring.js";

/** How a channel gets its worker, and when it gives it up. */
export interface WorkerChannelOptions {
  readonly spawn: SpawnWorker;
  readonly module: CompiledWorkerModule;
  readonly memory: SharedMemory;
  readonly domain: SharedDomain;
  /** A worker that does nothing for so long although there is something to do is taken to hang. */
  readonly hangTimeoutMillis: number;
}

/** The queue has a place for every descriptor of the channel, so a prep call never finds it full. */
const hasRoom = (): boolean => true;
/** How often a client that waits looks again before it sleeps: some microseconds, as long as going to sleep takes. */
const SPINS = 500;
/** A sleeper looks at the clock after so long. */
const MAX_SLEEP_MILLIS = 50;

/**
 * The driver's half of a channel whose work is done by a worker. Transactions are written into slots of a ring in shared memory when they are
 * submitted, and issued by a counter; the worker counts what it has done.
 *
 * When the worker dies or hangs, everything that it had not done fails, and the next issue starts a new one.
 */
export class WorkerChannel implements DriverChannel<CpuOperation> {
  readonly prepMemcpy = hasRoom;
  readonly prepMemset = hasRoom;
  readonly prepXor = hasRoom;
  readonly prepXorVal = hasRoom;
  readonly prepPq = hasRoom;
  readonly prepPqVal = hasRoom;
  readonly prepInterrupt = hasRoom;
  readonly #host: ChannelHost;
  readonly #options: WorkerChannelOptions;
  readonly #ring: WorkerRing;
  readonly #kernels: SlotKernels;
  readonly #operands: Operands;
  /** By slot; null where there is none, or none any more. */
  readonly #txs: (CpuTx | null)[];
  /** By slot: how a transaction fares as far as is known before the worker sees it. */
  readonly #results: DmaTransResult[];
  /** Slots: of the next transaction to be submitted, and of the next one to be done. */
  #tail = 0;
  #head = 0;
  // 32-bit counters of transactions that run over, as those of the ring.
  #submitted = 0;
  #issued = 0;
  #done = 0;
  /** Of the transaction that was submitted last. */
  #lastCookie: DmaCookie = 0;
  /** Transactions in flight that want an interrupt. */
  #interrupts = 0;
  #watching = false;
  #worker: EngineWorker | null = null;
  #causeOfDeath: Error | undefined;
  /** Set while a worker is being got rid of. */
  #replacing = false;
  /** When the worker was last seen doing something, or was given something to do while it had nothing. */
  #aliveAtMillis = 0;

  constructor(host: ChannelHost, options: WorkerChannelOptions) {
    this.#host = host;
    this.#options = options;
    this.#ring = new WorkerRing(options.memory, host.ringSize);
    this.#kernels = new SlotKernels(this.#ring.memory, options.module);
    this.#operands = new Operands(options.domain);
    this.#txs = new Array<null>(host.ringSize).fill(null);
    this.#results = new Array<DmaTransResult>(host.ringSize).fill(DmaTransResult.NOERROR);
  }

  submit(tx: DmaTx): void {
    const slot = this.#tail;
    this.#kernels.begin(this.#ring.slot(slot));
    this.#txs[slot] = tx as CpuTx;
    this.#results[slot] = execute(tx as CpuTx, this.#operands, this.#kernels);
    if ((tx.flags & DMA_PREP_INTERRUPT) !== 0) this.#interrupts += 1;
    this.#tail = this.#next(slot);
    this.#submitted = (this.#submitted + 1) | 0;
    this.#lastCookie = tx.cookie;
  }

  issuePending(): void {
    if (this.#issued === this.#submitted) return;
    if (this.#issued === this.#done) this.#aliveAtMillis = performance.now();
    this.#issued = this.#submitted;
    if (!this.#replacing) this.#start();
    if (this.#interrupts > 0 && !this.#watching) void this.#watch();
  }

  poll(): void {
    const { done } = this.#ring;
    if (done === this.#done || this.#replacing) return;
    this.#aliveAtMillis = performance.now();
    this.#completeUpTo(done, DmaTransResult.NOERROR);
  }

  relax(cookie: DmaCookie): boolean | Promise<boolean> {
    if (this.#done === this.#issued) return false;
    const target = this.#countUpTo(cookie);
    for (let i = 0; i < SPINS; i++) if (isReached(target, this.#ring.done)) return true;
    return this.#sleep(target).then(() => true);
  }

  /** What has not begun becomes nothing to do. */
  terminateAll(): void {
    const unissued = (this.#submitted - this.#issued) | 0;
    this.#tail = (this.#tail - unissued + this.#ring.size) % this.#ring.size;
    this.#submitted = this.#issued;
    this.#interrupts = 0;
    let slot = this.#head;
    for (let number = this.#done; number !== this.#issued; number = (number + 1) | 0) {
      this.#kernels.begin(this.#ring.slot(slot));
      this.#txs[slot] = null;
      slot = this.#next(slot);
    }
  }

  async synchronize(): Promise<void> {
    const last = this.#issued;
    while (!isReached(last, this.#done)) {
      if (this.#ring.done === this.#done || this.#replacing) await this.#sleep(last);
      this.poll();
    }
  }

  /** Starts the worker, and is done when it has taken its first transaction, which is nothing. Throws `ERR_DMA_DRIVER` if it does not come to that. */
  async allocChanResources(): Promise<void> {
    this.#kernels.begin(this.#ring.slot(this.#tail));
    this.#tail = this.#next(this.#tail);
    this.#submitted = (this.#submitted + 1) | 0;
    this.issuePending();
    await this.synchronize();
    if (this.#worker !== null) return;
    throw new DmaError("ERR_DMA_DRIVER", `${this.#host.name}: its worker does not start`, {
      cause: this.#causeOfDeath,
    });
  }

  async freeChanResources(): Promise<void> {
    // A worker that ends by itself is gone at once; browsers give one that is terminated some seconds.
    this.#ring.stop();
    await this.#worker?.terminate();
    this.#worker = null;
    this.#ring.free();
  }

  #next(slot: number): number {
    return slot + 1 === this.#ring.size ? 0 : slot + 1;
  }

  #start(): void {
    if (this.#worker === null) {
      const { spawn, module, memory } = this.#options;
      const task = {
        module: module.module,
        memory: memory.memory,
        ring: this.#ring.address,
        ringSize: this.#ring.size,
      };
      const worker = spawn(task, (cause) => {
        this.#causeOfDeath = cause;
        if (this.#worker === worker) void this.#replace(worker);
      });
      this.#worker = worker;
    }
    this.#ring.issue(this.#issued);
  }

  /** Completes what was done, or fails what never will be. */
  #completeUpTo(done: number, result: DmaTransResult): void {
    while (this.#done !== done) {
      const slot = this.#head;
      const tx = this.#txs[slot] as CpuTx | null;
      this.#txs[slot] = null;
      this.#head = this.#next(slot);
      this.#done = (this.#done + 1) | 0;
      if (tx !== null) this.#complete(tx, slot, result);
    }
  }

  #complete(tx: CpuTx, slot: number, result: DmaTransResult): void {
    const ended = result === DmaTransResult.NOERROR ? (this.#results[slot] as DmaTransResult) : result;
    if ((tx.flags & DMA_PREP_INTERRUPT) !== 0) {
      this.#interrupts -= 1;
      this.#host.interrupt();
    }
    if (ended === DmaTransResult.NOERROR && (tx.operation === "xorVal" || tx.operation === "pqVal")) {
      tx.args.result.flags = this.#ring.result(slot);
    }
    this.#host.complete(tx, ended, ended === DmaTransResult.NOERROR ? 0 : residueBytesOf(tx));
  }

  /** Stands in for the interrupt: polls as long as somebody expects one. */
  async #watch(): Promise<void> {
    this.#watching = true;
    while (this.#interrupts > 0 && this.#done !== this.#issued) {
      await this.#sleep(this.#countUpToInterrupt());
      this.poll();
      this.#host.runCallbacks();
    }
    this.#watching = false;
  }

  /** How many transactions are done when this one is. If it isn't issued: when all are that are. */
  #countUpTo(cookie: DmaCookie): number {
    const count = (this.#submitted - (this.#lastCookie - cookie)) | 0;
    return isReached(count, this.#done) || !isReached(count, this.#issued) ? this.#issued : count;
  }

  /** How many are done when the next interrupt is due. */
  #countUpToInterrupt(): number {
    let count = this.#done;
    for (let slot = this.#head; count !== this.#issued; slot = this.#next(slot)) {
      count = (count + 1) | 0;
      if (((this.#txs[slot]?.flags ?? 0) & DMA_PREP_INTERRUPT) !== 0) break;
    }
    return count;
  }

  /** Until so many are done, or it is time to look at the clock. */
  async #sleep(target: number): Promise<void> {
    await this.#ring.sleep(target, MAX_SLEEP_MILLIS);
    const { hangTimeoutMillis } = this.#options;
    if (this.#worker === null || this.#ring.done !== this.#done || this.#done === this.#issued) return;
    if (performance.now() - this.#aliveAtMillis > hangTimeoutMillis) await this.#replace(this.#worker);
  }

  /** The worker died or hangs: when it is gone for certain, what it left undone fails. What was issued since is for the next one. */
  async #replace(worker: EngineWorker): Promise<void> {
    this.#worker = null;
    this.#replacing = true;
    const lost = this.#issued;
    await worker.terminate();
    this.#replacing = false;
    this.poll();
    // How much of it was written is not known.
    this.#completeUpTo(lost, DmaTransResult.WRITE_FAILED);
    this.#ring.restart(this.#done, this.#head);
    this.#aliveAtMillis = performance.now();
    if (this.#done !== this.#issued) this.#start();
    this.#ring.wake();
  }
}
