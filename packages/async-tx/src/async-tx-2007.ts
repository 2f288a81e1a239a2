import type { DmaEngine, SumCheck } from "@dmaengine/core";
import { copy } from "./calls/async-memcpy.js";
import { fill } from "./calls/async-memset.js";
import { triggerCallback } from "./calls/async-trigger-callback.js";
import { xor, xorSources, xorVal } from "./calls/async-xor.js";
import type { AsyncTxDescriptor } from "./descriptor.js";
import {
  ASYNC_TX_2007,
  ASYNC_TX_ACK,
  ASYNC_TX_FENCE,
  ASYNC_TX_XOR_DROP_DST,
  ASYNC_TX_XOR_ZERO_DST,
} from "./flags.js";
import { AsyncTxInstance, type AsyncTxOptions } from "./instance.js";
import type { AsyncTxCallback, Page } from "./submit-ctl.js";
import { blockOf, blocksOf } from "./workings/arguments.js";
import type { Submission } from "./workings/context.js";

type Result = Promise<AsyncTxDescriptor | null>;

/**
 * The async_tx API of Linux 2.6.23 and 2.6.24: `async_<operation>(…, flags, dependency, callback, parameter)`, with the flags of
 * {@link ASYNC_TX_2007}. A dependency stays open for further operations until `DEP_ACK` or `asyncTxAck` closes it.
 *
 * All else is as in `AsyncTx`, which is the API of later kernels. Both may be used on one engine.
 *
 * @deprecated Channels of `@dmaengine/core`: `requestChannel` or `findChannel`, map once, prep, submit; or the whole array engine
 * of `@dmaengine/raid456`. `docs/migrating-from-async-tx.md` has each call.
 */
export class AsyncTx2007 extends AsyncTxInstance {
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
    flags: number,
    dependTx: AsyncTxDescriptor | null = null,
    cbFn: AsyncTxCallback | null = null,
    cbParam: unknown = undefined,
  ): Result {
    const submit = this.#submission("asyncMemcpy", flags, dependTx, cbFn, cbParam);
    const to = blockOf("asyncMemcpy", dest, destOffset, len);
    return copy(this.context, to, blockOf("asyncMemcpy", src, srcOffset, len), len, submit);
  }

  /**
   * Fills `len` bytes with the byte `val` (`async_memset`).
   *
   * @deprecated `DmaChan.prepMemset`.
   */
  async asyncMemset(
    dest: Page,
    val: number,
    offset: number,
    len: number,
    flags: number,
    dependTx: AsyncTxDescriptor | null = null,
    cbFn: AsyncTxCallback | null = null,
    cbParam: unknown = undefined,
  ): Result {
    const submit = this.#submission("asyncMemset", flags, dependTx, cbFn, cbParam);
    return fill(this.context, blockOf("asyncMemset", dest, offset, len), val, len, submit);
  }

  /**
   * Writes the xor of `srcCnt` sources to `dest` (`async_xor`). With `XOR_ZERO_DST` the destination is not one of them, with `XOR_DROP_DST` it is the
   * first; one of the two must be given.
   *
   * @deprecated `DmaChan.prepXor`, in pieces of `limits.xor.maxSources`.
   */
  async asyncXor(
    dest: Page,
    srcList: readonly Page[],
    offset: number,
    srcCnt: number,
    len: number,
    flags: number,
    dependTx: AsyncTxDescriptor | null = null,
    cbFn: AsyncTxCallback | null = null,
    cbParam: unknown = undefined,
  ): Result {
    const submit = this.#submission("asyncXor", flags, dependTx, cbFn, cbParam);
    const to = blockOf("asyncXor", dest, offset, len);
    const blocks = blocksOf("asyncXor", srcList, offset, srcCnt, len);
    return xor(this.context, to, xorSources("asyncXor", to, blocks, submit.flags), len, submit);
  }

  /**
   * Checks that `srcCnt` sources, of which `dest` is the first, xor to zero, and sets `result.flags` before the operation is done
   * (`async_xor_zero_sum`, later `async_xor_val`). In software, `dest` is overwritten with the xor of all.
   *
   * @deprecated `DmaChan.prepXorVal`, which writes nothing.
   */
  async asyncXorZeroSum(
    dest: Page,
    srcList: readonly Page[],
    offset: number,
    srcCnt: number,
    len: number,
    result: SumCheck,
    flags: number,
    dependTx: AsyncTxDescriptor | null = null,
    cbFn: AsyncTxCallback | null = null,
    cbParam: unknown = undefined,
  ): Result {
    const call = "asyncXorZeroSum";
    const submit = this.#submission(call, flags, dependTx, cbFn, cbParam);
    const to = blockOf(call, dest, offset, len);
    const blocks = blocksOf(call, srcList, offset, srcCnt, len);
    return xorVal(this.context, to, xorSources(call, to, blocks, ASYNC_TX_XOR_DROP_DST), len, result, submit);
  }

  /**
   * Runs the callback when the dependency is done: the end of a chain whose length is not known beforehand (`async_trigger_callback`).
   *
   * @deprecated The callback of the last transaction, `tx.done`, or `DmaChan.prepInterrupt`.
   */
  async asyncTriggerCallback(
    flags: number,
    dependTx: AsyncTxDescriptor | null,
    cbFn: AsyncTxCallback | null,
    cbParam: unknown = undefined,
  ): Result {
    const submit = this.#submission("asyncTriggerCallback", flags, dependTx, cbFn, cbParam);
    return triggerCallback(this.context, submit);
  }

  /** The same in terms of later kernels. */
  #submission(
    call: string,
    flags: number,
    dependTx: AsyncTxDescriptor | null,
    cbFn: AsyncTxCallback | null,
    cbParam: unknown,
  ): Submission {
    const has = (flag: number): boolean => (flags & flag) !== 0;
    const submit: Submission = {
      flags:
        (has(ASYNC_TX_2007.XOR_ZERO_DST) ? ASYNC_TX_XOR_ZERO_DST : 0) |
        (has(ASYNC_TX_2007.XOR_DROP_DST) ? ASYNC_TX_XOR_DROP_DST : 0) |
        // Engines of 2007 kept the order of memory accesses by themselves. Only what nothing depends on can do without.
        (has(ASYNC_TX_2007.ACK) ? ASYNC_TX_ACK : ASYNC_TX_FENCE),
      dependTx,
      cbFn,
      cbParam,
      scribble: null,
      keepsDependency: !has(ASYNC_TX_2007.DEP_ACK),
    };
    this.context.enter(call, submit);
    return submit;
  }
}
