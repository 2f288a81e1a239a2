import type { EngineContext } from "./context.js";
import { DMA_COOKIE_INIT, type DmaCookie, isComplete, nextCookie } from "./cookie.js";
import { Descriptor, type DmaCallback, type DmaTx, type DmaTxDescriptor, TxState } from "./descriptor.js";
import type { DmaDevice } from "./device.js";
import type { ChannelHost, DriverChannelControl, DriverSlaveControl } from "./driver-contract.js";
import { DmaError } from "./errors.js";
import { DMA_CTRL_REUSE, DMA_PREP_INTERRUPT, DMA_PREP_REPEAT } from "./flags.js";
import {
  type AnyOperationDefinition,
  type DmaOperation,
  type OperationArgs,
  type OperationDefinition,
  type OperationLimits,
  type OperationPort,
  prepName,
} from "./operations/operation.js";
import type { DmaSlaveCaps, DmaSlaveConfig, SlaveCapabilities } from "./slave.js";
import { type ChannelStats, newOperationStats, type OperationStats } from "./stats.js";
import { DmaStatus, DmaTransResult } from "./status.js";

/** How many failed cookies a channel remembers for `txStatus`, beside those of a full ring. */
const REMEMBERED_FAILURES = 1024;
/** How long a wait lasts before it is given up (`dma_sync_wait`). */
const SYNC_WAIT_MILLIS = 5000;

/** `struct dma_tx_state`: what `txStatus` can tell beyond the state. */
export interface DmaTxState {
  /** Last completed cookie. */
  last: DmaCookie;
  /** Last assigned cookie. */
  used: DmaCookie;
  /** Bytes that the transaction has still to move; 0 when complete. */
  residue: number;
}

/**
 * One channel: cookies, descriptors, and the order of completion. It stands between the clients' handles ({@link DmaChan}) and the driver's half,
 * and guards the state of both.
 */
