import { gfMul, SUM_CHECK_P_RESULT, SUM_CHECK_Q_RESULT } from "@dmaengine/core";
import type { Block, Kernels } from "./kernels.js";

/** The kernels in the plainest code, a byte at a time: the truth that the fast ones are checked against. */
export const naiveKernels: Kernels = {
  copy(dst, src, lengthBytes) {
    for (let at = 0; at < lengthBytes; at++) write(dst, at, read(src, at));
  },

  fill(dst, value, lengthBytes) {
    for (let at = 0; at < lengthBytes; at++) write(dst, at, value);
  },

  xor(dst, srcs, srcCnt, lengthBytes) {
    for (let at = 0; at < lengthBytes; at++) write(dst, at, pSum(srcs, srcCnt, at));
  },

  xorVal(srcs, srcCnt, lengthBytes) {
    for (let at = 0; at < lengthBytes; at++) {
      if (pSum(srcs, srcCnt, at) !== 0) return SUM_CHECK_P_RESULT;
    }
    return 0;
  },

  pq(p, q, srcs, coefs, srcCnt, lengthBytes, continues) {
    for (let at = 0; at < lengthBytes; at++) {
      // Both sums before either write: P or Q may be one of the sources.
      const pValue = pSum(srcs, srcCnt, at) ^ (continues && p !== null ? read(p, at) : 0);
      const qValue = qSum(srcs, coefs, srcCnt, at) ^ (continues && q !== null ? read(q, at) : 0);
      if (p !== null) write(p, at, pValue);
      if (q !== null) write(q, at, qValue);
    }
  },

  pqVal(p, q, srcs, coefs, srcCnt, lengthBytes) {
    let flags = 0;
    for (let at = 0; at < lengthBytes; at++) {
      if (p !== null && pSum(srcs, srcCnt, at) !== read(p, at)) flags |= SUM_CHECK_P_RESULT;
      if (q !== null && qSum(srcs, coefs, srcCnt, at) !== read(q, at)) flags |= SUM_CHECK_Q_RESULT;
    }
    return flags;
  },
};

function read(block: Block, at: number): number {
  return block.bytes[block.start + at]!;
}

function write(block: Block, at: number, value: number): void {
  block.bytes[block.start + at] = value;
}

function pSum(srcs: readonly Block[], srcCnt: number, at: number): number {
  let sum = 0;
  for (let i = 0; i < srcCnt; i++) sum ^= read(srcs[i]!, at);
  return sum;
}

function qSum(srcs: readonly Block[], coefs: Uint8Array, srcCnt: number, at: number): number {
  let sum = 0;
  for (let i = 0; i < srcCnt; i++) sum ^= gfMul(coefs[i]!, read(srcs[i]!, at));
  return sum;
}
