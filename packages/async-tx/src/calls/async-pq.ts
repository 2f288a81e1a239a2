// After crypto/async_tx/async_pq.c.

import {
  DMA_PREP_CONTINUE,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  type DmaAddr,
  type DmaTxDescriptor,
  dmaMaxPq,
  dmaPqCoefsFit,
  gfExp,
  SUM_CHECK_P_RESULT,
  SUM_CHECK_Q_RESULT,
  type SumCheck,
} from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";
import { ASYNC_TX_PQ_XOR_DST, ASYNC_TX_XOR_ZERO_DST } from "../flags.js";
import { badArgument } from "../workings/arguments.js";
import { bytesOf, store, sumOf, type Term } from "../workings/arithmetic.js";
import type { AsyncTxContext, Submission } from "../workings/context.js";
import { type Block, mapBlocks } from "../workings/map-blocks.js";
import { type PreparePiece, submitPieces } from "../workings/submit-pieces.js";
import { quiesce } from "../workings/wait.js";
import { xor } from "./async-xor.js";

/** The blocks of a stripe in syndrome order. */
export interface Syndrome {
  /** Data blocks with the powers of the generator that are their coefficients: those that are there, the others being zeros. */
  readonly data: readonly Term[];
  readonly p: Block | null;
  readonly q: Block | null;
}

/** Sorts the blocks of a stripe: data, then P, then Q. */
export function syndromeOf(call: string, blocks: readonly (Block | null)[]): Syndrome {
  const count = blocks.length;
  if (!(count >= 3 && count <= 255))
    throw badArgument(call, `3 to 255 blocks, P and Q included, got ${count}`);
  const p = blocks[count - 2] ?? null;
  const q = blocks[count - 1] ?? null;
  if (p === null && q === null) throw badArgument(call, "P, Q or both, got neither");
  const data = blocks
    .slice(0, -2)
    .flatMap((block, i) => (block === null ? [] : [{ block, factor: gfExp(i) }]));
  return { data, p, q };
}

/** The flags that leave P or Q out. */
function disabled({ p, q }: Pick<Syndrome, "p" | "q">): number {
  return (p === null ? DMA_PREP_PQ_DISABLE_P : 0) | (q === null ? DMA_PREP_PQ_DISABLE_Q : 0);
}

/** The same terms, each as often as P has it. */
function once(data: readonly Term[]): readonly Term[] {
  return data.map(({ block }) => ({ block, factor: 1 }));
}

/** Computes P and Q, those of them that are there, from the data. */
export async function genSyndrome(
  context: AsyncTxContext,
  syndrome: Syndrome,
  len: number,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const { data, p, q } = syndrome;
  const adds = (submit.flags & ASYNC_TX_PQ_XOR_DST) !== 0;
  const offloaded = adds ? null : await offloadPq(context, syndrome, len, submit);
  if (offloaded !== null) return offloaded;
  await quiesce(submit);
  const old = (block: Block): Term[] => (adds ? [{ block, factor: 1 }] : []);
  const newP = p && sumOf([...once(data), ...old(p)], len);
  const newQ = q && sumOf([...data, ...old(q)], len);
  if (p !== null && newP !== null) store(newP, p);
  if (q !== null && newQ !== null) store(newQ, q);
  const outputs = Number(p !== null) + Number(q !== null);
  context.software("pq", (data.length + outputs * (adds ? 2 : 1)) * len);
  return context.syncEpilog(submit);
}

