import type { DmaTxDescriptor } from "../descriptor.js";
import { DMA_CTRL_ACK, DMA_PREP_PQ_DISABLE_P, DMA_PREP_PQ_DISABLE_Q } from "../flags.js";
import type { DmaAddr } from "../mapping/domain.js";
import { SUM_CHECK_P_RESULT, SUM_CHECK_Q_RESULT, SumCheck } from "../status.js";
import { checkAddr, checkLength, checkSources } from "./limits.js";
import type { OperationDefinition } from "./operation.js";
import { checkPqCoefs, checkPqFlags, type PqArgs, type PqLimits, pqOutputs, pSum, qSum } from "./pq.js";

export interface PqValArgs extends PqArgs {
  /** Where the driver leaves the verdict before it completes the descriptor. */
  result: SumCheck;
}

/**
 * Checks P and Q against the sources (`device_prep_dma_pq_val`) and sets `result.flags` to a combination of
 * `SUM_CHECK_P_RESULT` and `SUM_CHECK_Q_RESULT`. A disabled one is not checked. A mismatch is a result, not a failure.
 * Nothing in memory is written. Returns null when the channel has no room now. Default flags: {@link DMA_CTRL_ACK}.
 */
export type PrepPqVal = (
  p: DmaAddr,
  q: DmaAddr,
  srcs: ArrayLike<DmaAddr>,
  srcCnt: number,
  coefs: ArrayLike<number>,
  lengthBytes: number,
  result: SumCheck,
  flags?: number,
) => DmaTxDescriptor | null;

/** Check RAID-6 P and Q: `DMA_PQ_VAL`. */
export interface PqValOperation {
  args: PqValArgs;
  limits: PqLimits;
  prep: PrepPqVal;
}

export const pqVal: OperationDefinition<"pqVal"> = {
  name: "pqVal",
  createArgs: (limits) => ({
    p: 0,
    q: 0,
    srcs: new Float64Array(limits.maxSources),
    coefs: new Uint8Array(limits.maxSources),
    srcCnt: 0,
    lengthBytes: 0,
    result: new SumCheck(),
  }),
  bind:
    (port) =>
    (p, q, srcs, srcCnt, coefs, lengthBytes, result, flags = DMA_CTRL_ACK) => {
      checkPqFlags("pqVal", flags);
      checkLength("pqVal", port.limits, lengthBytes);
      checkSources("pqVal", srcs, srcCnt, 1, port.limits.maxSources);
      checkPqCoefs("pqVal", port.limits, coefs, srcCnt, flags);
      if ((flags & DMA_PREP_PQ_DISABLE_P) === 0) checkAddr("pqVal", port.limits, p);
      if ((flags & DMA_PREP_PQ_DISABLE_Q) === 0) checkAddr("pqVal", port.limits, q);
      for (let i = 0; i < srcCnt; i++) checkAddr("pqVal", port.limits, srcs[i] as DmaAddr);
      const tx = port.begin(flags);
      if (tx === null) return null;
      const { args } = tx;
      args.p = p;
      args.q = q;
      for (let i = 0; i < srcCnt; i++) {
        args.srcs[i] = srcs[i] as DmaAddr;
        args.coefs[i] = coefs[i] as number;
      }
      args.srcCnt = srcCnt;
      args.lengthBytes = lengthBytes;
      args.result = result;
      result.flags = 0;
      return port.end(tx, lengthBytes * srcCnt);
    },
  reads(args, flags, visit) {
    for (let i = 0; i < args.srcCnt; i++) visit(args.srcs[i] as DmaAddr, args.lengthBytes);
    pqOutputs(args, flags, visit);
  },
  writes() {},
  reference(args, flags, memory) {
    args.result.flags = 0;
    for (let at = 0; at < args.lengthBytes; at++) {
      if ((flags & DMA_PREP_PQ_DISABLE_P) === 0 && pSum(args, at, memory) !== memory.read(args.p + at)) {
        args.result.flags |= SUM_CHECK_P_RESULT;
      }
      if ((flags & DMA_PREP_PQ_DISABLE_Q) === 0 && qSum(args, at, memory) !== memory.read(args.q + at)) {
        args.result.flags |= SUM_CHECK_Q_RESULT;
      }
    }
  },
};
