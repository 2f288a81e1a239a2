// After crypto/async_tx/async_xor.c.

import { type DmaAddr, SUM_CHECK_P_RESULT, type SumCheck } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";
import { ASYNC_TX_ACK, ASYNC_TX_XOR_DROP_DST, ASYNC_TX_XOR_ZERO_DST } from "../flags.js";
import { badArgument, isSame } from "../workings/arguments.js";
import { bytesOf, store, sumOf } from "../workings/arithmetic.js";
import type { AsyncTxContext, Submission } from "../workings/context.js";
import { type Block, mapBlocks } from "../workings/map-blocks.js";
import { type PreparePiece, submitPieces } from "../workings/submit-pieces.js";
import { quiesce } from "../workings/wait.js";

/**
 * Refuses a xor that would be one thing in hardware and another in software: the original computes whatever the path makes of it.
 * Returns the sources that are there.
 */
export function xorSources(
  call: string,
  dest: Block,
  blocks: readonly (Block | null)[],
  flags: number,
): readonly Block[] {
  if (blocks.length < 2) throw badArgument(call, `2 sources or more, got ${blocks.length}`);
  const drops = (flags & ASYNC_TX_XOR_DROP_DST) !== 0;
  if (drops === ((flags & ASYNC_TX_XOR_ZERO_DST) !== 0)) {
    throw badArgument(
      call,
      "exactly one of XOR_ZERO_DST (the destination is not a source) and XOR_DROP_DST (it is the first)",
    );
  }
  if (drops && !(blocks[0] != null && isSame(blocks[0], dest))) {
    throw badArgument(call, "the destination as the first source, because of XOR_DROP_DST");
  }
  return blocks.filter((block) => block !== null);
}

/** Writes the xor of the sources, of which the destination may be one, to `dest`. */
export async function xor(
  context: AsyncTxContext,
  dest: Block,
  srcs: readonly Block[],
  len: number,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const channel = context.table.find("xor", submit.dependTx);
  const limits = channel?.chan.limits.xor;
  // A piece but the first has the result of the one before among its sources.
  if (channel !== null && limits !== undefined && srcs.length > 0 && limits.maxSources > 1) {
    const unmap = mapBlocks(channel.device, limits, len, { to: srcs, bidi: [dest] });
    if (unmap !== null) {
      const to = unmap.addr[srcs.length] as DmaAddr;
      const pieces: PreparePiece[] = [];
      for (let done = 0; done < srcs.length; ) {
        const own = done > 0 ? [to] : [];
        const from = [
          ...own,
          ...unmap.addr.slice(done, Math.min(srcs.length, done + limits.maxSources - own.length)),
        ];
        done += from.length - own.length;
        pieces.push((flags) => channel.chan.prepXor(to, from, from.length, len, flags));
      }
      try {
        return await submitPieces(context, channel, unmap, submit, pieces);
      } finally {
        unmap.put();
      }
    }
  }
  await quiesce(submit);
  store(
    sumOf(
      srcs.map((block) => ({ block, factor: 1 })),
      len,
    ),
    dest,
  );
  context.software("xor", (srcs.length + 1) * len);
  return context.syncEpilog(submit);
}

/** Checks that the sources, of which `dest` is the first, xor to zero. In software, `dest` holds the xor of all afterwards. */
export async function xorVal(
  context: AsyncTxContext,
  dest: Block,
  srcs: readonly Block[],
  len: number,
  result: SumCheck,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const channel = context.table.find("xorVal", submit.dependTx);
  const limits = channel?.chan.limits.xorVal;
  if (channel !== null && limits !== undefined && srcs.length <= limits.maxSources) {
    const unmap = mapBlocks(channel.device, limits, len, { to: srcs });
    if (unmap !== null) {
      const prep: PreparePiece = (flags) =>
        channel.chan.prepXorVal(unmap.addr, srcs.length, len, result, flags);
      try {
        return await submitPieces(context, channel, unmap, submit, [prep]);
      } finally {
        unmap.put();
      }
    }
  }
  const inner = { ...submit, flags: submit.flags & ~ASYNC_TX_ACK, cbFn: null };
  const tx = await xor(context, dest, srcs, len, inner);
  await quiesce({ dependTx: tx });
  result.flags = bytesOf(dest, len).some((byte) => byte !== 0) ? SUM_CHECK_P_RESULT : 0;
  context.software("xorVal", len);
  return context.syncEpilog(submit);
}
