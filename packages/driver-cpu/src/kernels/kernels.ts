/**
 * An operand in memory: a buffer and where in it the operand starts. Kernels index the buffer and make no views.
 * The records are the caller's, who fills them in again for each transaction.
 */
export interface Block {
  bytes: Uint8Array;
  /** The same buffer as 32-bit words; the last 0 to 3 bytes are not covered. */
  words: Uint32Array;
  /** Index in `bytes` of the operand's first byte. */
  start: number;
}

const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Uint32Array(0);

/** An operand that is nowhere yet. */
export function emptyBlock(): Block {
  return { bytes: NO_BYTES, words: NO_WORDS, start: 0 };
}

/** Lets go of an operand's buffer. */
export function clearBlock(block: Block): void {
  block.bytes = NO_BYTES;
  block.words = NO_WORDS;
}

/**
 * The arithmetic of the engine, one call for each operation. Lengths are in bytes and at least 1; the first `srcCnt` entries of `srcs`
 * and `coefs` are in use. Sums and products are those of RAID-6's GF(2^8).
 *
 * A destination may be one of the sources, at exactly the same place; no other overlap is allowed.
 */
export interface Kernels {
  copy(dst: Block, src: Block, lengthBytes: number): void;
  /** Fills with the byte `value`, 0 to 255. */
  fill(dst: Block, value: number, lengthBytes: number): void;
  /** `dst = Σ src[i]` */
  xor(dst: Block, srcs: readonly Block[], srcCnt: number, lengthBytes: number): void;
  /** Whether `Σ src[i]` is zero, as `SumCheck` flags: 0 or `SUM_CHECK_P_RESULT`. */
  xorVal(srcs: readonly Block[], srcCnt: number, lengthBytes: number): number;
  /**
   * `p = Σ src[i]` and `q = Σ coefs[i] * src[i]`, each added to what `p` and `q` hold already when `continues`.
   * One of `p` and `q` may be null: it is disabled.
   */
  pq(
    p: Block | null,
    q: Block | null,
    srcs: readonly Block[],
    coefs: Uint8Array,
    srcCnt: number,
    lengthBytes: number,
    continues: boolean,
  ): void;
  /** Whether `p` and `q` are what {@link pq} would write, as `SumCheck` flags. One of them may be null: it is not checked. */
  pqVal(
    p: Block | null,
    q: Block | null,
    srcs: readonly Block[],
    coefs: Uint8Array,
    srcCnt: number,
    lengthBytes: number,
  ): number;
}
