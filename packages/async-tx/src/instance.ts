import { type DmaEngine, DmaStatus } from "@dmaengine/core";
import { warnDeprecated } from "./deprecation.js";
import type { AsyncTxDescriptor } from "./descriptor.js";
import type { AsyncTxChannel } from "./workings/channel.js";
import { ChannelTable } from "./workings/channel-table.js";
import { AsyncTxContext, type CpuContext } from "./workings/context.js";
import { waitFor } from "./workings/wait.js";

/**
 * Options of an instance.
 *
 * @deprecated With the rest of this package.
 */
export interface AsyncTxOptions {
  /**
   * Works on platforms that are not coherent too, where overlapping mappings corrupt data. For demonstrations. Default false: such a
   * platform is refused.
   */
  readonly allowBroken?: boolean;
  /** What the CPU is doing now, where that is known, as on a simulated platform (`() => platform.irqs.context`). Default: a task, always. */
  readonly cpuContext?: () => CpuContext;
  /**
   * Hears of what is done in software: which operation, and how many bytes the CPU has read and written for it, both counted. Default: nobody
   * does.
   */
  readonly onSoftware?: (operation: string, bytes: number) => void;
}

/**
 * Counters of an instance.
 *
 * @deprecated `engine.stats()` of `@dmaengine/core`.
 */
export interface AsyncTxStats {
  /** Times that a chain went over to another channel, each of which costs an interrupt or a wait. */
  readonly channelSwitches: number;
}

/**
 * What both forms of the API have in common.
 *
 * @deprecated With the rest of this package.
 */
export abstract class AsyncTxInstance {
  readonly #engine: DmaEngine;
  /** @internal */
  protected readonly context: AsyncTxContext;

  /** @internal */
  constructor(engine: DmaEngine, options: AsyncTxOptions) {
    const { allowBroken = false, cpuContext = () => "task", onSoftware = () => {} } = options;
    const table = new ChannelTable(engine, allowBroken, (channel) => void retire(channel));
    this.context = new AsyncTxContext(table, cpuContext, onSoftware);
    this.#engine = engine;
    warnDeprecated();
  }

  /**
   * Allows a descriptor to be recycled when it is complete (`async_tx_ack`). Nothing may depend on it afterwards. Null is allowed.
   *
   * @deprecated `DmaTxDescriptor.ack()`, for descriptors that were prepared without `DMA_CTRL_ACK`.
   */
  asyncTxAck(tx: AsyncTxDescriptor | null): void {
    tx?.ack();
  }

  /**
   * Starts what was submitted on every public channel (`async_tx_issue_pending_all`).
   *
   * @deprecated `DmaChan.issuePending()` of the one channel, or `DmaEngine.issuePendingAll()`.
   */
  asyncTxIssuePendingAll(): void {
    this.#engine.issuePendingAll();
  }

  /**
   * Issues and polls until an operation is done, with all that it depends on (`dma_wait_for_async_tx`). Resolves to COMPLETE, also for null, or
   * to ERROR when one of them failed, or does not end (see `DmaChan.syncWait`). Climbs to the root of a chain as the original does since the fix in
   * 2.6.23.
   *
   * @deprecated `DmaChan.syncWait(cookie)`, or `await tx.done`.
   */
  dmaWaitForAsyncTx(tx: AsyncTxDescriptor | null): Promise<DmaStatus> {
    return tx === null ? Promise.resolve(DmaStatus.COMPLETE) : waitFor(tx);
  }

  /** Its counters. */
  stats(): AsyncTxStats {
    return { channelSwitches: this.context.channelSwitches };
  }

  /**
   * Waits for what was submitted and gives the channels up, as removing the kernel's module does. Descriptors that nobody acked are acked.
   *
   * @deprecated `DmaChan.release()`.
   */
  async close(): Promise<void> {
    this.context.closed = true;
    await Promise.all(this.context.table.close().map(retire));
  }
}

/** Waits until nothing that async_tx submitted is in flight on a channel, and gives it up. */
async function retire(channel: AsyncTxChannel): Promise<void> {
  channel.retired = true;
  await channel.callsEnded();
  for (const tx of channel.live) if (!tx.ended) await waitFor(tx);
  for (const tx of channel.live) tx.ack();
  channel.chan.release();
}
