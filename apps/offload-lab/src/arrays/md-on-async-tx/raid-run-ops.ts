/**
 * `raid_run_ops` of drivers/md/raid5.c: the operations of one stripe, as calls of async_tx. Compute, prexor, drain and reconstruct are one
 * chain of dependencies; every call maps its own sources and destinations.
 *
 * @module
 */

import {
  ASYNC_TX_ACK,
  ASYNC_TX_FENCE,
  ASYNC_TX_XOR_DROP_DST,
  ASYNC_TX_XOR_ZERO_DST,
  type AsyncTx,
  type AsyncTxDescriptor,
  initAsyncSubmit,
} from "@dmaengine/async-tx";
import type { BioSegment } from "./bio.js";
import { type R5Dev, STRIPE_BYTES, type StripeHead } from "./stripe-head.js";

type Tx = AsyncTxDescriptor | null;
type Page = Uint8Array;

/** What a pass over a stripe asks for (`STRIPE_OP_…`). */
export interface OpsRequest {
  biofill: boolean;
  compute: boolean;
  prexor: boolean;
  biodrain: boolean;
  reconstruct: boolean;
  check: boolean;
}

/** What the operations need beside the stripe. */
export interface OpsContext {
  readonly asyncTx: AsyncTx;
  /** `percpu->scribble` and `percpu->spare_page`. */
  readonly scribble: (Page | null)[];
  readonly sparePage: Page;
  /** Whether a request's page may stand in for the cache's own when the whole of it is written. */
  readonly skipCopy: boolean;
  /** Puts a stripe on raid5d's list (`set_bit(STRIPE_HANDLE)` and `raid5_release_stripe`). */
  handleAgain(sh: StripeHead): void;
}

export async function raidRunOps(context: OpsContext, sh: StripeHead, ops: OpsRequest): Promise<void> {
  if (ops.biofill) await opsRunBiofill(context, sh);
  let tx: Tx = null;
  if (ops.compute) {
    if (sh.row.q < 0) tx = await opsRunCompute5(context, sh);
    else if (sh.target2 < 0) tx = await opsRunCompute61(context, sh);
    else tx = await opsRunCompute62(context, sh);
    if (tx !== null && !ops.reconstruct) context.asyncTx.asyncTxAck(tx);
  }
  if (ops.prexor) tx = await opsRunPrexor5(context, sh, tx);
  if (ops.biodrain) tx = await opsRunBiodrain(context, sh, tx);
  if (ops.reconstruct) {
    if (sh.row.q < 0) await opsRunReconstruct5(context, sh, tx);
    else await opsRunReconstruct6(context, sh, tx);
  }
  if (ops.check) {
    if (sh.row.q < 0) await opsRunCheckP(context, sh);
    else await opsRunCheckPq(context, sh);
  }
}

/** Copies blocks out to the reads that wait for them, a chain of its own. */
async function opsRunBiofill(context: OpsContext, sh: StripeHead): Promise<void> {
  const { asyncTx } = context;
  let tx: Tx = null;
  for (const dev of sh.devs) {
    if (!dev.wantfill) continue;
    dev.read = dev.toread;
    dev.toread = [];
    for (const segment of dev.read) tx = await asyncCopyData(asyncTx, false, segment, dev, tx);
  }
  await asyncTx.asyncTriggerCallback(
    initAsyncSubmit(ASYNC_TX_ACK, tx, () => opsCompleteBiofill(context, sh)),
  );
}

function opsCompleteBiofill(context: OpsContext, sh: StripeHead): void {
  for (const dev of sh.devs) {
    if (!dev.wantfill) continue;
    dev.wantfill = false;
    for (const { bio } of dev.read) bio.put();
    dev.read = [];
  }
  sh.biofillRun = false;
  context.handleAgain(sh);
}

/** `async_copy_data`: between a request's memory and the page. */
function asyncCopyData(
  asyncTx: AsyncTx,
  fromBio: boolean,
  { memory, memoryOffset, pageOffset, lengthBytes }: BioSegment,
  { page }: R5Dev,
  tx: Tx,
): Promise<Tx> {
  const submit = initAsyncSubmit(fromBio ? ASYNC_TX_FENCE : 0, tx);
  return fromBio
    ? asyncTx.asyncMemcpy(page, memory, pageOffset, memoryOffset, lengthBytes, submit)
    : asyncTx.asyncMemcpy(memory, page, memoryOffset, pageOffset, lengthBytes, submit);
}

/** The block of `target`, from all others of a RAID-5 stripe. */
function opsRunCompute5(context: OpsContext, sh: StripeHead): Promise<Tx> {
  return xorFromOthers(context, sh, sh.target, true);
}

