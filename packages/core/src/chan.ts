import type { Channel, DmaTxState } from "./channel.js";
import type { DmaCookie } from "./cookie.js";
import type { DmaDevice } from "./device.js";
import type { Capabilities, IfSlave } from "./driver-contract.js";
import { DmaError } from "./errors.js";
import { type DmaOperation, type DmaOperations, type PrepName, prepName } from "./operations/operation.js";
import type { DmaSlaveCaps, DmaSlaveConfig } from "./slave.js";
import type { DmaStatus } from "./status.js";

/** The prep calls of a set of operations. */
export type ChannelPreps<Op extends DmaOperation> = {
  readonly [K in Op as PrepName<K>]: DmaOperations[K]["prep"];
};

/** A client's hold on a channel, without the prep calls. */
export interface DmaChanControl<Op extends DmaOperation> {
  /** `dma<device>chan<n>`. */
  readonly name: string;
  /** The device to map memory with. */
  readonly device: DmaDevice;
  /** The limits of the operations that were asked for. */
  readonly limits: Capabilities<Op>;
  /** Transactions on the channel that were submitted and have not ended, whoever submitted them. */
  readonly inFlight: number;
  /**
   * Whether the device was taken away. Everything in flight was aborted then, prep calls throw `ERR_DMA_REMOVED`, what is submitted ends as
   * aborted. Release the channel and find another one.
   */
  readonly removed: boolean;
  /**
   * Whether the channel hangs: {@link syncWait} or a transaction's `done` has found out that what is in flight will not end, or its driver has
   * failed at polling, and nothing has ended since. See {@link reset}.
   */
  readonly hung: boolean;
  /** Starts everything that was submitted (`dma_async_issue_pending`). Some engines start earlier. */
  issuePending(): void;
  /**
   * Looks whether a transaction has ended: one poll. COMPLETE, IN_PROGRESS, PAUSED, or ERROR when it failed or was aborted.
   * May run callbacks of finished transactions, as most drivers' `device_tx_status` does. A channel remembers its last 1024 failures and
   * those of one full ring; unlike the original, an aborted transaction has the status ERROR.
   *
   * @param state - filled in if given; nothing is allocated.
   */
  txStatus(cookie: DmaCookie, state?: DmaTxState): DmaStatus;
  /**
   * Issues and polls until a transaction has ended (`dma_sync_wait`). ERROR also after `syncWaitMillis` of the instance, or when the engine hangs; PAUSED when the
   * channel is paused.
   */
  syncWait(cookie: DmaCookie): Promise<DmaStatus>;
  /**
   * Stops moving data without losing any (`dmaengine_pause`). Status and residue stay readable. Throws `ERR_DMA_CAPABILITY` where the
   * engine can't, `ERR_DMA_STATE` on a shared channel.
   */
  pause(): void;
  /** Goes on where {@link pause} stopped (`dmaengine_resume`). */
  resume(): void;
  /**
   * Aborts everything on the channel (`dmaengine_terminate_async`). Aborted transactions have the status ERROR, their `done` rejects, no
   * callback runs any more. Memory may still be touched until {@link synchronize} resolves, and is not unmapped before. Only the one
   * client of an exclusive channel may do this.
   */
  terminate(): void;
  /**
   * Resolves when nothing that was terminated touches memory any more and every callback has run (`dmaengine_synchronize`).
   * `terminate()` and `await synchronize()` are `dmaengine_terminate_sync`.
   */
  synchronize(): Promise<void>;
  /**
   * Ends everything on a channel that hangs, whoever submitted it, as a driver's watchdog would (`ioat_timer_event`): transactions end as
   * aborted and call back, what was prepared and not submitted is forgotten, and the channel starts anew. Memory may still be touched until
   * {@link synchronize} resolves, and is not unmapped before.
   *
   * Throws `ERR_DMA_STATE` unless the channel is {@link hung}: so no client of a shared channel loses what would have ended.
   */
  reset(): void;
  /**
   * Gives the channel up (`dma_release_channel`). The handle is of no use afterwards. What was submitted runs to its end. When its last
   * holder goes, so do descriptors that nobody acked, freed or submitted; if there are any of the last kind, the channel is terminated.
   */
  release(): void;
}