export class Channel implements ChannelHost {
  readonly name: string;
  readonly device: DmaDevice;
  readonly ringSize: number;
  readonly #context: EngineContext;
  #polls = 0;
  #interrupts = 0;
  #descriptorsFull = 0;
  /** Prep calls that were answered null because the driver had no room. */
  ringFull = 0;
  /** One port for each operation that the device claims. */
  readonly ports = new Map<DmaOperation, Port<DmaOperation>>();
  readonly #holders: string[] = [];
  /** Whether its one holder has it for itself. */
  exclusive = false;
  /** Whether its device was taken away. */
  removed = false;
  #driver!: DriverChannelControl & Partial<DriverSlaveControl>;
  readonly #descriptors: Descriptor[] = [];
  /** Free descriptors, first in first out, so that a finished one stays readable for as long as possible. */
  readonly #free: Descriptor[] = [];
  #freeHead = 0;
  #freeCount: number;
  /** Submitted and unfinished, in order of submission. */
  #firstSubmitted: Descriptor | null = null;
  #lastSubmitted: Descriptor | null = null;
  #inFlight = 0;
  /** With a callback that has not run yet. */
  #firstCallback: Descriptor | null = null;
  #lastCallback: Descriptor | null = null;
  #callbacksQueued = false;
  readonly #runQueuedCallbacks = (): void => {
    this.#callbacksQueued = false;
    this.runCallbacks();
  };
  #used: DmaCookie = DMA_COOKIE_INIT;
  #issued: DmaCookie = DMA_COOKIE_INIT;
  #completed: DmaCookie = DMA_COOKIE_INIT;
  readonly #failures = new Set<DmaCookie>();
  #paused = false;
  /** Resolves when nothing that was terminated touches memory any more. Null when that is so. */
  #stopping: Promise<void> | null = null;
  /** Transactions in flight whose `done` needs polling, and whether the polling goes on now. */
  #watched = 0;
  #watching = false;

  constructor(device: DmaDevice, name: string, ringSize: number, context: EngineContext) {
    this.#context = context;
    this.device = device;
    this.name = name;
    this.ringSize = ringSize;
    for (let index = 0; index < ringSize; index++) {
      const descriptor = new Descriptor(this, index);
      this.#descriptors.push(descriptor);
      this.#free.push(descriptor);
    }
    this.#freeCount = ringSize;
  }

  /** Joins the driver's half and makes a port for each operation. Refuses a claim without the calls that go with it. */
  attach(
    driver: DriverChannelControl,
    operations: readonly { definition: AnyOperationDefinition; limits: OperationLimits<DmaOperation> }[],
  ): void {
    this.#driver = driver;
    const calls = driver as unknown as Readonly<Record<string, unknown>>;
    for (const { definition, limits } of operations) {
      const needed = [prepName(definition.name), ...(definition.slave === true ? ["config"] : [])];
      for (const call of needed) {
        if (typeof calls[call] === "function") continue;
        throw new DmaError(
          "ERR_DMA_CAPABILITY",
          `${this.name} claims the operation "${definition.name}", but its driver has no ${call}()`,
        );
      }
      const prep = calls[prepName(definition.name)] as (tx: DmaTx) => boolean;
      this.ports.set(
        definition.name,
        new Port(this, definition as unknown as OperationDefinition<DmaOperation>, limits, prep.bind(driver)),
      );
    }
  }

  get driver(): DriverChannelControl & Partial<DriverSlaveControl> {
    return this.#driver;
  }

  /** Its counters. A copy. */
  stats(): ChannelStats {
    return {
      holders: this.#holders.length,
      inFlight: this.#inFlight,
      polls: this.#polls,
      interrupts: this.#interrupts,
      descriptorsFull: this.#descriptorsFull,
      ringFull: this.ringFull,
      operations: Object.fromEntries([...this.ports].map(([name, { stats }]) => [name, { ...stats }])),
    };
  }

  /** Transactions that were submitted and have not ended. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Who holds the channel now, by the names they gave. */
  get holders(): readonly string[] {
    return this.#holders;
  }

  /** Whether something that was terminated may still touch memory. */
  get stopping(): boolean {
    return this.#stopping !== null;
  }

  addHolder(client: string): void {
    this.#holders.push(client);
    this.#context.trace?.({ type: "hold", channel: this.name, client });
  }

  dropHolder(client: string): void {
    this.#holders.splice(this.#holders.indexOf(client), 1);
    this.#context.trace?.({ type: "release", channel: this.name, client });
    if (this.#holders.length === 0) this.#abandon();
    this.device.onRelease?.();
  }

  // What clients do

  takeDescriptor(): Descriptor | null {
    if (this.removed) {
      throw new DmaError("ERR_DMA_REMOVED", `${this.name}: its device was removed; take another channel`);
    }
    if (this.#freeCount === 0) {
      this.#driver.poll();
      if (this.#freeCount === 0) {
        this.#descriptorsFull += 1;
        return null;
      }
    }
    const descriptor = this.#free[this.#freeHead] as Descriptor;
    this.#freeHead = this.#freeHead + 1 === this.ringSize ? 0 : this.#freeHead + 1;
    this.#freeCount -= 1;
    return descriptor;
  }

  submit(tx: Descriptor): DmaCookie {
    tx.rearm();
    if (tx.state !== TxState.PREPARED) {
      throw new DmaError("ERR_DMA_STATE", `${this.name}: submit() of a descriptor that is not prepared`);
    }
    const { checker, trace } = this.#context;
    checker?.submit(tx);
    tx.state = TxState.SUBMITTED;
    this.#used = nextCookie(this.#used);
    tx.cookie = this.#used;
    // Cookies start over one day; a failure of long ago is not this one's.
    if (this.#failures.size > 0) this.#failures.delete(tx.cookie);
    tx.next = null;
    if (this.#lastSubmitted === null) this.#firstSubmitted = tx;
    else this.#lastSubmitted.next = tx;
    this.#lastSubmitted = tx;
    this.#inFlight += 1;
    const { stats } = tx.port;
    stats.submitted += 1;
    stats.bytes += tx.lengthBytes;
    trace?.({
      type: "submit",
      channel: this.name,
      cookie: tx.cookie,
      operation: tx.operation,
      lengthBytes: tx.lengthBytes,
      flags: tx.flags,
    });
    if (this.removed) this.complete(tx, DmaTransResult.ABORTED, tx.lengthBytes);
    else this.#driver.submit(tx);
    return tx.cookie;
  }

  issuePending(): void {
    if (this.removed) return;
    this.#issued = this.#used;
    this.#context.trace?.({ type: "issue", channel: this.name });
    this.#driver.issuePending();
    if (this.#watched > 0) this.#pollWatched();
  }

  txStatus(cookie: DmaCookie, state?: DmaTxState): DmaStatus {
    this.#polls += 1;
    if (!isComplete(cookie, this.#completed, this.#used)) {
      this.#driver.poll();
      if (this.#firstCallback !== null) this.runCallbacks();
    }
    const complete = isComplete(cookie, this.#completed, this.#used);
    if (state !== undefined) {
      state.last = this.#completed;
      state.used = this.#used;
      state.residue = complete ? 0 : this.#residue(cookie);
    }
    if (!complete) return this.#paused ? DmaStatus.PAUSED : DmaStatus.IN_PROGRESS;
    return this.#failures.size > 0 && this.#failures.has(cookie) ? DmaStatus.ERROR : DmaStatus.COMPLETE;
  }

  /** Issues, then polls until the transaction has ended, after `dma_sync_wait`. */
  async syncWait(cookie: DmaCookie): Promise<DmaStatus> {
    this.issuePending();
    const status = this.txStatus(cookie);
    if (status !== DmaStatus.IN_PROGRESS) return status;
    const giveUpAt = Date.now() + SYNC_WAIT_MILLIS;
    for (;;) {
      const alive = await this.#relax(cookie);
      const now = this.txStatus(cookie);
      if (now !== DmaStatus.IN_PROGRESS) return now;
      if (!alive || Date.now() > giveUpAt) return DmaStatus.ERROR;
    }
  }

  pause(): void {
    const { pause } = this.#driver;
    if (pause === undefined) throw this.#unsupported("be paused");
    if (this.#paused || this.removed) return;
    pause.call(this.#driver);
    this.#context.trace?.({ type: "pause", channel: this.name });
    this.#paused = true;
  }

  resume(): void {
    const { resume } = this.#driver;
    if (resume === undefined) throw this.#unsupported("be resumed");
    if (!this.#paused || this.removed) return;
    this.#paused = false;
    resume.call(this.#driver);
    this.#context.trace?.({ type: "resume", channel: this.name });
    if (this.#watched > 0) this.#pollWatched();
  }

  config(config: DmaSlaveConfig): void {
    this.#driver.config?.(config);
  }

  slaveCaps(): DmaSlaveCaps {
    const { slave, residueGranularity, descriptorReuse } = this.device;
    return {
      ...(slave as SlaveCapabilities),
      cmdPause: this.#driver.pause !== undefined,
      cmdResume: this.#driver.resume !== undefined,
      cmdTerminate: true,
      residueGranularity,
      descriptorReuse,
    };
  }

  #unsupported(what: string): DmaError {
    return new DmaError("ERR_DMA_CAPABILITY", `${this.name} can't ${what}: its driver has no way to`);
  }

  /**
   * Stops the engine and ends every submitted transaction as aborted, exactly once, without callbacks; callbacks that are due and have not
   * run are dropped. Where the engine takes time to stop, descriptors end when {@link synchronize} resolves.
   */
  terminateAll(): void {
    this.#dropCallbacks();
    if (!this.removed) this.#stop(false);
    for (const tx of this.#descriptors) {
      if (tx.state === TxState.PREPARED && (tx.flags & DMA_CTRL_REUSE) === 0) this.#forget(tx);
    }
  }

  /** Resolves when nothing that was terminated touches memory any more and no callback is to come (`dmaengine_synchronize`). */
  async synchronize(): Promise<void> {
    while (this.#stopping !== null) await this.#stopping;
    this.runCallbacks();
  }

  /** Ends everything because the device is taken away: as {@link terminateAll}, but clients are called back, who did not ask for it. */
  remove(): void {
    if (this.removed) return;
    this.#stop(true);
    this.removed = true;
  }

  /** Sees to it that what is in flight ends although no client polls any more, or stops doing so. */
  drain(on: boolean): void {
    this.#watched += on ? 1 : -1;
    if (on) this.issuePending();
  }

  // What drivers do

  complete(tx: DmaTx, result: DmaTransResult = DmaTransResult.NOERROR, residueBytes = 0): void {
    const descriptor = tx as Descriptor;
    if (descriptor !== this.#firstSubmitted) {
      throw new DmaError(
        "ERR_DMA_DRIVER",
        `${this.name}: its driver completed cookie ${tx.cookie} (${tx.operation}) ` +
          `where ${this.#firstSubmitted?.cookie ?? "nothing"} was next: complete each transaction once, in the order of submission`,
      );
    }
    this.#retire(descriptor, result, residueBytes);
    this.#end(descriptor);
  }

  periodElapsed(tx: DmaTx): void {
    const descriptor = tx as Descriptor;
    const endless = descriptor.operation === "cyclic" || (descriptor.flags & DMA_PREP_REPEAT) !== 0;
    if (descriptor.state !== TxState.SUBMITTED || !endless) {
      throw new DmaError(
        "ERR_DMA_DRIVER",
        `${this.name}: its driver reported a period of cookie ${tx.cookie} (${tx.operation}), ` +
          "which is not a submitted cyclic or repeated transaction",
      );
    }
    if (descriptor.callback === null) return;
    descriptor.periods += 1;
    this.#queueCallback(descriptor);
  }

  runCallbacks(): void {
    for (let tx = this.#firstCallback; tx !== null; tx = this.#firstCallback) {
      this.#firstCallback = tx.nextCallback;
      if (tx.nextCallback === null) this.#lastCallback = null;
      tx.nextCallback = null;
      tx.callbackQueued = false;
      const { callback, callbackParam, result, residueBytes } = tx;
      while (tx.periods > 0) {
        tx.periods -= 1;
        if (callback !== null) this.#call(callback, DmaTransResult.NOERROR, callbackParam, 0);
      }
      // The callback of a period may have terminated the channel, and used the descriptor again.
      if (tx.state !== TxState.ENDED || tx.callbackQueued) continue;
      tx.state = TxState.COMPLETE;
      this.recycle(tx);
      if (callback !== null) this.#call(callback, result, callbackParam, residueBytes);
    }
  }

  /** A client's mistake must not surface in the driver or in whoever polled. */
  #call(callback: DmaCallback, result: DmaTransResult, param: unknown, residueBytes: number): void {
    try {
      callback(result, param, residueBytes);
    } catch (error) {
      this.#context.uncaught(error);
    }
  }

  interrupt(): void {
    this.#interrupts += 1;
    this.#context.trace?.({ type: "interrupt", channel: this.name });
  }

  // Between the two

  /** Makes a descriptor free again once it is complete, called back and acked, unless its client means to use it again. */
  recycle(tx: Descriptor): void {
    if (tx.state !== TxState.COMPLETE || !tx.acked || (tx.flags & DMA_CTRL_REUSE) !== 0) return;
    this.#release(tx);
  }

  /** Takes a descriptor back that was for reuse until now. */
  freeReusable(tx: Descriptor): void {
    tx.acked = true;
    if (tx.state === TxState.PREPARED) this.#forget(tx);
    else this.recycle(tx);
  }

  /** A prepared transaction that will never be submitted. */
  #forget(tx: Descriptor): void {
    tx.result = DmaTransResult.ABORTED;
    this.#unwatch(tx);
    tx.settle();
    this.#release(tx);
  }

  /** Gives a descriptor back whose transaction never came to be. */
  putBack(tx: Descriptor): void {
    tx.reusable = false;
    this.#release(tx);
  }

  /** Sees to it that a transaction's `done` settles: without an interrupt somebody has to poll. */
  watch(tx: Descriptor): void {
    if ((tx.flags & DMA_PREP_INTERRUPT) !== 0) return;
    tx.watched = true;
    this.#watched += 1;
    if (tx.state === TxState.SUBMITTED && this.#isIssued(tx)) this.#pollWatched();
  }

  #isIssued(tx: Descriptor): boolean {
    return isComplete(tx.cookie, this.#issued, this.#used);
  }

  #unwatch(tx: Descriptor): void {
    if (!tx.watched) return;
    tx.watched = false;
    this.#watched -= 1;
  }

  #pollWatched(): void {
    if (this.#watching) return;
    this.#watching = true;
    void this.#pollWhileWatched();
  }

  async #pollWhileWatched(): Promise<void> {
    try {
      // Nothing happens within the client's own call.
      await null;
      while (this.#watched > 0 && this.#firstSubmitted !== null && this.#isIssued(this.#firstSubmitted)) {
        const { cookie } = this.#firstSubmitted;
        const alive = await this.#relax(cookie);
        const status = this.txStatus(cookie);
        if (status === DmaStatus.PAUSED) break;
        if (status === DmaStatus.IN_PROGRESS && !alive) {
          this.#failWatched("hangs: nothing will ever end it");
          break;
        }
      }
    } catch (error) {
      this.#failWatched("could not be polled: its driver failed", error);
    } finally {
      this.#watching = false;
    }
  }

  #failWatched(how: string, cause?: unknown): void {
    for (let tx = this.#firstSubmitted; tx !== null; tx = tx.next) {
      if (!tx.watched || !this.#isIssued(tx)) continue;
      this.#unwatch(tx);
      tx.fail(how, cause);
    }
  }

  #relax(cookie: DmaCookie): boolean | Promise<boolean> {
    if (this.#driver.relax !== undefined) return this.#driver.relax(cookie);
    return new Promise((resolve) => setTimeout(resolve, 0, true));
  }

  #residue(cookie: DmaCookie): number {
    for (let tx = this.#firstSubmitted; tx !== null; tx = tx.next) {
      if (tx.cookie === cookie) return this.#driver.residue?.(tx) ?? tx.lengthBytes;
    }
    return 0;
  }

  /** Stops the engine and ends what it was working on as aborted: at once, or when it has come to rest. */
  #stop(callBack: boolean): void {
    this.#context.trace?.({ type: "terminate", channel: this.name });
    this.#driver.terminateAll();
    this.#paused = false;
    const rest = this.#driver.synchronize?.();
    const stopped: Descriptor[] = [];
    for (let tx = this.#firstSubmitted; tx !== null; tx = this.#firstSubmitted) {
      if (!callBack) tx.callback = null;
      this.#retire(tx, DmaTransResult.ABORTED, tx.lengthBytes);
      if (rest === undefined) this.#end(tx);
      else stopped.push(tx);
    }
    if (rest === undefined) return;
    const stopping = this.#endWhen(rest, stopped, this.#stopping);
    this.#stopping = stopping;
    void stopping.then(() => {
      if (this.#stopping === stopping) this.#stopping = null;
      this.device.onRelease?.();
    });
  }

  async #endWhen(
    rest: Promise<void>,
    stopped: readonly Descriptor[],
    before: Promise<void> | null,
  ): Promise<void> {
    await before;
    try {
      await rest;
    } catch (error) {
      this.#context.uncaught(error);
    }
    for (const tx of stopped) this.#end(tx);
  }

  /** A submitted transaction has its result: its cookie is complete. */
  #retire(tx: Descriptor, result: DmaTransResult, residueBytes: number): void {
    this.#firstSubmitted = tx.next;
    if (tx.next === null) this.#lastSubmitted = null;
    tx.next = null;
    tx.state = TxState.STOPPING;
    tx.result = result;
    tx.residueBytes = residueBytes;
    this.#completed = tx.cookie;
    this.#inFlight -= 1;
    const { stats } = tx.port;
    if (result === DmaTransResult.NOERROR) stats.completed += 1;
    else {
      if (result === DmaTransResult.ABORTED) stats.aborted += 1;
      else stats.failed += 1;
      this.#rememberFailure(tx.cookie);
    }
    const { cookie, operation } = tx;
    this.#context.trace?.({ type: "complete", channel: this.name, cookie, operation, result });
  }

  /** Its memory is the client's again: drop the unmap reference, tell whoever waits. */
  #end(tx: Descriptor): void {
    tx.state = TxState.ENDED;
    this.#context.checker?.ended(tx);
    this.#dropUnmap(tx);
    this.#unwatch(tx);
    tx.settle();
    if (tx.callback === null && !tx.callbackQueued) {
      tx.state = TxState.COMPLETE;
      this.recycle(tx);
    } else this.#queueCallback(tx);
    this.device.onRelease?.();
  }

  /** The last holder is gone: what it did not submit, did not ack or kept for reuse is nobody's. */
  #abandon(): void {
    this.exclusive = false;
    for (const tx of this.#descriptors) {
      if ((tx.flags & DMA_CTRL_REUSE) !== 0 && tx.state !== TxState.FREE) tx.free();
      else tx.ack();
    }
    // Only a stop makes the driver forget what was prepared.
    if (this.#descriptors.some((tx) => tx.state === TxState.PREPARED)) this.terminateAll();
  }

  #dropUnmap(tx: Descriptor): void {
    const { unmap } = tx;
    if (unmap === null) return;
    tx.unmap = null;
    try {
      unmap.put();
    } catch (error) {
      // What the checker finds at the unmapping is the client's mistake, and not of whoever completes.
      this.#context.uncaught(error);
    }
  }

  #queueCallback(tx: Descriptor): void {
    if (!tx.callbackQueued) {
      tx.callbackQueued = true;
      if (this.#lastCallback === null) this.#firstCallback = tx;
      else this.#lastCallback.nextCallback = tx;
      this.#lastCallback = tx;
    }
    if (this.#callbacksQueued) return;
    this.#callbacksQueued = true;
    queueMicrotask(this.#runQueuedCallbacks);
  }

  #dropCallbacks(): void {
    for (const tx of this.#descriptors) {
      tx.periods = 0;
      if (tx.callbackQueued) tx.callback = null;
    }
    this.runCallbacks();
  }

  #release(tx: Descriptor): void {
    tx.state = TxState.FREE;
    tx.callback = null;
    tx.callbackParam = undefined;
    this.#dropUnmap(tx);
    if (tx.reusable) {
      tx.reusable = false;
      this.#driver.freeDescriptor?.(tx);
    }
    const tail = this.#freeHead + this.#freeCount;
    this.#free[tail >= this.ringSize ? tail - this.ringSize : tail] = tx;
    this.#freeCount += 1;
  }

  #rememberFailure(cookie: DmaCookie): void {
    this.#failures.add(cookie);
    if (this.#failures.size <= REMEMBERED_FAILURES + this.ringSize) return;
    const oldest = this.#failures.values().next().value as DmaCookie;
    this.#failures.delete(oldest);
  }
}

/** One operation of one channel: what its prep call works with. */
export class Port<Op extends DmaOperation> implements OperationPort<Op> {
  readonly definition: OperationDefinition<Op>;
  readonly limits: OperationLimits<Op>;
  readonly stats: OperationStats = newOperationStats();
  readonly #channel: Channel;
  readonly #driverPrep: (tx: DmaTx) => boolean;
  /** The argument records, by descriptor, made when first needed. */
  readonly #args: (OperationArgs<Op> | undefined)[];

  constructor(
    channel: Channel,
    definition: OperationDefinition<Op>,
    limits: OperationLimits<Op>,
    driverPrep: (tx: DmaTx) => boolean,
  ) {
    this.#channel = channel;
    this.definition = definition;
    this.limits = limits;
    this.#driverPrep = driverPrep;
    this.#args = new Array(channel.ringSize);
  }

  get slave(): SlaveCapabilities | null {
    return this.#channel.device.slave;
  }

  begin(flags: number): DmaTx<Op> | null {
    if ((flags & DMA_CTRL_REUSE) !== 0 && !this.#channel.device.descriptorReuse) {
      throw new DmaError(
        "ERR_DMA_LIMIT",
        `${this.#channel.name}: its device has no descriptors for reuse (DMA_CTRL_REUSE)`,
      );
    }
    const tx = this.#channel.takeDescriptor();
    if (tx === null) return null;
    let args = this.#args[tx.index];
    if (args === undefined) {
      args = this.definition.createArgs(this.limits);
      this.#args[tx.index] = args;
    }
    tx.begin(this as unknown as Port<DmaOperation>, args, flags);
    return tx as unknown as DmaTx<Op>;
  }

  end(tx: DmaTx<Op>, lengthBytes: number): DmaTxDescriptor | null {
    const descriptor = tx as unknown as Descriptor;
    descriptor.lengthBytes = lengthBytes;
    if (this.#driverPrep(descriptor)) return descriptor;
    this.#channel.ringFull += 1;
    this.#channel.putBack(descriptor);
    return null;
  }
}
