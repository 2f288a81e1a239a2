import {
  type DeviceEvent,
  type DmaChan,
  type DmaDevice,
  type DmaEngine,
  DmaError,
  type DmaOperation,
} from "@dmaengine/core";
import { warnDeprecated } from "./deprecation.js";
import { AsyncTxError } from "./errors.js";

/**
 * What becomes of a channel: `enum dma_state` of Linux 2.6.23, with its values. SUSPEND and RESUME are never sent, there as here.
 *
 * @deprecated `DmaEngine.onDeviceChange` tells of devices that come and go.
 */
export const DmaState = {
  /** The channel can't be used for a while. */
  RESOURCE_SUSPEND: 0,
  /** It can be used again. */
  RESOURCE_RESUME: 1,
  /** A channel that has what the client wants is free. */
  RESOURCE_AVAILABLE: 2,
  /** The channel goes away. */
  RESOURCE_REMOVED: 3,
} as const;
/** @deprecated `DmaEngine.onDeviceChange` tells of devices that come and go. */
export type DmaState = (typeof DmaState)[keyof typeof DmaState];

/**
 * What a client makes of it: `enum dma_state_client` of Linux 2.6.23, with its values.
 *
 * @deprecated `DmaEngine.requestChannel` returns the one channel that is wanted, and `DmaChan.release` gives it back.
 */
export const DmaStateClient = {
  /** AVAILABLE: takes the channel. REMOVED: lets it go. */
  ACK: 0,
  /** Has it already or does not want it; the next, please. */
  DUP: 1,
  /** Wants no more channels now. */
  NAK: 2,
} as const;
/** @deprecated `DmaEngine.requestChannel` returns the one channel that is wanted, and `DmaChan.release` gives it back. */
export type DmaStateClient = (typeof DmaStateClient)[keyof typeof DmaStateClient];

/**
 * A client of Linux 2.6.23: `struct dma_client`.
 *
 * @deprecated The arguments of `DmaEngine.requestChannel`: operations, and a filter.
 */
export interface DmaClient<Op extends DmaOperation = DmaOperation> {
  /** The operations that each of its channels must have (`cap_mask`). None: any channel will do. */
  readonly capMask: readonly Op[];
  /**
   * Hears of each channel that it may take, and of those that it has and that go away (`event_callback`). It counts for itself how many it
   * has and wants.
   */
  eventCallback(client: DmaClient<Op>, chan: DmaChan<Op>, state: DmaState): DmaStateClient;
}

/** What is known of one client. */
interface Registered {
  /** Whether it asked for channels, so that it hears of new ones. */
  requested: boolean;
  readonly channels: Set<DmaChan<DmaOperation>>;
}

/**
 * The client API of Linux 2.6.23 to 2.6.28 on `requestChannel`: clients register with the operations that they need, and are offered every free
 * channel that has them, now and whenever a device comes.
 *
 * Unlike in the original, a channel that one client has taken is offered to no other, and one that is shared by somebody, as all public ones are
 * while there is an `AsyncTx`, is offered to none.
 *
 * @deprecated `DmaEngine.requestChannel(operations, { filter })`.
 */
export class DmaClients {
  readonly #engine: DmaEngine;
  readonly #clients = new Map<DmaClient, Registered>();
  readonly #stopListening: () => void;

  /** Warns once in a process that this package is deprecated. */
  constructor(engine: DmaEngine) {
    this.#engine = engine;
    this.#stopListening = engine.onDeviceChange((event) => this.#deviceChanged(event));
    warnDeprecated();
  }

  /**
   * Makes a client known (`dma_async_client_register`). Throws `ERR_ASYNC_TX_CLIENT` when it is.
   *
   * @deprecated Nothing: a client of `@dmaengine/core` is whoever requests a channel.
   */
  dmaAsyncClientRegister<Op extends DmaOperation>(client: DmaClient<Op>): void {
    if (this.#clients.has(client as DmaClient)) {
      throw new AsyncTxError(
        "ERR_ASYNC_TX_CLIENT",
        "dmaAsyncClientRegister: this client is registered already",
      );
    }
    this.#clients.set(client as DmaClient, { requested: false, channels: new Set() });
  }

  /**
   * Offers a client every free channel that it can use, and from now on those of every new device (`dma_async_client_chan_request`). Throws
   * `ERR_ASYNC_TX_CLIENT` when it is not registered.
   *
   * @deprecated `DmaEngine.requestChannel(operations, { filter })`, once for each channel that is wanted.
   */
  dmaAsyncClientChanRequest<Op extends DmaOperation>(client: DmaClient<Op>): void {
    const registered = this.#registered("dmaAsyncClientChanRequest", client as DmaClient);
    registered.requested = true;
    this.#offer(client as DmaClient, registered, () => true);
  }

  /**
   * Takes a client's channels back and forgets it (`dma_async_client_unregister`). Throws `ERR_ASYNC_TX_CLIENT` when it is not registered.
   *
   * @deprecated `DmaChan.release()`.
   */
  dmaAsyncClientUnregister<Op extends DmaOperation>(client: DmaClient<Op>): void {
    const { channels } = this.#registered("dmaAsyncClientUnregister", client as DmaClient);
    this.#clients.delete(client as DmaClient);
    for (const chan of channels) chan.release();
  }

  /** Takes every client's channels back and forgets them all. */
  close(): void {
    this.#stopListening();
    for (const client of [...this.#clients.keys()]) this.dmaAsyncClientUnregister(client);
  }

  #deviceChanged({ type, device }: DeviceEvent): void {
    for (const [client, registered] of this.#clients) {
      if (type !== "available") this.#takeAway(client, registered, device);
      else if (registered.requested) this.#offer(client, registered, (candidate) => candidate === device);
    }
  }

  #offer(client: DmaClient, { channels }: Registered, filter: (device: DmaDevice) => boolean): void {
    const declined: DmaChan<DmaOperation>[] = [];
    try {
      for (let chan = this.#request(client, filter); chan !== null; chan = this.#request(client, filter)) {
        // Until the answer is known: what the callback throws must not cost the channel.
        declined.push(chan);
        const answer = client.eventCallback(client, chan, DmaState.RESOURCE_AVAILABLE);
        if (answer === DmaStateClient.NAK) return;
        if (answer === DmaStateClient.ACK) channels.add(declined.pop() as DmaChan<DmaOperation>);
      }
    } finally {
      for (const chan of declined) chan.release();
    }
  }

  #request(client: DmaClient, filter: (device: DmaDevice) => boolean): DmaChan<DmaOperation> | null {
    try {
      return this.#engine.requestChannel(client.capMask, { client: "dma_client", filter });
    } catch (error) {
      if (DmaError.isInstance(error) && error.code === "ERR_DMA_NO_CHANNEL") return null;
      throw error;
    }
  }

  #takeAway(client: DmaClient, { channels }: Registered, device: DmaDevice): void {
    for (const chan of channels) {
      if (chan.device !== device) continue;
      if (client.eventCallback(client, chan, DmaState.RESOURCE_REMOVED) !== DmaStateClient.ACK) continue;
      channels.delete(chan);
      chan.release();
    }
  }

  #registered(call: string, client: DmaClient): Registered {
    const registered = this.#clients.get(client);
    if (registered !== undefined) return registered;
    throw new AsyncTxError(
      "ERR_ASYNC_TX_CLIENT",
      `${call}: this client is not registered; call dmaAsyncClientRegister() first`,
    );
  }
}
