import type { DmaEngine, SumCheck } from "@dmaengine/core";
import { copy } from "./calls/async-memcpy.js";
import { fill } from "./calls/async-memset.js";
import { genSyndrome, syndromeOf, syndromeVal } from "./calls/async-pq.js";
import { recoverDataP, recoverTwoData, recoveryOf } from "./calls/async-raid6-recov.js";
import { triggerCallback } from "./calls/async-trigger-callback.js";
import { xor, xorSources, xorVal } from "./calls/async-xor.js";
import type { AsyncTxDescriptor } from "./descriptor.js";
import { ASYNC_TX_XOR_DROP_DST } from "./flags.js";
import { AsyncTxInstance, type AsyncTxOptions } from "./instance.js";
import type { AsyncSubmitCtl, Page } from "./submit-ctl.js";
import { blockOf, blocksOf, type Offsets } from "./workings/arguments.js";
import { quiesce } from "./workings/wait.js";

type Result = Promise<AsyncTxDescriptor | null>;

/**
 * The async_tx API as it is since Linux 2.6.32, where a call is told how to submit by its last argument. Each operation goes to an engine if one has
 * it, and is done in software otherwise; a chain may go across engines.
 *
 * Every call resolves to a descriptor if an engine was given the operation, and to null if it is done already, callback included. It takes effect
 * in the order of the calls as long as each is awaited: where the original spins, this waits.
 *
 * Rejects with `ERR_ASYNC_TX_CONTEXT` in a hard interrupt and within a completion callback, with `ERR_ASYNC_TX_ACKED` where the dependency was
 * acked, with `ERR_ASYNC_TX_ARGUMENT` where the original stops the machine (`BUG_ON`), and with `ERR_ASYNC_TX_TRANSFER` where a failed operation makes
 * it panic.
 *
 * @deprecated Channels of `@dmaengine/core`: `requestChannel` or `findChannel`, map once, prep, submit; or the whole array engine
 * of `@dmaengine/raid456`. `docs/migrating-from-async-tx.md` has each call.
 */
export class AsyncTx extends AsyncTxInstance {
  /**
   * Takes every public channel of the engine into shared use. Warns once in a process that this package is deprecated.
   *
   * Throws `ERR_ASYNC_TX_NON_COHERENT` when an engine is on a platform that is not coherent, unless `allowBroken` is set. If one is
   * registered later, every call rejects with it.
   */
  constructor(engine: DmaEngine, options: AsyncTxOptions = {}) {
    super(engine, options);
  }

  /**
   * Copies `len` bytes (`async_memcpy`).
   *
   * @deprecated `DmaChan.prepMemcpy`.
   */
  async asyncMemcpy(
    dest: Page,
    src: Page,
    destOffset: number,
    srcOffset: number,
    len: number,
    submit: AsyncSubmitCtl,
  ): Result {
    this.context.enter("asyncMemcpy", submit);
    const to = blockOf("asyncMemcpy", dest, destOffset, len);
    return copy(this.context, to, blockOf("asyncMemcpy", src, srcOffset, len), len, submit);
  }

  /**
   * Fills `len` bytes with the byte `val` (`async_memset`).
   *
   * @deprecated `DmaChan.prepMemset`.
   */
  async asyncMemset(dest: Page, val: number, offset: number, len: number, submit: AsyncSubmitCtl): Result {
    this.context.enter("asyncMemset", submit);
    return fill(this.context, blockOf("asyncMemset", dest, offset, len), val, len, submit);
  }

  /**
   * Writes the xor of `srcCnt` sources to `dest`, all at the same offset (`async_xor`). With `ASYNC_TX_XOR_ZERO_DST` the destination is not one of
   * them, with `ASYNC_TX_XOR_DROP_DST` it is the first; one of the two must be given. Sources that are null are left out.
   *
   * @deprecated `DmaChan.prepXor`, in pieces of `limits.xor.maxSources`.
   */
  asyncXor(
    dest: Page,
    srcList: readonly (Page | null)[],
    offset: number,
    srcCnt: number,
    len: number,
    submit: AsyncSubmitCtl,
  ): Result {
    return this.#xor("asyncXor", dest, offset, srcList, offset, srcCnt, len, submit);
  }

