// After crypto/async_tx/async_memset.c, which Linux had until 3.12.

import type { DmaAddr } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";
import { bytesOf } from "../workings/arithmetic.js";
import type { AsyncTxContext, Submission } from "../workings/context.js";
import { type Block, mapBlocks } from "../workings/map-blocks.js";
import { prepFlags, submitTx } from "../workings/submit.js";
import { quiesce } from "../workings/wait.js";

/** Fills `dest` with the byte `value`. A channel without room is no reason to wait: the CPU fills. */
export async function fill(
  context: AsyncTxContext,
  dest: Block,
  value: number,
  len: number,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const channel = context.table.find("memset", submit.dependTx);
  const unmap = channel && mapBlocks(channel.device, channel.chan.limits.memset, len, { from: [dest] });
  if (channel !== null && unmap !== null) {
    try {
      const tx = channel.chan.prepMemset(unmap.addr[0] as DmaAddr, value, len, prepFlags(submit));
      if (tx !== null) {
        tx.setUnmap(unmap);
        return await submitTx(context, channel, tx, submit);
      }
    } finally {
      unmap.put();
    }
  }
  await quiesce(submit);
  bytesOf(dest, len).fill(value);
  context.software("memset", len);
  return context.syncEpilog(submit);
}
