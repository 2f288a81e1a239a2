import { CallbackQueue } from "./callback-queue.js";
import type { EngineContext } from "./context.js";
import { DMA_COOKIE_INIT, type DmaCookie, isComplete, nextCookie } from "./cookie.js";
import { type Descriptor, type DmaTx, TxState } from "./descriptor.js";
import { DescriptorStore } from "./descriptor-store.js";
import type { DmaDevice } from "./device.js";
import { DonePoller } from "./done-poller.js";
import type { ChannelHost, DriverChannelControl, DriverSlaveControl } from "./driver-contract.js";
import { DmaError } from "./errors.js";
import { DMA_CTRL_REUSE, DMA_PREP_INTERRUPT, DMA_PREP_REPEAT } from "./flags.js";
import {
  type AnyOperationDefinition,
  type DmaOperation,
  type OperationDefinition,
  type OperationLimits,
  prepName,
} from "./operations/operation.js";
import { Port } from "./port.js";
import { checkSlaveConfig, type DmaSlaveCaps, type DmaSlaveConfig } from "./slave.js";
import type { ChannelStats } from "./stats.js";
import { DmaStatus, DmaTransResult } from "./status.js";

/** How many failed cookies a channel remembers for `txStatus`, beside those of a full ring. */
const REMEMBERED_FAILURES = 1024;

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
  readonly #descriptors: DescriptorStore;
  /** Submitted and unfinished, in order of submission. */
  #firstSubmitted: Descriptor | null = null;
  #lastSubmitted: Descriptor | null = null;
  #inFlight = 0;
  readonly #callbacks: CallbackQueue;
  readonly #poller = new DonePoller(this);
  #used: DmaCookie = DMA_COOKIE_INIT;
  #issued: DmaCookie = DMA_COOKIE_INIT;
  #completed: DmaCookie = DMA_COOKIE_INIT;
  readonly #failures = new Set<DmaCookie>();
  #paused = false;
  /** Whether a wait has found out that what is in flight will not end, and nothing has ended since. */
  #hung = false;
  /** Resolves when nothing that was terminated touches memory any more. Null when that is so. */
  #stopping: Promise<void> | null = null;

  constructor(device: DmaDevice, name: string, ringSize: number, context: EngineContext) {
    this.#context = context;
    this.device = device;
    this.name = name;
    this.ringSize = ringSize;
    this.#descriptors = new DescriptorStore(this, ringSize);
    this.#callbacks = new CallbackQueue((tx) => this.recycle(tx), context.uncaught);
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
    if (this.#descriptors.empty) {
      this.#driver.poll();
      if (this.#descriptors.empty) {
        this.#descriptorsFull += 1;
        return null;
      }
    }
    return this.#descriptors.take();
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
    this.#poller.start();
  }

  txStatus(cookie: DmaCookie, state?: DmaTxState): DmaStatus {
    this.#polls += 1;
    if (!isComplete(cookie, this.#completed, this.#used)) {
      this.#driver.poll();
      if (!this.#callbacks.empty) this.#callbacks.run();
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
    const completed = this.#completed;
    const giveUpAt = Date.now() + this.#context.syncWaitMillis;
    try {
      for (;;) {
        const alive = await this.relax(cookie);
        const now = this.txStatus(cookie);
        if (now !== DmaStatus.IN_PROGRESS) return now;
        if (!alive || Date.now() > giveUpAt) break;
      }
    } catch (error) {
      this.markHung();
      throw error;
    }
    // One that is only slow has completed something meanwhile.
    if (this.#completed === completed) this.markHung();
    return DmaStatus.ERROR;
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
    this.#poller.start();
  }

  config(config: DmaSlaveConfig): void {
    const { slave } = this.device;
    if (slave === null || this.#driver.config === undefined) throw this.#unsupported("be configured");
    checkSlaveConfig(this.name, slave, config);
    this.#driver.config(config);
  }

  slaveCaps(): DmaSlaveCaps {
    const { slave, residueGranularity, descriptorReuse } = this.device;
    if (slave === null) throw this.#unsupported("reach a peripheral");
    return {
      ...slave,
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
    this.#callbacks.drop();
    if (!this.removed) this.#stop(false);
    this.#forgetPrepared();
  }

  /** Ends everything on a channel that hangs. Unlike {@link terminateAll} it is not the client who wants that, so clients are called back. */
  reset(): void {
    if (this.removed) return;
    if (!this.#hung) {
      throw new DmaError(
        "ERR_DMA_STATE",
        `${this.name}: reset() is for a channel that hangs, and no wait has reported that since its last completion`,
      );
    }
    this.#stop(true);
    this.#forgetPrepared();
  }

  get hung(): boolean {
    return this.#hung;
  }

  /** Somebody waited in vain. */
  markHung(): void {
    this.#hung = true;
  }

  /**
   * Resolves when nothing that was terminated touches memory any more and no callback is to come (`dmaengine_synchronize`): those that are
   * due run in a microtask that is older than the one which resolves this.
   */
  async synchronize(): Promise<void> {
    while (this.#stopping !== null) await this.#stopping;
  }

  /** Ends everything because the device is taken away: as {@link terminateAll}, but clients are called back, who did not ask for it. */
  remove(): void {
    if (this.removed) return;
    this.#stop(true);
    this.removed = true;
  }

  /** Sees to it that what is in flight ends although no client polls any more, or stops doing so. */
  drain(on: boolean): void {
    this.#poller.drain(on);
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
    this.#end(descriptor, true);
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
    this.#callbacks.add(descriptor);
  }

  runCallbacks(): void {
    this.#callbacks.run();
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

  /** The driver has forgotten what was prepared. */
  #forgetPrepared(): void {
    for (const tx of this.#descriptors.all) {
      if (tx.state === TxState.PREPARED && (tx.flags & DMA_CTRL_REUSE) === 0) this.#forget(tx);
    }
  }

  /** A prepared transaction that will never be submitted. */
  #forget(tx: Descriptor): void {
    tx.result = DmaTransResult.ABORTED;
    this.#poller.unwatch(tx);
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
    if ((tx.flags & DMA_PREP_INTERRUPT) === 0) this.#poller.watch(tx);
  }

  /** The first transaction that is to run, or runs. */
  get firstIssued(): Descriptor | null {
    const first = this.#firstSubmitted;
    return first !== null && this.isIssued(first) ? first : null;
  }

  isIssued(tx: Descriptor): boolean {
    return isComplete(tx.cookie, this.#issued, this.#used);
  }

  /** Lets time pass until a transaction may have ended. False when that will never be. */
  relax(cookie: DmaCookie): boolean | Promise<boolean> {
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
      this.#retire(tx, DmaTransResult.ABORTED, tx.lengthBytes);
      if (!callBack) tx.periods = 0;
      if (rest === undefined) this.#end(tx, callBack);
      else stopped.push(tx);
    }
    if (rest === undefined) return;
    const stopping = this.#endWhen(rest, stopped, callBack, this.#stopping);
    this.#stopping = stopping;
    void stopping.then(() => {
      if (this.#stopping === stopping) this.#stopping = null;
      this.device.onRelease?.();
    });
  }

  async #endWhen(
    rest: Promise<void>,
    stopped: readonly Descriptor[],
    callBack: boolean,
    before: Promise<void> | null,
  ): Promise<void> {
    await before;
    try {
      await rest;
    } catch (error) {
      this.#context.uncaught(error);
    }
    for (const tx of stopped) this.#end(tx, callBack);
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
    this.#hung = false;
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
  #end(tx: Descriptor, callBack: boolean): void {
    tx.state = TxState.ENDED;
    this.#context.checker?.ended(tx);
    this.#dropUnmap(tx);
    this.#poller.unwatch(tx);
    tx.settle();
    if (callBack && (tx.callback !== null || tx.callbackQueued)) this.#callbacks.add(tx);
    else {
      tx.state = TxState.COMPLETE;
      this.recycle(tx);
    }
    this.device.onRelease?.();
  }

  /** The last holder is gone: what it did not submit, did not ack or kept for reuse is nobody's. */
  #abandon(): void {
    this.exclusive = false;
    for (const tx of this.#descriptors.all) {
      if ((tx.flags & DMA_CTRL_REUSE) !== 0 && tx.state !== TxState.FREE) tx.free();
      else tx.ack();
    }
    // Only a stop makes the driver forget what was prepared.
    if (this.#descriptors.all.some((tx) => tx.state === TxState.PREPARED)) this.terminateAll();
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

  #release(tx: Descriptor): void {
    tx.state = TxState.FREE;
    tx.callback = null;
    tx.callbackParam = undefined;
    this.#dropUnmap(tx);
    if (tx.reusable) {
      tx.reusable = false;
      this.#driver.freeDescriptor?.(tx);
    }
    tx.port.giveBack(tx.args);
    this.#descriptors.give(tx);
  }

  #rememberFailure(cookie: DmaCookie): void {
    this.#failures.add(cookie);
    if (this.#failures.size <= REMEMBERED_FAILURES + this.ringSize) return;
    const oldest = this.#failures.values().next().value as DmaCookie;
    this.#failures.delete(oldest);
  }
}