  /**
   * The same with an offset for each source (`async_xor_offs`).
   *
   * @param srcOffsets - null: `offset` for all.
   *
   * @deprecated `DmaChan.prepXor`, in pieces of `limits.xor.maxSources`.
   */
  asyncXorOffs(
    dest: Page,
    offset: number,
    srcList: readonly (Page | null)[],
    srcOffsets: readonly number[] | null,
    srcCnt: number,
    len: number,
    submit: AsyncSubmitCtl,
  ): Result {
    return this.#xor("asyncXorOffs", dest, offset, srcList, srcOffsets ?? offset, srcCnt, len, submit);
  }

  /**
   * Checks that `srcCnt` sources, of which `dest` is the first, xor to zero, and sets `result.flags` to 0 or `SUM_CHECK_P_RESULT` before the
   * operation is done (`async_xor_val`). In software, `dest` is overwritten with the xor of all, as in the original: parity that
   * did not match is lost.
   *
   * @deprecated `DmaChan.prepXorVal`, which writes nothing.
   */
  asyncXorVal(
    dest: Page,
    srcList: readonly (Page | null)[],
    offset: number,
    srcCnt: number,
    len: number,
    result: SumCheck,
    submit: AsyncSubmitCtl,
  ): Result {
    return this.#xorVal("asyncXorVal", dest, offset, srcList, offset, srcCnt, len, result, submit);
  }

  /**
   * The same with an offset for each source (`async_xor_val_offs`).
   *
   * @param srcOffsets - null: `offset` for all.
   *
   * @deprecated `DmaChan.prepXorVal`, which writes nothing.
   */
  asyncXorValOffs(
    dest: Page,
    offset: number,
    srcList: readonly (Page | null)[],
    srcOffsets: readonly number[] | null,
    srcCnt: number,
    len: number,
    result: SumCheck,
    submit: AsyncSubmitCtl,
  ): Result {
    const offsets = srcOffsets ?? offset;
    return this.#xorVal("asyncXorValOffs", dest, offset, srcList, offsets, srcCnt, len, result, submit);
  }

  /**
   * Computes P and Q (`async_gen_syndrome`). `blocks` holds `disks - 2` data blocks, then P, then Q. A data block that is null is zeros; P or Q, not
   * both, may be null. With `ASYNC_TX_PQ_XOR_DST` the sums are added to what P and Q hold, in software.
   *
   * @param offsets - where in the pages the blocks are: one offset for all, or one for each.
   *
   * @deprecated `DmaChan.prepPq`, in pieces of `dmaMaxPq(limits.pq, flags)`.
   */
  async asyncGenSyndrome(
    blocks: readonly (Page | null)[],
    offsets: Offsets,
    disks: number,
    len: number,
    submit: AsyncSubmitCtl,
  ): Result {
    const call = "asyncGenSyndrome";
    this.context.enter(call, submit);
    const syndrome = syndromeOf(call, blocksOf(call, blocks, offsets, disks, len));
    return genSyndrome(this.context, syndrome, len, submit);
  }

  /**
   * Checks P and Q, of which one may be null, and sets `pqres.flags` before the operation is done (`async_syndrome_val`). Blocks are as in
   * {@link asyncGenSyndrome}, and none is changed.
   *
   * @param spare - where P and Q are computed once more if no engine can check them.
   *
   * @deprecated `DmaChan.prepPqVal`.
   */
  async asyncSyndromeVal(
    blocks: readonly (Page | null)[],
    offsets: Offsets,
    disks: number,
    len: number,
    pqres: SumCheck,
    spare: Page | null,
    spareOffset: number,
    submit: AsyncSubmitCtl,
  ): Result {
    const call = "asyncSyndromeVal";
    this.context.enter(call, submit);
    const syndrome = syndromeOf(call, blocksOf(call, blocks, offsets, disks, len));
    const spareBlock = spare === null ? null : blockOf(call, spare, spareOffset, len);
    return syndromeVal(this.context, syndrome, len, pqres, spareBlock, submit);
  }

