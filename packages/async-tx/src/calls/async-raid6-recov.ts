// After crypto/async_tx/async_raid6_recov.c.

import { gfExp, gfInv } from "@dmaengine/core";
import type { AsyncTxDescriptor } from "../descriptor.js";
import { ASYNC_TX_FENCE, ASYNC_TX_XOR_DROP_DST, ASYNC_TX_XOR_ZERO_DST } from "../flags.js";
import { badArgument } from "../workings/arguments.js";
import { store, sumOf, type Term } from "../workings/arithmetic.js";
import type { AsyncTxContext, Submission } from "../workings/context.js";
import type { Block } from "../workings/map-blocks.js";
import { quiesce } from "../workings/wait.js";
import { copy } from "./async-memcpy.js";
import { genSyndrome, offloadPq } from "./async-pq.js";
import { xor } from "./async-xor.js";

/** A step of a recovery, which depends on the one before. */
type Step = (submit: Submission) => Promise<AsyncTxDescriptor | null>;

/** A stripe in syndrome order of which every block has a page, and the failed ones are to be computed. */
export interface Recovery {
  /** All data blocks with their coefficients, the failed ones included; absent are those that are zeros. */
  readonly data: readonly (Term | null)[];
  readonly p: Block;
  readonly q: Block;
}

/** Takes the blocks of a stripe apart, and refuses what can't be recovered. */
export function recoveryOf(
  call: string,
  blocks: readonly (Block | null)[],
  failed: readonly number[],
): Recovery {
  const count = blocks.length;
  if (!(count >= 4 && count <= 255))
    throw badArgument(call, `4 to 255 blocks, P and Q included, got ${count}`);
  const [p, q] = blocks.slice(-2);
  if (p == null || q == null) throw badArgument(call, "pages for P and Q");
  const data = blocks.slice(0, -2).map((block, i) => block && { block, factor: gfExp(i) });
  for (const index of failed) {
    if (data[index] == null) {
      throw badArgument(call, `a failed data block from 0 to ${count - 3} that has a page, got ${index}`);
    }
  }
  if (new Set(failed).size < failed.length)
    throw badArgument(call, `two failed blocks, got ${failed[0]} twice`);
  return { data, p, q };
}

/** Recovers two data blocks from all others (`async_raid6_2data_recov`). */
export async function recoverTwoData(
  context: AsyncTxContext,
  { data, p, q }: Recovery,
  faila: number,
  failb: number,
  len: number,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const [low, high] = faila < failb ? [faila, failb] : [failb, faila];
  const da = data[low] as Term;
  const db = data[high] as Term;
  const good = data.filter((term, i) => term !== null && i !== low && i !== high) as readonly Term[];
  // Db = a (P + Pxy) + b (Q + Qxy), Da = P + Pxy + Db, where Pxy and Qxy are the sums without the failed blocks.
  const a = gfInv(gfExp(high - low) ^ 1);
  const b = gfInv(da.factor ^ db.factor);
  if (!isOffloaded(context, submit)) {
    await quiesce(submit);
    const partP = sumOf([{ block: p, factor: 1 }, ...good.map(({ block }) => ({ block, factor: 1 }))], len);
    const partQ = sumOf([{ block: q, factor: 1 }, ...good], len);
    const whole = (page: Uint8Array): Block => ({ page, offset: 0 });
    const newB = sumOf(
      [
        { block: whole(partP), factor: a },
        { block: whole(partQ), factor: b },
      ],
      len,
    );
    const newA = sumOf(
      [
        { block: whole(partP), factor: 1 },
        { block: whole(newB), factor: 1 },
      ],
      len,
    );
    store(newA, da.block);
    store(newB, db.block);
    context.software("recov", (good.length + 4) * len);
    return context.syncEpilog(submit);
  }
  const sumProduct = (from: Block, other: Block): Step =>
    linear(
      context,
      db.block,
      [
        { block: from, factor: a },
        { block: other, factor: b },
      ],
      len,
    );
  if (good.length === 0) {
    return chain(submit, [sumProduct(p, q), xorStep(context, da.block, [p, db.block], len)]);
  }
  return chain(submit, [
    ...partialSums(context, good, da.block, db.block, len),
    xorStep(context, da.block, [da.block, p], len),
    xorStep(context, db.block, [db.block, q], len),
    sumProduct(da.block, db.block),
    xorStep(context, da.block, [da.block, db.block], len),
  ]);
}

