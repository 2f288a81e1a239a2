import { gfMulTable } from "@dmaengine/core";

/** The multipliers' product tables, one for each coefficient, made when first needed. */
const PRODUCTS: (Uint8Array | undefined)[] = new Array(256).fill(undefined);

function products(coef: number): Uint8Array {
  let table = PRODUCTS[coef];
  if (table === undefined) {
    table = gfMulTable(coef);
    PRODUCTS[coef] = table;
  }
  return table;
}

/** `sum[i] ^= src[at + i]` for `count` words. */
export function xorInto(sum: Uint32Array, src: Uint32Array, at: number, count: number): void {
  for (let i = 0; i < count; i++) sum[i] = (sum[i] as number) ^ (src[at + i] as number);
}

/** `sum[i] ^= coef * src[at + i]` for `count` words, byte by byte in GF(2^8) of RAID-6. */
export function mulXorInto(
  sum: Uint32Array,
  coef: number,
  src: Uint32Array,
  at: number,
  count: number,
): void {
  if (coef === 0) return;
  if (coef === 1) {
    xorInto(sum, src, at, count);
    return;
  }
  const table = products(coef);
  for (let i = 0; i < count; i++) {
    const v = src[at + i] as number;
    sum[i] =
      (sum[i] as number) ^
      (table[v & 0xff] as number) ^
      ((table[(v >>> 8) & 0xff] as number) << 8) ^
      ((table[(v >>> 16) & 0xff] as number) << 16) ^
      ((table[v >>> 24] as number) << 24);
  }
}
