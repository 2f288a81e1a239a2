/**
 * The two forms of the API with one face, for tests that hold for both.
 *
 * @module
 */
import type { DmaEngine, DmaStatus, SumCheck } from "@dmaengine/core";
import {
  ASYNC_TX_2007,
  ASYNC_TX_ACK,
  ASYNC_TX_FENCE,
  ASYNC_TX_XOR_DROP_DST,
  ASYNC_TX_XOR_ZERO_DST,
  AsyncTx,
  AsyncTx2007,
  type AsyncTxCallback,
  type AsyncTxDescriptor,
  type AsyncTxOptions,
  initAsyncSubmit,
  type Page,
} from "../index.js";

type Result = Promise<AsyncTxDescriptor | null>;

/** How a call is submitted, whichever form says it. */
interface How {
  readonly dependTx?: AsyncTxDescriptor | null;
  /** Nothing will depend on it. */
  readonly last?: boolean;
  readonly cbFn?: AsyncTxCallback;
  readonly cbParam?: unknown;
}

/** What both forms have. */
export interface Form {
  memcpy(dest: Page, src: Page, destOffset: number, srcOffset: number, len: number, how?: How): Result;
  memset(dest: Page, val: number, offset: number, len: number, how?: How): Result;
  /** The destination is not a source. */
  xor(dest: Page, srcs: readonly Page[], offset: number, len: number, how?: How): Result;
  /** The destination is the first source; `srcs` are the others. */
  xorInto(dest: Page, srcs: readonly Page[], offset: number, len: number, how?: How): Result;
  xorVal(dest: Page, srcs: readonly Page[], offset: number, len: number, result: SumCheck, how?: How): Result;
  trigger(how: How): Result;
  wait(tx: AsyncTxDescriptor | null): Promise<DmaStatus>;
  ack(tx: AsyncTxDescriptor | null): void;
  issueAll(): void;
  close(): Promise<void>;
}

function later(engine: DmaEngine, options: AsyncTxOptions): Form {
  const atx = new AsyncTx(engine, options);
  const submit = ({ dependTx = null, last = false, cbFn, cbParam }: How = {}, flags = 0) =>
    initAsyncSubmit(flags | (last ? ASYNC_TX_ACK : ASYNC_TX_FENCE), dependTx, cbFn, cbParam);
  return {
    memcpy: (dest, src, to, from, len, how) => atx.asyncMemcpy(dest, src, to, from, len, submit(how)),
    memset: (dest, val, offset, len, how) => atx.asyncMemset(dest, val, offset, len, submit(how)),
    xor: (dest, srcs, offset, len, how) =>
      atx.asyncXor(dest, srcs, offset, srcs.length, len, submit(how, ASYNC_TX_XOR_ZERO_DST)),
    xorInto: (dest, srcs, offset, len, how) =>
      atx.asyncXor(dest, [dest, ...srcs], offset, srcs.length + 1, len, submit(how, ASYNC_TX_XOR_DROP_DST)),
    xorVal: (dest, srcs, offset, len, result, how) =>
      atx.asyncXorVal(dest, [dest, ...srcs], offset, srcs.length + 1, len, result, submit(how)),
    trigger: (how) => atx.asyncTriggerCallback(submit(how)),
    wait: (tx) => atx.dmaWaitForAsyncTx(tx),
    ack: (tx) => atx.asyncTxAck(tx),
    issueAll: () => atx.asyncTxIssuePendingAll(),
    close: () => atx.close(),
  };
}

function of2007(engine: DmaEngine, options: AsyncTxOptions): Form {
  const atx = new AsyncTx2007(engine, options);
  const { ACK, DEP_ACK, XOR_DROP_DST, XOR_ZERO_DST } = ASYNC_TX_2007;
  type Common = [number, AsyncTxDescriptor | null, AsyncTxCallback | null, unknown];
  const common = ({ dependTx = null, last = false, cbFn, cbParam }: How = {}, flags = 0): Common => [
    flags | (last ? ACK : 0) | (dependTx === null ? 0 : DEP_ACK),
    dependTx,
    cbFn ?? null,
    cbParam,
  ];
  return {
    memcpy: (dest, src, to, from, len, how) => atx.asyncMemcpy(dest, src, to, from, len, ...common(how)),
    memset: (dest, val, offset, len, how) => atx.asyncMemset(dest, val, offset, len, ...common(how)),
    xor: (dest, srcs, offset, len, how) =>
      atx.asyncXor(dest, srcs, offset, srcs.length, len, ...common(how, XOR_ZERO_DST)),
    xorInto: (dest, srcs, offset, len, how) =>
      atx.asyncXor(dest, [dest, ...srcs], offset, srcs.length + 1, len, ...common(how, XOR_DROP_DST)),
    xorVal: (dest, srcs, offset, len, result, how) =>
      atx.asyncXorZeroSum(dest, [dest, ...srcs], offset, srcs.length + 1, len, result, ...common(how)),
    trigger: (how) => atx.asyncTriggerCallback(...common(how)),
    wait: (tx) => atx.dmaWaitForAsyncTx(tx),
    ack: (tx) => atx.asyncTxAck(tx),
    issueAll: () => atx.asyncTxIssuePendingAll(),
    close: () => atx.close(),
  };
}

export const FORMS = { "the later form": later, "the form of 2007": of2007 } as const;
export const FORM_NAMES = Object.keys(FORMS) as readonly (keyof typeof FORMS)[];