  /**
   * Recovers the data blocks `faila` and `failb` from all others (`async_raid6_2data_recov`). Blocks are as in {@link asyncGenSyndrome}, P and Q are
   * needed, and so are pages for the failed ones. In software unless an engine has PQ and `submit.scribble` is given.
   *
   * Unlike the original, the first step depends on what the caller says.
   *
   * @deprecated One `DmaChan.prepPq` for each block: it is a sum of the others with coefficients. `@dmaengine/raid456` does so.
   */
  async asyncRaid62dataRecov(
    disks: number,
    bytes: number,
    faila: number,
    failb: number,
    blocks: readonly (Page | null)[],
    offsets: Offsets,
    submit: AsyncSubmitCtl,
  ): Result {
    const call = "asyncRaid62dataRecov";
    this.context.enter(call, submit);
    const recovery = recoveryOf(call, blocksOf(call, blocks, offsets, disks, bytes), [faila, failb]);
    return recoverTwoData(this.context, recovery, faila, failb, bytes, submit);
  }

  /**
   * Recovers the data block `faila` and P from all others (`async_raid6_datap_recov`), as {@link asyncRaid62dataRecov} does.
   *
   * @deprecated `DmaChan.prepPq`, once for the data and once for P. `@dmaengine/raid456` does so.
   */
  async asyncRaid6DatapRecov(
    disks: number,
    bytes: number,
    faila: number,
    blocks: readonly (Page | null)[],
    offsets: Offsets,
    submit: AsyncSubmitCtl,
  ): Result {
    const call = "asyncRaid6DatapRecov";
    this.context.enter(call, submit);
    const recovery = recoveryOf(call, blocksOf(call, blocks, offsets, disks, bytes), [faila]);
    return recoverDataP(this.context, recovery, faila, bytes, submit);
  }

  /**
   * Runs the callback when the dependency is done: the end of a chain whose length is not known beforehand (`async_trigger_callback`).
   *
   * @deprecated The callback of the last transaction, `tx.done`, or `DmaChan.prepInterrupt`.
   */
  async asyncTriggerCallback(submit: AsyncSubmitCtl): Result {
    this.context.enter("asyncTriggerCallback", submit);
    return triggerCallback(this.context, submit);
  }

  /**
   * Waits until an operation is done, and acks it (`async_tx_quiesce`). Resolves to null, to be kept in place of `tx`. Rejects with
   * `ERR_ASYNC_TX_TRANSFER` when the operation failed.
   *
   * @deprecated `DmaChan.syncWait(cookie)`, or `await tx.done`.
   */
  async asyncTxQuiesce(tx: AsyncTxDescriptor | null): Promise<null> {
    this.context.checkNotAcked("asyncTxQuiesce", tx);
    await quiesce({ dependTx: tx });
    return null;
  }

  /**
   * Starts what was submitted on the channel of a descriptor (`async_tx_issue_pending`). Null is allowed.
   *
   * @deprecated `DmaChan.issuePending()`.
   */
  asyncTxIssuePending(tx: AsyncTxDescriptor | null): void {
    if (tx !== null && !tx.channel.retired) tx.channel.chan.issuePending();
  }

  async #xor(
    call: string,
    dest: Page,
    offset: number,
    srcList: readonly (Page | null)[],
    srcOffsets: Offsets,
    srcCnt: number,
    len: number,
    submit: AsyncSubmitCtl,
  ): Result {
    this.context.enter(call, submit);
    const to = blockOf(call, dest, offset, len);
    const blocks = blocksOf(call, srcList, srcOffsets, srcCnt, len);
    return xor(this.context, to, xorSources(call, to, blocks, submit.flags), len, submit);
  }

  async #xorVal(
    call: string,
    dest: Page,
    offset: number,
    srcList: readonly (Page | null)[],
    srcOffsets: Offsets,
    srcCnt: number,
    len: number,
    result: SumCheck,
    submit: AsyncSubmitCtl,
  ): Result {
    this.context.enter(call, submit);
    const to = blockOf(call, dest, offset, len);
    const blocks = blocksOf(call, srcList, srcOffsets, srcCnt, len);
    return xorVal(this.context, to, xorSources(call, to, blocks, ASYNC_TX_XOR_DROP_DST), len, result, submit);
  }
}
