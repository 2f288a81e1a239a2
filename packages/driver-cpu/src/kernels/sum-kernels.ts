import type { Block, Kernels } from "./kernels.js";
import { SumMode } from "./sum.js";

const NO_COEFS = new Uint8Array(0);

/** Kernels whose arithmetic is all one function: xor and its check, P+Q and their check are sums that differ in what becomes of them. */
export abstract class SumKernels implements Kernels {
  abstract copy(dst: Block, src: Block, lengthBytes: number): void;
  abstract fill(dst: Block, value: number, lengthBytes: number): void;

  /**
   * Adds the sources up to P and, with coefficients, to Q, of which one may be null. With `CHECK` returns `SumCheck` flags. There may be no
   * sources: then the sums are zero. Without Q, coefficients have no meaning.
   */
  protected abstract sum(
    p: Block | null,
    q: Block | null,
    srcs: readonly Block[],
    coefs: Uint8Array,
    srcCnt: number,
    lengthBytes: number,
    mode: SumMode,
  ): number;

  xor(dst: Block, srcs: readonly Block[], srcCnt: number, lengthBytes: number): void {
    this.sum(dst, null, srcs, NO_COEFS, srcCnt, lengthBytes, SumMode.REPLACE);
  }

  xorVal(srcs: readonly Block[], srcCnt: number, lengthBytes: number): number {
    // The sum is zero when the last source is the sum of the others.
    return this.sum(srcs[srcCnt - 1]!, null, srcs, NO_COEFS, srcCnt - 1, lengthBytes, SumMode.CHECK);
  }

  pq(
    p: Block | null,
    q: Block | null,
    srcs: readonly Block[],
    coefs: Uint8Array,
    srcCnt: number,
    lengthBytes: number,
    continues: boolean,
  ): void {
    this.sum(p, q, srcs, coefs, srcCnt, lengthBytes, continues ? SumMode.CONTINUE : SumMode.REPLACE);
  }

  pqVal(
    p: Block | null,
    q: Block | null,
    srcs: readonly Block[],
    coefs: Uint8Array,
    srcCnt: number,
    lengthBytes: number,
  ): number {
    return this.sum(p, q, srcs, coefs, srcCnt, lengthBytes, SumMode.CHECK);
  }
}