/** `dst` of a slot = sum of all other slots but Q. */
function xorFromOthers(context: OpsContext, sh: StripeHead, slot: number, last: boolean): Promise<Tx> {
  const { asyncTx } = context;
  const srcs = pagesOf(sh, (_, other) => other !== slot && other !== sh.row.q);
  const dst = sh.dev(slot).page;
  const done = last ? () => opsCompleteCompute(context, sh) : null;
  if (srcs.length === 1) {
    return asyncTx.asyncMemcpy(
      dst,
      srcs[0] as Page,
      0,
      0,
      STRIPE_BYTES,
      initAsyncSubmit(ASYNC_TX_FENCE, null, done),
    );
  }
  const submit = initAsyncSubmit(
    ASYNC_TX_FENCE | ASYNC_TX_XOR_ZERO_DST,
    null,
    done,
    undefined,
    context.scribble,
  );
  return asyncTx.asyncXor(dst, srcs, 0, srcs.length, STRIPE_BYTES, submit);
}

/** One block of a RAID-6 stripe: Q from the data, anything else from P. */
function opsRunCompute61(context: OpsContext, sh: StripeHead): Promise<Tx> {
  if (sh.target !== sh.row.q) return xorFromOthers(context, sh, sh.target, true);
  const blocks = syndromeSources(sh);
  blocks[blocks.length - 2] = null;
  return genSyndrome(
    context,
    blocks,
    initAsyncSubmit(ASYNC_TX_FENCE, null, () => opsCompleteCompute(context, sh), undefined, context.scribble),
  );
}

/** Two blocks of a RAID-6 stripe. */
async function opsRunCompute62(context: OpsContext, sh: StripeHead): Promise<Tx> {
  const { asyncTx, scribble } = context;
  const { row, target, target2 } = sh;
  const blocks = syndromeSources(sh);
  const submit = initAsyncSubmit(
    ASYNC_TX_FENCE,
    null,
    () => opsCompleteCompute(context, sh),
    undefined,
    scribble,
  );
  const lostData = [target, target2].filter((slot) => slot !== row.p && slot !== row.q);
  if (lostData.length === 2) {
    const [faila, failb] = lostData.map((slot) => syndromeSlot(sh, slot)).sort((a, b) => a - b) as [
      number,
      number,
    ];
    return await asyncTx.asyncRaid62dataRecov(blocks.length, STRIPE_BYTES, faila, failb, blocks, 0, submit);
  }
  const [lost] = lostData;
  if (lost !== undefined && (target === row.p || target2 === row.p)) {
    return await asyncTx.asyncRaid6DatapRecov(
      blocks.length,
      STRIPE_BYTES,
      syndromeSlot(sh, lost),
      blocks,
      0,
      submit,
    );
  }
  // Data and Q: the data from P first. P and Q: nothing but the syndrome.
  if (lost !== undefined) submit.dependTx = await xorFromOthers(context, sh, lost, false);
  return await genSyndrome(context, blocks, submit);
}

function opsCompleteCompute(context: OpsContext, sh: StripeHead): void {
  for (const slot of [sh.target, sh.target2]) {
    if (slot < 0) continue;
    const dev = sh.dev(slot);
    dev.uptodate = true;
    dev.wantcompute = false;
  }
  sh.computeRun = false;
  context.handleAgain(sh);
}

/** Takes the old data of the blocks that are written out of P. */
function opsRunPrexor5({ asyncTx, scribble }: OpsContext, sh: StripeHead, tx: Tx): Promise<Tx> {
  const p = sh.dev(sh.row.p).page;
  const srcs = [p, ...pagesOf(sh, (dev) => dev.wantdrain)];
  const submit = initAsyncSubmit(ASYNC_TX_FENCE | ASYNC_TX_XOR_DROP_DST, tx, null, undefined, scribble);
  return asyncTx.asyncXor(p, srcs, 0, srcs.length, STRIPE_BYTES, submit);
}

/** Copies what is to be written into the pages. */
async function opsRunBiodrain({ asyncTx, skipCopy }: OpsContext, sh: StripeHead, tx: Tx): Promise<Tx> {
  for (const dev of sh.devs) {
    if (!dev.wantdrain) continue;
    dev.wantdrain = false;
    dev.written = dev.towrite;
    dev.towrite = [];
    dev.overwrite = false;
    for (const segment of dev.written) {
      const page = skipCopy ? wholePage(segment) : null;
      if (page === null) tx = await asyncCopyData(asyncTx, true, segment, dev, tx);
      else dev.page = page;
    }
  }
  return tx;
}

