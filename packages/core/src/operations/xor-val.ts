import type { DmaTxDescriptor } from "../descriptor.js";
import { DMA_CTRL_ACK } from "../flags.js";
import type { DmaAddr } from "../mapping/domain.js";
import { SUM_CHECK_P_RESULT, SumCheck } from "../status.js";
import { checkAddr, checkLength, checkSources } from "./limits.js";
import type { OperationDefinition } from "./operation.js";
import type { XorLimits } from "./xor.js";

export interface XorValArgs {
  /** The first `srcCnt` entries are in use. */
  readonly srcs: Float64Array;
  srcCnt: number;
  lengthBytes: number;
  /** Where the driver leaves the verdict before it completes the descriptor. */
  result: SumCheck;
}

/**
 * Checks that the xor of all sources is zero (`device_prep_dma_xor_val`) and sets `result.flags`: 0, or
 * `SUM_CHECK_P_RESULT`. A mismatch is a result, not a failure. Nothing in memory is written.
 * Returns null when the channel has no room now. Default flags: {@link DMA_CTRL_ACK}.
 */
export type PrepXorVal = (
  srcs: ArrayLike<DmaAddr>,
  srcCnt: number,
  lengthBytes: number,
  result: SumCheck,
  flags?: number,
) => DmaTxDescriptor | null;

/** Check that sources xor to zero: `DMA_XOR_VAL`. */
export interface XorValOperation {
  args: XorValArgs;
  limits: XorLimits;
  prep: PrepXorVal;
}

export const xorVal: OperationDefinition<"xorVal"> = {
  name: "xorVal",
  createArgs: (limits) => ({
    srcs: new Float64Array(limits.maxSources),
    srcCnt: 0,
    lengthBytes: 0,
    result: new SumCheck(),
  }),
  bind:
    (port) =>
    (srcs, srcCnt, lengthBytes, result, flags = DMA_CTRL_ACK) => {
      checkLength("xorVal", port.limits, lengthBytes);
      checkSources("xorVal", srcs, srcCnt, 1, port.limits.maxSources);
      for (let i = 0; i < srcCnt; i++) checkAddr("xorVal", port.limits, srcs[i] as DmaAddr);
      const tx = port.begin(flags);
      if (tx === null) return null;
      const { args } = tx;
      for (let i = 0; i < srcCnt; i++) args.srcs[i] = srcs[i] as DmaAddr;
      args.srcCnt = srcCnt;
      args.lengthBytes = lengthBytes;
      args.result = result;
      result.flags = 0;
      return port.end(tx, lengthBytes * srcCnt);
    },
  reads(args, _flags, visit) {
    for (let i = 0; i < args.srcCnt; i++) visit(args.srcs[i] as DmaAddr, args.lengthBytes);
  },
  writes() {},
  reference(args, _flags, memory) {
    args.result.flags = 0;
    for (let at = 0; at < args.lengthBytes; at++) {
      let sum = 0;
      for (let i = 0; i < args.srcCnt; i++) sum ^= memory.read((args.srcs[i] as DmaAddr) + at);
      if (sum !== 0) args.result.flags = SUM_CHECK_P_RESULT;
    }
  },
};