/** Recovers a data block and P from all others (`async_raid6_datap_recov`). */
export async function recoverDataP(
  context: AsyncTxContext,
  { data, p, q }: Recovery,
  faila: number,
  len: number,
  submit: Submission,
): Promise<AsyncTxDescriptor | null> {
  const failed = data[faila] as Term;
  const good = data.filter((term, i) => term !== null && i !== faila) as readonly Term[];
  const factor = gfInv(failed.factor);
  if (!isOffloaded(context, submit) || good.length === 0) {
    await quiesce(submit);
    const part = sumOf([{ block: q, factor: 1 }, ...good], len);
    const newData = sumOf([{ block: { page: part, offset: 0 }, factor }], len);
    store(newData, failed.block);
    store(
      sumOf(
        [...good, failed].map(({ block }) => ({ block, factor: 1 })),
        len,
      ),
      p,
    );
    context.software("recov", (good.length + 3) * len);
    return context.syncEpilog(submit);
  }
  return chain(submit, [
    ...partialSums(context, good, p, failed.block, len),
    xorStep(context, failed.block, [failed.block, q], len),
    linear(context, failed.block, [{ block: failed.block, factor }], len),
    xorStep(context, p, [p, failed.block], len),
  ]);
}

/** Whether the recovery is given to engines, step by step. */
function isOffloaded(context: AsyncTxContext, submit: Submission): boolean {
  return submit.scribble !== null && context.table.find("pq", submit.dependTx) !== null;
}

/** Computes the sums of the good blocks into pages that are to be recovered: one as P, the other one as Q. */
function partialSums(
  context: AsyncTxContext,
  good: readonly Term[],
  p: Block,
  q: Block,
  len: number,
): Step[] {
  const [only] = good;
  if (good.length === 1 && only !== undefined) {
    return [(submit) => copy(context, p, only.block, len, submit), linear(context, q, [only], len)];
  }
  return [(submit) => genSyndrome(context, { data: good, p, q }, len, submit)];
}

/** Runs steps one behind the other; the last has the caller's flags and callback. The first depends on what the caller says: the original forgets it. */
async function chain(submit: Submission, steps: readonly Step[]): Promise<AsyncTxDescriptor | null> {
  let { dependTx } = submit;
  for (const [i, step] of steps.entries()) {
    const keepsDependency = i === 0 && submit.keepsDependency === true;
    const own = i === steps.length - 1 ? submit : { ...submit, flags: ASYNC_TX_FENCE, cbFn: null };
    dependTx = await step({ ...own, dependTx, keepsDependency });
  }
  return dependTx;
}

function xorStep(context: AsyncTxContext, dest: Block, srcs: readonly [Block, Block], len: number): Step {
  const flag = srcs[0] === dest ? ASYNC_TX_XOR_DROP_DST : ASYNC_TX_XOR_ZERO_DST;
  return (submit) => xor(context, dest, srcs, len, { ...submit, flags: submit.flags | flag });
}

/** Writes a sum of products to `dest`, which may be one of the sources (`async_sum_product`, `async_mult`): a Q without P. */
function linear(context: AsyncTxContext, dest: Block, terms: readonly Term[], len: number): Step {
  return async (submit) => {
    const offloaded = await offloadPq(context, { data: terms, p: null, q: dest }, len, submit);
    if (offloaded !== null) return offloaded;
    await quiesce(submit);
    store(sumOf(terms, len), dest);
    context.software("pq", (terms.length + 1) * len);
    return context.syncEpilog(submit);
  };
}