async function opsRunReconstruct5(context: OpsContext, sh: StripeHead, tx: Tx): Promise<void> {
  const { asyncTx, scribble } = context;
  const { p } = sh.row;
  const dst = sh.dev(p).page;
  const prexor = sh.reconstructState === "prexor_drain_run";
  const srcs = prexor
    ? [dst, ...pagesOf(sh, (dev) => dev.written.length > 0)]
    : pagesOf(sh, (_, slot) => slot !== p);
  const flags = ASYNC_TX_ACK | (prexor ? ASYNC_TX_XOR_DROP_DST : ASYNC_TX_XOR_ZERO_DST);
  const done = () => opsCompleteReconstruct(context, sh);
  if (srcs.length === 1) {
    await asyncTx.asyncMemcpy(
      dst,
      srcs[0] as Page,
      0,
      0,
      STRIPE_BYTES,
      initAsyncSubmit(ASYNC_TX_ACK, tx, done),
    );
    return;
  }
  const submit = initAsyncSubmit(flags, tx, done, undefined, scribble);
  await asyncTx.asyncXor(dst, srcs, 0, srcs.length, STRIPE_BYTES, submit);
}

async function opsRunReconstruct6(context: OpsContext, sh: StripeHead, tx: Tx): Promise<void> {
  const done = () => opsCompleteReconstruct(context, sh);
  const submit = initAsyncSubmit(ASYNC_TX_ACK, tx, done, undefined, context.scribble);
  await genSyndrome(context, syndromeSources(sh), submit);
}

function opsCompleteReconstruct(context: OpsContext, sh: StripeHead): void {
  sh.devs.forEach((dev, slot) => {
    if ((dev.written.length > 0 && !dev.skipCopy) || sh.paritySlots.includes(slot)) dev.uptodate = true;
  });
  sh.reconstructState = sh.reconstructState === "drain_run" ? "drain_result" : "prexor_drain_result";
  context.handleAgain(sh);
}

/** Done in software, the check leaves something else in P: it does not count as known from here on, hardware or not. */
async function opsRunCheckP(context: OpsContext, sh: StripeHead): Promise<void> {
  const { asyncTx, scribble } = context;
  const { p } = sh.row;
  const dev = sh.dev(p);
  dev.uptodate = false;
  const srcs = [dev.page, ...pagesOf(sh, (_, slot) => slot !== p)];
  const submit = initAsyncSubmit(0, null, null, undefined, scribble);
  const tx = await asyncTx.asyncXorVal(
    dev.page,
    srcs,
    0,
    srcs.length,
    STRIPE_BYTES,
    sh.zeroSumResult,
    submit,
  );
  await asyncTx.asyncTriggerCallback(initAsyncSubmit(ASYNC_TX_ACK, tx, () => opsCompleteCheck(context, sh)));
}

async function opsRunCheckPq(context: OpsContext, sh: StripeHead): Promise<void> {
  const { asyncTx, scribble, sparePage } = context;
  const blocks = syndromeSources(sh);
  const done = () => opsCompleteCheck(context, sh);
  const submit = initAsyncSubmit(ASYNC_TX_ACK, null, done, undefined, scribble);
  await asyncTx.asyncSyndromeVal(
    blocks,
    0,
    blocks.length,
    STRIPE_BYTES,
    sh.zeroSumResult,
    sparePage,
    0,
    submit,
  );
}

function opsCompleteCheck(context: OpsContext, sh: StripeHead): void {
  sh.checkState = "result";
  context.handleAgain(sh);
}

/** The part of a request, if it is a page of memory and all of a block. */
function wholePage({ memory, memoryOffset, lengthBytes }: BioSegment): Page | null {
  const isAligned = (memory.byteOffset + memoryOffset) % STRIPE_BYTES === 0;
  return isAligned && lengthBytes === STRIPE_BYTES
    ? memory.subarray(memoryOffset, memoryOffset + STRIPE_BYTES)
    : null;
}

function genSyndrome(
  { asyncTx }: OpsContext,
  blocks: (Page | null)[],
  submit: ReturnType<typeof initAsyncSubmit>,
): Promise<Tx> {
  return asyncTx.asyncGenSyndrome(blocks, 0, blocks.length, STRIPE_BYTES, submit);
}

/** Pages from the highest slot down, as the original gathers them. */
function pagesOf(sh: StripeHead, wanted: (dev: R5Dev, slot: number) => boolean): Page[] {
  return sh.devs
    .filter(wanted)
    .map(({ page }) => page)
    .reverse();
}

/** `set_syndrome_sources`: data in the order of their coefficients, then P and Q. */
function syndromeSources(sh: StripeHead): (Page | null)[] {
  const { data, exponents, p, q } = sh.row;
  const blocks: (Page | null)[] = new Array(Math.max(...exponents) + 3).fill(null);
  data.forEach((slot, index) => {
    blocks[exponents[index] as number] = sh.dev(slot).page;
  });
  blocks[blocks.length - 2] = sh.dev(p).page;
  blocks[blocks.length - 1] = sh.dev(q).page;
  return blocks;
}

/** Where a data block stands among the syndrome sources. */
function syndromeSlot({ row }: StripeHead, slot: number): number {
  return row.exponents[row.data.indexOf(slot)] as number;
}
