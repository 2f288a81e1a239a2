import { SUM_CHECK_P_RESULT } from "@dmaengine/core";
import { copy } from "./copy.js";
import { fill } from "./fill.js";
import type { Block, Kernels } from "./kernels.js";
import { pqSum } from "./pq.js";
import { SumMode } from "./sum.js";
import { xorSum } from "./xor.js";

/** The kernels in plain TypeScript: four bytes at a time in a 32-bit word (SIMD within a register) wherever the operands allow it. */
export const swarKernels: Kernels = {
  copy,
  fill,

  xor(dst, srcs, srcCnt, lengthBytes) {
    xorSum(dst, srcs, srcCnt, lengthBytes, SumMode.REPLACE);
  },

  xorVal(srcs, srcCnt, lengthBytes) {
    // The sum is zero when the last source is the sum of the others.
    const last = srcs[srcCnt - 1] as Block;
    return xorSum(last, srcs, srcCnt - 1, lengthBytes, SumMode.CHECK) === 0 ? 0 : SUM_CHECK_P_RESULT;
  },

  pq(p, q, srcs, coefs, srcCnt, lengthBytes, continues) {
    pqSum(p, q, srcs, coefs, srcCnt, lengthBytes, continues ? SumMode.CONTINUE : SumMode.REPLACE);
  },

  pqVal(p, q, srcs, coefs, srcCnt, lengthBytes) {
    return pqSum(p, q, srcs, coefs, srcCnt, lengthBytes, SumMode.CHECK);
  },
};
