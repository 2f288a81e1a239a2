import type { Block } from "./kernels.js";
import { bytesBeforeWords, SumMode } from "./sum.js";

/** Words that are summed at a time, one local variable each: memory is touched once however many sources there are. */
const GROUP_WORDS = 8;
const GROUP_BYTES = 4 * GROUP_WORDS;

/** Sums the sources. With `CHECK` returns 0 when `dst` holds the sum, and another number when it doesn't. */
export function xorSum(
  dst: Block,
  srcs: readonly Block[],
  srcCnt: number,
  lengthBytes: number,
  mode: SumMode,
): number {
  const head = bytesBeforeWords(dst, srcs, srcCnt, lengthBytes);
  const tail = lengthBytes - ((lengthBytes - head) % GROUP_BYTES);
  return (
    xorBytes(dst, srcs, srcCnt, 0, head, mode) |
    xorWords(dst, srcs, srcCnt, head, tail, mode) |
    xorBytes(dst, srcs, srcCnt, tail, lengthBytes, mode)
  );
}

/** Works on bytes `from` to `to - 1` of every operand: whole groups that start with a word. */
function xorWords(
  dst: Block,
  srcs: readonly Block[],
  srcCnt: number,
  from: number,
  to: number,
  mode: SumMode,
): number {
  const sums = dst.words;
  let difference = 0;
  for (let at = from; at < to; at += GROUP_BYTES) {
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    let s4 = 0;
    let s5 = 0;
    let s6 = 0;
    let s7 = 0;
    for (let i = 0; i < srcCnt; i++) {
      const src = srcs[i]!;
      const words = src.words;
      const w = (src.start + at) / 4;
      s0 ^= words[w]!;
      s1 ^= words[w + 1]!;
      s2 ^= words[w + 2]!;
      s3 ^= words[w + 3]!;
      s4 ^= words[w + 4]!;
      s5 ^= words[w + 5]!;
      s6 ^= words[w + 6]!;
      s7 ^= words[w + 7]!;
    }
    const w = (dst.start + at) / 4;
    if (mode !== SumMode.REPLACE) {
      s0 ^= sums[w]!;
      s1 ^= sums[w + 1]!;
      s2 ^= sums[w + 2]!;
      s3 ^= sums[w + 3]!;
      s4 ^= sums[w + 4]!;
      s5 ^= sums[w + 5]!;
      s6 ^= sums[w + 6]!;
      s7 ^= sums[w + 7]!;
    }
    if (mode === SumMode.CHECK) {
      difference |= s0 | s1 | s2 | s3 | s4 | s5 | s6 | s7;
    } else {
      sums[w] = s0;
      sums[w + 1] = s1;
      sums[w + 2] = s2;
      sums[w + 3] = s3;
      sums[w + 4] = s4;
      sums[w + 5] = s5;
      sums[w + 6] = s6;
      sums[w + 7] = s7;
    }
  }
  return difference;
}

function xorBytes(
  dst: Block,
  srcs: readonly Block[],
  srcCnt: number,
  from: number,
  to: number,
  mode: SumMode,
): number {
  const sums = dst.bytes;
  let difference = 0;
  for (let at = from; at < to; at++) {
    let sum = 0;
    for (let i = 0; i < srcCnt; i++) {
      const src = srcs[i]!;
      sum ^= src.bytes[src.start + at]!;
    }
    if (mode !== SumMode.REPLACE) sum ^= sums[dst.start + at]!;
    if (mode === SumMode.CHECK) difference |= sum;
    else sums[dst.start + at] = sum;
  }
  return difference;
}
