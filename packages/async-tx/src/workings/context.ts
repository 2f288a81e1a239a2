import { DmaStatus } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";
import { AsyncTxError } from "../errors.js";
import type { AsyncSubmitCtl, AsyncTxCallback } from "../submit-ctl.js";
import type { ChannelTable } from "./channel-table.js";

/**
 * What the CPU is doing: `in_task()`, `in_hardirq()`, `in_softirq()`.
 *
 * @deprecated Channels of `@dmaengine/core` may be used in any context.
 */
export type CpuContext = "task" | "hardirq" | "softirq";

/** How a call submits: {@link AsyncSubmitCtl}, and whether its dependency stays without an ack, as in 2007 unless asked for. */
export interface Submission extends Readonly<AsyncSubmitCtl> {
  readonly keepsDependency?: boolean;
}

/** What the calls of one instance share. */
export class AsyncTxContext {
  readonly table: ChannelTable;
  readonly #cpuContext: () => CpuContext;
  readonly #onSoftware: (operation: string, bytes: number) => void;
  /** Times that a chain went over to another channel. */
  channelSwitches = 0;
  closed = false;
  #inCallback = false;

  constructor(
    table: ChannelTable,
    cpuContext: () => CpuContext,
    onSoftware: (operation: string, bytes: number) => void,
  ) {
    this.table = table;
    this.#cpuContext = cpuContext;
    this.#onSoftware = onSoftware;
  }

  /** Every call that submits begins here: refuses it where the original forbids it. */
  enter(call: string, submit: Submission): void {
    if (this.closed) {
      throw new AsyncTxError("ERR_ASYNC_TX_CLOSED", `${call}: the instance was closed; make a new one`);
    }
    this.table.check();
    if (this.#cpuContext() === "hardirq") {
      throw new AsyncTxError(
        "ERR_ASYNC_TX_CONTEXT",
        `${call}: expected a task or a tasklet, called in a hard interrupt; leave it to a tasklet`,
      );
    }
    if (this.#inCallback) {
      throw new AsyncTxError(
        "ERR_ASYNC_TX_CONTEXT",
        `${call}: a completion callback of async_tx may not submit operations; leave it to a task of its own. ` +
          "Callbacks of @dmaengine/core may",
      );
    }
    this.checkNotAcked(call, submit.dependTx);
  }

  /** Refuses a descriptor that may have been recycled. */
  checkNotAcked(call: string, tx: AsyncTxDescriptor | null): void {
    if (tx?.acked !== true) return;
    throw new AsyncTxError(
      "ERR_ASYNC_TX_ACKED",
      `${call}: the descriptor on ${tx.channelName} was acked, by ASYNC_TX_ACK, by asyncTxAck() or by an operation that depends on it, so it may ` +
        "have been recycled; wait for a descriptor or depend on it once, and before it is acked",
    );
  }

  /** Runs a callback, which may not submit. */
  callBack(cbFn: AsyncTxCallback | null, cbParam: unknown, failed: boolean): void {
    if (cbFn === null) return;
    const before = this.#inCallback;
    this.#inCallback = true;
    try {
      cbFn(cbParam, failed ? DmaStatus.ERROR : DmaStatus.COMPLETE);
    } finally {
      this.#inCallback = before;
    }
  }

  /** An operation was done in software (`async_tx_sync_epilog`). */
  syncEpilog(submit: Submission): null {
    this.callBack(submit.cbFn, submit.cbParam, false);
    return null;
  }

  /** Tells that the CPU has read and written so many bytes, both counted. */
  software(operation: string, bytes: number): void {
    this.#onSoftware(operation, bytes);
  }
}