/** What a channel has besides if one of its operations is a transfer from or to a peripheral. */
export interface DmaSlaveControl {
  /** Tells how to talk to the peripheral, for transfers that are prepared from now on (`dmaengine_slave_config`). */
  config(config: DmaSlaveConfig): void;
  /** What the channel can do (`dma_get_slave_caps`). */
  getSlaveCaps(): DmaSlaveCaps;
}

/**
 * A channel in the hands of one client, with the prep calls of the operations that the client asked for and no others.
 *
 * @typeParam Op - the operations, as a union: `DmaChan<"memcpy" | "xor">` has `prepMemcpy` and `prepXor`.
 */
export type DmaChan<Op extends DmaOperation> = DmaChanControl<Op> &
  ChannelPreps<Op> &
  IfSlave<Op, DmaSlaveControl>;

/** The implementation; {@link openChannel} adds the prep calls. */
class ChanHandle implements DmaChanControl<DmaOperation>, DmaSlaveControl {
  readonly name: string;
  readonly device: DmaDevice;
  readonly limits: Capabilities<DmaOperation>;
  readonly #client: string;
  #channel: Channel | null;

  constructor(channel: Channel, client: string, limits: Capabilities<DmaOperation>) {
    this.name = channel.name;
    this.device = channel.device;
    this.limits = limits;
    this.#client = client;
    this.#channel = channel;
  }

  get inFlight(): number {
    return this.#held().inFlight;
  }

  get removed(): boolean {
    return this.#held().removed;
  }

  get hung(): boolean {
    return this.#held().hung;
  }

  issuePending(): void {
    this.#held().issuePending();
  }

  txStatus(cookie: DmaCookie, state?: DmaTxState): DmaStatus {
    return this.#held().txStatus(cookie, state);
  }

  syncWait(cookie: DmaCookie): Promise<DmaStatus> {
    return this.#held().syncWait(cookie);
  }

  pause(): void {
    this.#exclusive("paused").pause();
  }

  resume(): void {
    this.#exclusive("resumed").resume();
  }

  terminate(): void {
    this.#exclusive("terminated").terminateAll();
  }

  synchronize(): Promise<void> {
    return this.#held().synchronize();
  }

  reset(): void {
    this.#held().reset();
  }

  config(config: DmaSlaveConfig): void {
    this.#exclusive("configured").config(config);
  }

  getSlaveCaps(): DmaSlaveCaps {
    return this.#held().slaveCaps();
  }

  release(): void {
    const channel = this.#held();
    this.#channel = null;
    const handle = this as unknown as Record<string, unknown>;
    const refuse = (): never => {
      throw this.#released();
    };
    for (const operation of Object.keys(this.limits)) handle[prepName(operation as DmaOperation)] = refuse;
    channel.dropHolder(this.#client);
  }

  #held(): Channel {
    if (this.#channel === null) throw this.#released();
    return this.#channel;
  }

  #exclusive(what: string): Channel {
    const channel = this.#held();
    if (channel.exclusive) return channel;
    throw new DmaError(
      "ERR_DMA_STATE",
      `${this.name}: only an exclusive channel can be ${what}, and this one is shared; get it with requestChannel()`,
    );
  }

  #released(): DmaError {
    return new DmaError(
      "ERR_DMA_STATE",
      `${this.name}: "${this.#client}" released this channel and uses it again`,
    );
  }
}

/** Opens a channel for a client. The caller has made sure that the channel has the operations. */
export function openChannel<Op extends DmaOperation>(
  channel: Channel,
  operations: readonly Op[],
  client: string,
): DmaChan<Op> {
  const limits: Partial<Record<DmaOperation, unknown>> = {};
  const preps: Record<string, unknown> = {};
  for (const operation of operations) {
    const port = channel.ports.get(operation);
    if (port === undefined) throw new TypeError(`${channel.name} has no operation "${operation}"`);
    limits[operation] = port.limits;
    preps[prepName(operation)] = port.definition.bind(port);
  }
  channel.addHolder(client);
  const handle = new ChanHandle(channel, client, limits as Capabilities<DmaOperation>);
  return Object.assign(handle, preps) as unknown as DmaChan<Op>;
}
