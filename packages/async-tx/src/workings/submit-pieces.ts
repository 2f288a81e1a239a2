import { DMA_PREP_FENCE, type DmaTxDescriptor, type DmaUnmapData } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";
import { ASYNC_TX_ACK, ASYNC_TX_FENCE } from "../flags.js";
import type { AsyncTxChannel } from "./channel.js";
import type { AsyncTxContext, Submission } from "./context.js";
import { prepFlags, submitTx } from "./submit.js";
import { prepare, quiesce } from "./wait.js";

/** Prepares one of the transactions that an operation consists of; null when the channel has no room. */
export type PreparePiece = (flags: number) => DmaTxDescriptor | null;

/**
 * Hands in an operation that one transaction is too small for, as a chain of them. Only the last has the caller's flags and callback; all have
 * the unmap record, so that nothing is unmapped before the last has ended. Waits while the channel has no room.
 */
export function submitPieces(
  context: AsyncTxContext,
  channel: AsyncTxChannel,
  unmap: DmaUnmapData,
  submit: Submission,
  pieces: readonly PreparePiece[],
): Promise<AsyncTxDescriptor | null> {
  return channel.during(submitAll(context, channel, unmap, submit, pieces));
}

async function submitAll(
  context: AsyncTxContext,
  channel: AsyncTxChannel,
  unmap: DmaUnmapData,
  submit: Submission,
  pieces: readonly PreparePiece[],
): Promise<AsyncTxDescriptor | null> {
  const inner: Submission = {
    ...submit,
    flags: (submit.flags & ~ASYNC_TX_ACK) | ASYNC_TX_FENCE,
    cbFn: null,
    keepsDependency: false,
  };
  const fence = pieces.length > 1 ? DMA_PREP_FENCE : 0;
  let { dependTx } = submit;
  for (const [i, prep] of pieces.entries()) {
    const dependency = { dependTx, keepsDependency: i === 0 && submit.keepsDependency === true };
    const piece = { ...(i === pieces.length - 1 ? submit : inner), ...dependency };
    const flags = prepFlags(piece) | fence;
    let tx = prep(flags);
    if (tx === null) {
      await quiesce(dependency);
      piece.dependTx = null;
      tx = await prepare(channel, () => prep(flags));
    }
    tx.setUnmap(unmap);
    dependTx = await submitTx(context, channel, tx, piece);
  }
  return dependTx;
}
