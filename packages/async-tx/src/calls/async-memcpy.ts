// After crypto/async_tx/async_memcpy.c.

import type { DmaAddr } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";
import { bytesOf, store } from "../workings/arithmetic.js";
import type { AsyncTxContext, Submission } from "../workings/context.js";
import { type Block, mapBlocks } from "../workings/map-blocks.js";
import { prepFlags, submitTx } from "../workings/submit.js";
import { quiesce } from "../workings/wait.js";

/** Copies `src` to `dest`. A channel without room is no reason to wait: the CPU copies. */
export async function copy(
  context: AsyncTxContext,
  dest: Block,
  src: Block,
  len: number,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const channel = context.table.find("memcpy", submit.dependTx);
  const unmap =
    channel && mapBlocks(channel.device, channel.chan.limits.memcpy, len, { to: [src], from: [dest] });
  if (channel !== null && unmap !== null) {
    try {
      const [from, to] = unmap.addr as unknown as readonly [DmaAddr, DmaAddr];
      const tx = channel.chan.prepMemcpy(to, from, len, prepFlags(submit));
      if (tx !== null) {
        tx.setUnmap(unmap);
        return await submitTx(context, channel, tx, submit);
      }
    } finally {
      unmap.put();
    }
  }
  await quiesce(submit);
  store(bytesOf(src, len), dest);
  context.software("memcpy", 2 * len);
  return context.syncEpilog(submit);
}
