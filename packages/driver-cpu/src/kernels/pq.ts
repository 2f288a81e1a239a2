import { SUM_CHECK_P_RESULT, SUM_CHECK_Q_RESULT } from "@dmaengine/core";
import { doubleWord, multiplyWord, PRODUCTS, powerRun } from "./gf-words.js";
import type { Block } from "./kernels.js";
import { bytesBeforeWords, SumMode } from "./sum.js";
import { xorSum } from "./xor.js";

/** Words that are summed at a time, two local variables each: memory is touched once however many sources there are. */
const GROUP_WORDS = 4;
const GROUP_BYTES = 4 * GROUP_WORDS;

/** Sums the sources to P and Q, of which one may be null. With `CHECK` returns `SumCheck` flags, otherwise 0. */
export function pqSum(
  p: Block | null,
  q: Block | null,
  srcs: readonly Block[],
  coefs: Uint8Array,
  srcCnt: number,
  lengthBytes: number,
  mode: SumMode,
): number {
  if (q === null) {
    return p !== null && xorSum(p, srcs, srcCnt, lengthBytes, mode) !== 0 ? SUM_CHECK_P_RESULT : 0;
  }
  const apart = p !== null && ((p.start ^ q.start) & 3) !== 0;
  const head = apart ? lengthBytes : bytesBeforeWords(q, srcs, srcCnt, lengthBytes);
  const tail = lengthBytes - ((lengthBytes - head) % GROUP_BYTES);
  return (
    pqBytes(p, q, srcs, coefs, srcCnt, 0, head, mode) |
    pqWords(p, q, srcs, coefs, srcCnt, head, tail, mode) |
    pqBytes(p, q, srcs, coefs, srcCnt, tail, lengthBytes, mode)
  );
}

/** Works on bytes `from` to `to - 1` of every operand: whole groups that start with a word. */
function pqWords(
  p: Block | null,
  q: Block,
  srcs: readonly Block[],
  coefs: Uint8Array,
  srcCnt: number,
  from: number,
  to: number,
  mode: SumMode,
): number {
  const run = powerRun(coefs, srcCnt);
  // Where a run of powers starts and ends, the highest power first.
  const first = run < 0 ? srcCnt - 1 : 0;
  const end = run < 0 ? -1 : srcCnt;
  const lowest = coefs[run < 0 ? 0 : srcCnt - 1]!;
  const pSums = p?.words;
  const qSums = q.words;
  let pDifference = 0;
  let qDifference = 0;
  for (let at = from; at < to; at += GROUP_BYTES) {
    let p0 = 0;
    let p1 = 0;
    let p2 = 0;
    let p3 = 0;
    let q0 = 0;
    let q1 = 0;
    let q2 = 0;
    let q3 = 0;
    if (run !== 0) {
      // Horner's rule: one doubling for each source, and no table.
      for (let i = first; i !== end; i += run) {
        const src = srcs[i]!;
        const words = src.words;
        const w = (src.start + at) / 4;
        const d0 = words[w]!;
        const d1 = words[w + 1]!;
        const d2 = words[w + 2]!;
        const d3 = words[w + 3]!;
        p0 ^= d0;
        p1 ^= d1;
        p2 ^= d2;
        p3 ^= d3;
        q0 = doubleWord(q0) ^ d0;
        q1 = doubleWord(q1) ^ d1;
        q2 = doubleWord(q2) ^ d2;
        q3 = doubleWord(q3) ^ d3;
      }
      if (lowest !== 1) {
        q0 = multiplyWord(lowest << 8, q0);
        q1 = multiplyWord(lowest << 8, q1);
        q2 = multiplyWord(lowest << 8, q2);
        q3 = multiplyWord(lowest << 8, q3);
      }
    } else {
      for (let i = 0; i < srcCnt; i++) {
        const src = srcs[i]!;
        const words = src.words;
        const w = (src.start + at) / 4;
        const row = coefs[i]! << 8;
        const d0 = words[w]!;
        const d1 = words[w + 1]!;
        const d2 = words[w + 2]!;
        const d3 = words[w + 3]!;
        p0 ^= d0;
        p1 ^= d1;
        p2 ^= d2;
        p3 ^= d3;
        q0 ^= multiplyWord(row, d0);
        q1 ^= multiplyWord(row, d1);
        q2 ^= multiplyWord(row, d2);
        q3 ^= multiplyWord(row, d3);
      }
    }
    const qw = (q.start + at) / 4;
    if (pSums !== undefined) {
      const pw = (p!.start + at) / 4;
      if (mode !== SumMode.REPLACE) {
        p0 ^= pSums[pw]!;
        p1 ^= pSums[pw + 1]!;
        p2 ^= pSums[pw + 2]!;
        p3 ^= pSums[pw + 3]!;
      }
      if (mode === SumMode.CHECK) pDifference |= p0 | p1 | p2 | p3;
      else {
        pSums[pw] = p0;
        pSums[pw + 1] = p1;
        pSums[pw + 2] = p2;
        pSums[pw + 3] = p3;
      }
    }
    if (mode !== SumMode.REPLACE) {
      q0 ^= qSums[qw]!;
      q1 ^= qSums[qw + 1]!;
      q2 ^= qSums[qw + 2]!;
      q3 ^= qSums[qw + 3]!;
    }
    if (mode === SumMode.CHECK) qDifference |= q0 | q1 | q2 | q3;
    else {
      qSums[qw] = q0;
      qSums[qw + 1] = q1;
      qSums[qw + 2] = q2;
      qSums[qw + 3] = q3;
    }
  }
  return sumCheckFlags(pDifference, qDifference);
}

function pqBytes(
  p: Block | null,
  q: Block,
  srcs: readonly Block[],
  coefs: Uint8Array,
  srcCnt: number,
  from: number,
  to: number,
  mode: SumMode,
): number {
  let pDifference = 0;
  let qDifference = 0;
  for (let at = from; at < to; at++) {
    let pSum = 0;
    let qSum = 0;
    for (let i = 0; i < srcCnt; i++) {
      const src = srcs[i]!;
      const d = src.bytes[src.start + at]!;
      pSum ^= d;
      qSum ^= PRODUCTS[(coefs[i]! << 8) | d]!;
    }
    if (mode !== SumMode.REPLACE) {
      if (p !== null) pSum ^= p.bytes[p.start + at]!;
      qSum ^= q.bytes[q.start + at]!;
    }
    if (mode === SumMode.CHECK) {
      if (p !== null) pDifference |= pSum;
      qDifference |= qSum;
    } else {
      if (p !== null) p.bytes[p.start + at] = pSum;
      q.bytes[q.start + at] = qSum;
    }
  }
  return sumCheckFlags(pDifference, qDifference);
}

function sumCheckFlags(pDifference: number, qDifference: number): number {
  return (pDifference !== 0 ? SUM_CHECK_P_RESULT : 0) | (qDifference !== 0 ? SUM_CHECK_Q_RESULT : 0);
}
