import type { DmaCookie, DmaTxDescriptor } from "@dmaengine/core";
import type { AsyncTxCallback } from "./submit-ctl.js";
import type { AsyncTxChannel } from "./workings/channel.js";

/** The cookie of a descriptor that waits for another one and is not submitted (`-EBUSY`). */
const EBUSY: DmaCookie = -16;

/**
 * An operation that an engine was given, or will be given when what it depends on is done: `struct dma_async_tx_descriptor`.
 *
 * The engine's descriptor behind it is recycled when the operation is complete *and* acked, no sooner and no later: one that nobody acks is
 * lost to its channel. Unlike the original's, this object is not recycled, so what it says stays true.
 *
 * @deprecated `DmaTxDescriptor` of `@dmaengine/core`.
 */
export class AsyncTxDescriptor {
  /** @internal */
  readonly channel: AsyncTxChannel;
  /** @internal What it depends on, until that has ended. */
  parent: AsyncTxDescriptor | null = null;
  /** @internal Those that are submitted when this one has ended. */
  readonly dependents: AsyncTxDescriptor[] = [];
  /** @internal Whether it has ended. */
  ended = false;
  /** @internal Whether it, or something that it depends on, went wrong. */
  failed = false;
  /** @internal */
  readonly cbFn: AsyncTxCallback | null;
  /** @internal */
  readonly cbParam: unknown;
  readonly #tx: DmaTxDescriptor;
  #cookie: DmaCookie = EBUSY;
  #acked = false;

  /** @internal */
  constructor(
    channel: AsyncTxChannel,
    tx: DmaTxDescriptor,
    cbFn: AsyncTxCallback | null = null,
    cbParam?: unknown,
  ) {
    this.channel = channel;
    this.#tx = tx;
    this.cbFn = cbFn;
    this.cbParam = cbParam;
    channel.live.add(this);
  }

  /** Its number on its channel; -16 (`-EBUSY`) while it waits for what it depends on. */
  get cookie(): DmaCookie {
    return this.#cookie;
  }

  /** The channel that has it: `dma<device>chan<n>`. */
  get channelName(): string {
    return this.channel.chan.name;
  }

  /** Whether it may be recycled once it is complete, so that nothing can depend on it any more. */
  get acked(): boolean {
    return this.#acked;
  }

  /** @internal Whether it waits for what it depends on. */
  get parked(): boolean {
    return this.#cookie === EBUSY;
  }

  /** @internal Gives it to the engine. */
  submit(): void {
    this.#cookie = this.#tx.submit();
  }

  /** @internal */
  ack(): void {
    if (this.#acked) return;
    this.#acked = true;
    this.#tx.ack();
    this.leave();
  }

  /** @internal Its channel can forget it when it has ended and is acked. */
  leave(): void {
    if (this.ended && this.#acked) this.channel.live.delete(this);
  }
}
