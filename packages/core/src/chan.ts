import type { Channel, DmaTxState } from "./channel.js";
import type { DmaCookie } from "./cookie.js";
import type { DmaDevice } from "./device.js";
import type { Capabilities } from "./driver-contract.js";
import { DmaError } from "./errors.js";
import { type DmaOperation, type DmaOperations, type PrepName, prepName } from "./operations/operation.js";
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
  /** Starts everything that was submitted (`dma_async_issue_pending`). Some engines start earlier. */
  issuePending(): void;
  /**
   * Looks whether a transaction has ended: one poll. COMPLETE, IN_PROGRESS, or ERROR when it failed or was aborted.
   * May run callbacks of finished transactions, as most drivers' `device_tx_status` does.
   *
   * @param state - filled in if given; nothing is allocated.
   */
  txStatus(cookie: DmaCookie, state?: DmaTxState): DmaStatus;
  /** Issues and polls until a transaction has ended (`dma_sync_wait`). ERROR also after 5 seconds, or when the engine hangs. */
  syncWait(cookie: DmaCookie): Promise<DmaStatus>;
  /**
   * Aborts everything on the channel (`dmaengine_terminate_sync`). Afterwards no transfer touches memory; aborted transactions have the
   * status ERROR, their `done` rejects, their callbacks don't run. Only the one client of an exclusive channel may do this.
   */
  terminate(): void;
  /** Gives the channel up (`dma_release_channel`). The handle is of no use afterwards. */
  release(): void;
}

/**
 * A channel in the hands of one client, with the prep calls of the operations that the client asked for and no others.
 *
 * @typeParam Op - the operations, as a union: `DmaChan<"memcpy" | "xor">` has `prepMemcpy` and `prepXor`.
 */
export type DmaChan<Op extends DmaOperation> = DmaChanControl<Op> & ChannelPreps<Op>;

/** The implementation; {@link openChannel} adds the prep calls. */
class ChanHandle implements DmaChanControl<DmaOperation> {
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

  issuePending(): void {
    this.#held().issuePending();
  }

  txStatus(cookie: DmaCookie, state?: DmaTxState): DmaStatus {
    return this.#held().txStatus(cookie, state);
  }

  syncWait(cookie: DmaCookie): Promise<DmaStatus> {
    return this.#held().syncWait(cookie);
  }

  terminate(): void {
    const channel = this.#held();
    if (!channel.exclusive) {
      throw new DmaError(
        "ERR_DMA_STATE",
        `${this.name}: only an exclusive channel can be terminated, and this one is shared; get it with requestChannel()`,
      );
    }
    channel.terminateAll();
  }

  release(): void {
    const channel = this.#held();
    this.#channel = null;
    channel.holders.splice(channel.holders.indexOf(this.#client), 1);
    if (channel.holders.length === 0) channel.exclusive = false;
    const handle = this as unknown as Record<string, unknown>;
    const refuse = (): never => {
      throw this.#released();
    };
    for (const operation of Object.keys(this.limits)) handle[prepName(operation as DmaOperation)] = refuse;
  }

  #held(): Channel {
    if (this.#channel === null) throw this.#released();
    return this.#channel;
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
  channel.holders.push(client);
  const handle = new ChanHandle(channel, client, limits as Capabilities<DmaOperation>);
  return Object.assign(handle, preps) as unknown as DmaChan<Op>;
}
