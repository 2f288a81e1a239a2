import { gfMulTable } from "@dmaengine/core";

/** All products of the field: `PRODUCTS[(a << 8) | b]` is `a * b`. */
export const PRODUCTS = new Uint8Array(256 * 256);
for (let a = 1; a < 256; a++) PRODUCTS.set(gfMulTable(a), a << 8);

/** Doubles each of the four field elements in a word (`SHLBYTE` and `MASK` of the kernel's lib/raid6/int.uc). */
export function doubleWord(word: number): number {
  return ((word & 0x7f7f7f7f) << 1) ^ Math.imul((word >>> 7) & 0x01010101, 0x1d);
}

/** Multiplies each of the four field elements in a word. `row` is the multiplier `<< 8`: its row of {@link PRODUCTS}. */
export function multiplyWord(row: number, word: number): number {
  return (
    PRODUCTS[row | (word & 0xff)]! |
    (PRODUCTS[row | ((word >>> 8) & 0xff)]! << 8) |
    (PRODUCTS[row | ((word >>> 16) & 0xff)]! << 16) |
    (PRODUCTS[row | (word >>> 24)]! << 24)
  );
}

/**
 * Whether coefficients are consecutive powers of the generator, times a constant: -1 when each is the double of the one before
 * (1, 2, 4 …, as md lists its disks), 1 when each is the double of the one behind, 0 when neither.
 */
export function powerRun(coefs: Uint8Array, srcCnt: number): -1 | 0 | 1 {
  let ascending = true;
  let descending = true;
  for (let i = 1; i < srcCnt; i++) {
    const before = coefs[i - 1]!;
    const behind = coefs[i]!;
    if (behind !== PRODUCTS[(2 << 8) | before]) ascending = false;
    if (before !== PRODUCTS[(2 << 8) | behind]) descending = false;
  }
  if (ascending) return -1;
  return descending ? 1 : 0;
}
