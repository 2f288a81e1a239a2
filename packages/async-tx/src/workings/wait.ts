import { DmaStatus, type DmaTxDescriptor, type DmaTxState } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";
import { AsyncTxError } from "../errors.js";
import type { AsyncTxChannel } from "./channel.js";
import type { Submission } from "./context.js";

const LAST_COOKIE = 0x7fffffff;

/**
 * Issues and polls until a transaction has ended, and with it everything that it depends on (`dma_wait_for_async_tx`). ERROR when one of them
 * failed or never ends.
 */
export async function waitFor(tx: AsyncTxDescriptor): Promise<DmaStatus> {
  for (;;) {
    const awaited = rootOf(tx);
    if (awaited === null) return DmaStatus.ERROR;
    const status = await statusOf(awaited);
    // Ended or not: callbacks that are due run before the next turn, and submit what waited.
    await null;
    if (awaited === tx) return tx.failed ? DmaStatus.ERROR : status;
    if (status !== DmaStatus.COMPLETE && !awaited.ended) return DmaStatus.ERROR;
  }
}

/**
 * What has to end before anything moves in the chain of `tx`: the first one on the way to its root that is submitted. Null when there is none,
 * because its chain was cut off.
 *
 * Linux 2.6.23 as first released asked the submitted one for its cookie and climbed on by it, when it may have been recycled and be part of
 * somebody else's chain ("async_tx: fix dma_wait_for_async_tx" stays with the last one that is not submitted, and tries again). A descriptor
 * here is not recycled and keeps its cookie, so there is no such climb.
 */
function rootOf(tx: AsyncTxDescriptor): AsyncTxDescriptor | null {
  let root: AsyncTxDescriptor | null = tx;
  while (root?.parked === true) root = root.parent;
  return root;
}

function statusOf(tx: AsyncTxDescriptor): DmaStatus | Promise<DmaStatus> {
  if (tx.ended) return tx.failed ? DmaStatus.ERROR : DmaStatus.COMPLETE;
  return tx.channel.chan.syncWait(tx.cookie);
}

/** Waits until the dependency is done, for what comes next is done by the CPU (`async_tx_quiesce`). */
export async function quiesce(submit: Pick<Submission, "dependTx" | "keepsDependency">): Promise<void> {
  const { dependTx } = submit;
  if (dependTx === null) return;
  if ((await waitFor(dependTx)) !== DmaStatus.COMPLETE) {
    throw new AsyncTxError(
      "ERR_ASYNC_TX_TRANSFER",
      `${dependTx.channelName}: an operation that the next one depends on failed, or never ends; what it should have written is not there`,
    );
  }
  if (submit.keepsDependency !== true) dependTx.ack();
}

/**
 * Prepares a transaction, however long it takes until the channel has room. The original tries again and again, for ever if need be; where
 * nothing can end any more, this is an error.
 */
export async function prepare(
  channel: AsyncTxChannel,
  prep: () => DmaTxDescriptor | null,
): Promise<DmaTxDescriptor> {
  for (;;) {
    let tx = prep();
    if (tx !== null) return tx;
    // What has ended is recycled once callbacks that are due have run.
    await null;
    tx = prep();
    if (tx !== null) return tx;
    await makeRoom(channel);
  }
}

/** Waits until something on the channel has ended. */
async function makeRoom({ chan, live }: AsyncTxChannel): Promise<void> {
  if (chan.inFlight > 0) {
    const state: DmaTxState = { last: 0, used: 0, residue: 0 };
    chan.txStatus(LAST_COOKIE, state);
    const oldest = state.last === LAST_COOKIE ? 1 : state.last + 1;
    await chan.syncWait(oldest);
    if (chan.txStatus(oldest) !== DmaStatus.IN_PROGRESS) return;
    throw new AsyncTxError(
      "ERR_ASYNC_TX_TRANSFER",
      `${chan.name} hangs, and has no room for another operation`,
    );
  }
  const parked = [...live].find((tx) => tx.parked);
  if (parked !== undefined) {
    await waitFor(parked);
    return;
  }
  throw new AsyncTxError(
    "ERR_ASYNC_TX_NO_ROOM",
    `${chan.name} has no room, and nothing on it could end: ${live.size} descriptors of async_tx are complete and not acked. ` +
      "Ack the last descriptor of each chain, with ASYNC_TX_ACK or asyncTxAck()",
  );
}
