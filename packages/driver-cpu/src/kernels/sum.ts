import type { Block } from "./kernels.js";

/** What becomes of the sums that a kernel computes. */
export const SumMode = {
  /** They are written to the destination. */
  REPLACE: 0,
  /** What the destination holds is added first. */
  CONTINUE: 1,
  /** They are compared with what the destination holds; nothing is written. */
  CHECK: 2,
} as const;
export type SumMode = (typeof SumMode)[keyof typeof SumMode];

/**
 * How many bytes come before the first 32-bit word of every operand. All `lengthBytes` when the operands lie differently in
 * their words, so that there is no common one.
 */
export function bytesBeforeWords(
  dst: Block,
  srcs: readonly Block[],
  srcCnt: number,
  lengthBytes: number,
): number {
  for (let i = 0; i < srcCnt; i++) {
    if (((srcs[i]!.start ^ dst.start) & 3) !== 0) return lengthBytes;
  }
  return Math.min(-dst.start & 3, lengthBytes);
}