/** Has an engine compute P and Q with whatever coefficients. Null when none can; nothing is submitted then. */
export async function offloadPq(
  context: AsyncTxContext,
  { data, p, q }: Syndrome,
  len: number,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const channel = context.table.find("pq", submit.dependTx);
  // Without any source there is nothing to prepare. The original then writes nothing and calls nobody back.
  if (channel === null || data.length === 0) return null;
  const limits = channel.chan.limits.pq;
  const outputs = disabled({ p, q });
  const coefs = data.map(({ factor }) => factor);
  const first = dmaMaxPq(limits, outputs);
  const further = dmaMaxPq(limits, outputs | DMA_PREP_CONTINUE);
  if (data.length > first && further < 1) return null;
  if (!dmaPqCoefsFit(limits, coefs, coefs.length)) return null;
  const unmap = mapBlocks(channel.device, limits, len, { to: data.map(({ block }) => block), bidi: [p, q] });
  if (unmap === null) return null;
  const [toP, toQ] = unmap.addr.slice(data.length) as unknown as readonly [DmaAddr, DmaAddr];
  const pieces: PreparePiece[] = [];
  for (let done = 0; done < data.length; ) {
    const goesOn = done > 0 ? DMA_PREP_CONTINUE : 0;
    const start = done;
    const end = Math.min(data.length, start + (done > 0 ? further : first));
    const from = unmap.addr.slice(start, end);
    const factors = coefs.slice(start, end);
    pieces.push((flags) =>
      channel.chan.prepPq(toP, toQ, from, from.length, factors, len, flags | outputs | goesOn),
    );
    done = end;
  }
  try {
    return await submitPieces(context, channel, unmap, submit, pieces);
  } finally {
    unmap.put();
  }
}

/**
 * Checks P and Q, those of them that are there, against the data. In software they are computed once more, into `spare`; whatever engine
 * can do that, does.
 */
export async function syndromeVal(
  context: AsyncTxContext,
  syndrome: Syndrome,
  len: number,
  pqres: SumCheck,
  spare: Block | null,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const offloaded = await offloadPqVal(context, syndrome, len, pqres, submit);
  if (offloaded !== null) return offloaded;
  if (spare === null)
    throw badArgument("asyncSyndromeVal", "a spare page, because no engine can do the check");
  await quiesce(submit);
  const { data, p, q } = syndrome;
  pqres.flags = 0;
  const inner: Submission = { flags: 0, dependTx: null, cbFn: null, cbParam: undefined, scribble: null };
  if (p !== null) {
    const srcs = data.map(({ block }) => block);
    const tx = await xor(context, spare, srcs, len, { ...inner, flags: ASYNC_TX_XOR_ZERO_DST });
    await quiesce({ dependTx: tx });
    if (differs(context, p, spare, len)) pqres.flags |= SUM_CHECK_P_RESULT;
  }
  if (q !== null) {
    const tx = await genSyndrome(context, { data, p: null, q: spare }, len, inner);
    await quiesce({ dependTx: tx });
    if (differs(context, q, spare, len)) pqres.flags |= SUM_CHECK_Q_RESULT;
  }
  return context.syncEpilog(submit);
}

function differs(context: AsyncTxContext, one: Block, other: Block, len: number): boolean {
  const others = bytesOf(other, len);
  context.software("pqVal", 2 * len);
  return bytesOf(one, len).some((byte, i) => byte !== others[i]);
}

/** Has an engine check P and Q. Null when none can; nothing is submitted then. */
async function offloadPqVal(
  context: AsyncTxContext,
  { data, p, q }: Syndrome,
  len: number,
  pqres: SumCheck,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const channel = context.table.find("pqVal", submit.dependTx);
  if (channel === null || data.length === 0) return null;
  const limits = channel.chan.limits.pqVal;
  const coefs = data.map(({ factor }) => factor);
  const sums = [p, q].filter((block) => block !== null);
  // P and Q count as sources, in the original's test as in its engines.
  if (data.length + 2 > limits.maxSources || !dmaPqCoefsFit(limits, coefs, coefs.length)) return null;
  const unmap = mapBlocks(channel.device, limits, len, { to: [...data.map(({ block }) => block), ...sums] });
  if (unmap === null) return null;
  const count = data.length;
  const atP = p === null ? 0 : (unmap.addr[count] as DmaAddr);
  const atQ = q === null ? 0 : (unmap.addr[count + sums.length - 1] as DmaAddr);
  const prep = (flags: number): DmaTxDescriptor | null =>
    channel.chan.prepPqVal(atP, atQ, unmap.addr, count, coefs, len, pqres, flags | disabled({ p, q }));
  try {
    return await submitPieces(context, channel, unmap, submit, [prep]);
  } finally {
    unmap.put();
  }
}
