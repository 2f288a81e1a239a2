import { DMA_COOKIE_INIT, type DmaCookie, isComplete, nextCookie } from "./cookie.js";
import { Descriptor, type DmaTx, type DmaTxDescriptor, TxState } from "./descriptor.js";
import type { DmaDevice } from "./device.js";
import type { ChannelHost, DriverChannelControl } from "./driver-contract.js";
import { DmaError } from "./errors.js";
import { DMA_PREP_INTERRUPT } from "./flags.js";
import {
  type AnyOperationDefinition,
  type DmaOperation,
  type OperationArgs,
  type OperationDefinition,
  type OperationLimits,
  type OperationPort,
  prepName,
} from "./operations/operation.js";
import { type ChannelStats, newOperationStats, type OperationStats } from "./stats.js";
import { DmaStatus, DmaTransResult } from "./status.js";

/** How many failed cookies a channel remembers for `txStatus`. */
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
  readonly stats: ChannelStats = {
    polls: 0,
    interrupts: 0,
    descriptorsFull: 0,
    ringFull: 0,
    operations: {},
  };
  /** One port for each operation that the device claims. */
  readonly ports = new Map<DmaOperation, Port<DmaOperation>>();
  /** Who holds the channel now, by the names they gave. */
  readonly holders: string[] = [];
  /** Whether its one holder has it for itself. */
  exclusive = false;
  #driver!: DriverChannelControl;
  readonly #descriptors: Descriptor[] = [];
  /** Free descriptors, first in first out, so that a finished one stays readable for as long as possible. */
  readonly #free: Descriptor[] = [];
  #freeHead = 0;
  #freeCount: number;
  /** Submitted and unfinished, in order of submission. */
  #firstSubmitted: Descriptor | null = null;
  #lastSubmitted: Descriptor | null = null;
  /** Complete, with a callback that has not run yet. */
  #firstCallback: Descriptor | null = null;
  #lastCallback: Descriptor | null = null;
  #callbacksQueued = false;
  readonly #runQueuedCallbacks = (): void => {
    this.#callbacksQueued = false;
    this.runCallbacks();
  };
  #used: DmaCookie = DMA_COOKIE_INIT;
  #completed: DmaCookie = DMA_COOKIE_INIT;
  readonly #failures = new Set<DmaCookie>();
  #watching = false;

  constructor(device: DmaDevice, name: string, ringSize: number) {
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

  /** Joins the driver's half and makes a port for each operation. Refuses a claim without its prep call. */
  attach(
    driver: DriverChannelControl,
    operations: readonly { definition: AnyOperationDefinition; limits: OperationLimits<DmaOperation> }[],
  ): void {
    this.#driver = driver;
    for (const { definition, limits } of operations) {
      const name = prepName(definition.name);
      const prep = (driver as unknown as Record<string, unknown>)[name];
      if (typeof prep !== "function") {
        throw new DmaError(
          "ERR_DMA_CAPABILITY",
          `${this.name} claims the operation "${definition.name}", but its driver has no ${name}()`,
        );
      }
      this.ports.set(
        definition.name,
        new Port(
          this,
          definition as unknown as OperationDefinition<DmaOperation>,
          limits,
          prep.bind(driver) as (tx: DmaTx) => boolean,
        ),
      );
    }
  }

  get driver(): DriverChannelControl {
    return this.#driver;
  }

  /** Transactions that were submitted and have not ended. */
  get inFlight(): number {
    let count = 0;
    for (let tx = this.#firstSubmitted; tx !== null; tx = tx.next) count += 1;
    return count;
  }

  // What clients do

  takeDescriptor(): Descriptor | null {
    if (this.#freeCount === 0) {
      this.#driver.poll();
      if (this.#freeCount === 0) {
        this.stats.descriptorsFull += 1;
        return null;
      }
    }
    const descriptor = this.#free[this.#freeHead] as Descriptor;
    this.#freeHead = (this.#freeHead + 1) % this.ringSize;
    this.#freeCount -= 1;
    return descriptor;
  }

  submit(tx: Descriptor): DmaCookie {
    if (tx.state !== TxState.PREPARED) {
      throw new DmaError("ERR_DMA_STATE", `${this.name}: submit() of a descriptor that is not prepared`);
    }
    tx.state = TxState.SUBMITTED;
    this.#used = nextCookie(this.#used);
    tx.cookie = this.#used;
    tx.next = null;
    if (this.#lastSubmitted === null) this.#firstSubmitted = tx;
    else this.#lastSubmitted.next = tx;
    this.#lastSubmitted = tx;
    const stats = (this.ports.get(tx.operation) as Port<DmaOperation>).stats;
    stats.submitted += 1;
    stats.bytes += tx.lengthBytes;
    this.#driver.submit(tx);
    return tx.cookie;
  }

  issuePending(): void {
    this.#driver.issuePending();
  }

  txStatus(cookie: DmaCookie, state?: DmaTxState): DmaStatus {
    this.stats.polls += 1;
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
    if (!complete) return DmaStatus.IN_PROGRESS;
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

  /** Stops the engine and ends every submitted transaction as aborted, exactly once, without callbacks. */
  terminateAll(): void {
    this.#driver.terminateAll();
    for (let tx = this.#firstSubmitted; tx !== null; tx = this.#firstSubmitted) {
      tx.callback = null;
      this.complete(tx, DmaTransResult.ABORTED);
    }
    for (const tx of this.#descriptors) {
      if (tx.state === TxState.PREPARED) this.#release(tx);
    }
  }

  // What drivers do

  complete(tx: DmaTx, result: DmaTransResult = DmaTransResult.NOERROR): void {
    const descriptor = tx as Descriptor;
    if (descriptor !== this.#firstSubmitted) {
      throw new DmaError(
        "ERR_DMA_DRIVER",
        `${this.name}: its driver completed cookie ${tx.cookie} (${tx.operation}) ` +
          `where ${this.#firstSubmitted?.cookie ?? "nothing"} was next: complete each transaction once, in the order of submission`,
      );
    }
    this.#firstSubmitted = descriptor.next;
    if (descriptor.next === null) this.#lastSubmitted = null;
    descriptor.next = null;
    descriptor.state = TxState.COMPLETE;
    descriptor.result = result;
    this.#completed = descriptor.cookie;
    const stats = (this.ports.get(descriptor.operation) as Port<DmaOperation>).stats;
    if (result === DmaTransResult.NOERROR) stats.completed += 1;
    else {
      if (result === DmaTransResult.ABORTED) stats.aborted += 1;
      else stats.failed += 1;
      this.#rememberFailure(descriptor.cookie);
    }
    descriptor.dropUnmap();
    descriptor.settle();
    if (descriptor.callback === null) this.recycle(descriptor);
    else this.#queueCallback(descriptor);
  }

  runCallbacks(): void {
    for (let tx = this.#firstCallback; tx !== null; tx = this.#firstCallback) {
      this.#firstCallback = tx.next;
      if (tx.next === null) this.#lastCallback = null;
      tx.next = null;
      const { callback, callbackParam, result } = tx;
      tx.callback = null;
      this.recycle(tx);
      try {
        callback?.(result, callbackParam);
      } catch (error) {
        // A client's mistake must not surface in the driver or in whoever polled: it is reported as uncaught.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  interrupt(): void {
    this.stats.interrupts += 1;
  }

  // Between the two

  /** Makes a descriptor free again once it is complete, acked and called back. */
  recycle(tx: Descriptor): void {
    if (tx.state !== TxState.COMPLETE || !tx.acked || tx.callback !== null) return;
    this.#release(tx);
  }

  /** Gives a descriptor back whose transaction never came to be. */
  putBack(tx: Descriptor): void {
    this.#release(tx);
  }

  /** Sees to it that a transaction's `done` settles: without an interrupt somebody has to poll. */
  watch(tx: Descriptor): void {
    if ((tx.flags & DMA_PREP_INTERRUPT) !== 0 || this.#watching) return;
    this.#watching = true;
    void this.#pollWhileInFlight();
  }

  async #pollWhileInFlight(): Promise<void> {
    // A turn of the event loop first: whoever asked for `done` has yet to submit and issue.
    await Promise.resolve();
    while (this.#firstSubmitted !== null) {
      const { cookie } = this.#firstSubmitted;
      const alive = await this.#relax(cookie);
      if (this.txStatus(cookie) === DmaStatus.IN_PROGRESS && !alive) break;
    }
    this.#watching = false;
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

  #queueCallback(tx: Descriptor): void {
    if (this.#lastCallback === null) this.#firstCallback = tx;
    else this.#lastCallback.next = tx;
    this.#lastCallback = tx;
    if (this.#callbacksQueued) return;
    this.#callbacksQueued = true;
    queueMicrotask(this.#runQueuedCallbacks);
  }

  #release(tx: Descriptor): void {
    tx.state = TxState.FREE;
    tx.dropUnmap();
    this.#free[(this.#freeHead + this.#freeCount) % this.ringSize] = tx;
    this.#freeCount += 1;
  }

  #rememberFailure(cookie: DmaCookie): void {
    this.#failures.add(cookie);
    if (this.#failures.size <= REMEMBERED_FAILURES) return;
    const oldest = this.#failures.values().next().value as DmaCookie;
    this.#failures.delete(oldest);
  }
}

/** One operation of one channel: what its prep call works with. */
class Port<Op extends DmaOperation> implements OperationPort<Op> {
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
    (channel.stats.operations as Record<string, OperationStats>)[definition.name] = this.stats;
  }

  begin(flags: number): DmaTx<Op> | null {
    const tx = this.#channel.takeDescriptor();
    if (tx === null) return null;
    let args = this.#args[tx.index];
    if (args === undefined) {
      args = this.definition.createArgs(this.limits);
      this.#args[tx.index] = args;
    }
    tx.begin(this.definition.name, args, flags);
    return tx as unknown as DmaTx<Op>;
  }

  end(tx: DmaTx<Op>, lengthBytes: number): DmaTxDescriptor | null {
    const descriptor = tx as unknown as Descriptor;
    descriptor.lengthBytes = lengthBytes;
    if (this.#driverPrep(descriptor)) return descriptor;
    this.#channel.stats.ringFull += 1;
    this.#channel.putBack(descriptor);
    return null;
  }
}
