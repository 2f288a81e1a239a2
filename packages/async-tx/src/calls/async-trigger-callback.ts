// After async_trigger_callback() of crypto/async_tx/async_tx.c.

import { DMA_PREP_INTERRUPT } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";
import type { AsyncTxContext, Submission } from "../workings/context.js";
import { submitTx } from "../workings/submit.js";
import { quiesce } from "../workings/wait.js";

/** Runs the callback when the dependency is done: by an interrupt descriptor behind it, or at once if there is none to be had. */
export async function triggerCallback(
  context: AsyncTxContext,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const channel = submit.dependTx?.channel;
  const tx = channel?.has("interrupt") === true ? channel.chan.prepInterrupt(DMA_PREP_INTERRUPT) : null;
  if (channel !== undefined && tx !== null) return submitTx(context, channel, tx, submit);
  await quiesce(submit);
  return context.syncEpilog(submit);
}
