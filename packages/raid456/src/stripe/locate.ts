import { gfExp, gfLog, gfMulTable } from "@dmaengine/core";
import type { ByteRange } from "../offload/page-op.js";
import type { StripePage } from "./stripe-page.js";
import type { StripePages } from "./syndrome.js";

/**
 * Finds the one block that is wrong in a part of a RAID-6 stripe whose parity does not match, by comparing what P and Q say about each
 * byte (H. Peter Anvin, "The mathematics of RAID-6", section 4; mdadm's raid6check).
 *
 * If one data block with exponent z is wrong by e, P is off by e and Q by g^z e; if P or Q itself is wrong, the other one is right. A block is
 * blamed only if every byte that does not match blames it: with two wrong blocks, a byte agrees by accident about once in 255 times.
 *
 * @param range - of the pages; all pages must be up to date in it
 * @returns the slot of the wrong block; null if no single block explains what is there
 */
export function locateWrongBlock({ row, pages }: StripePages, range: ByteRange): number | null {
  const bytesOf = (slot: number): Uint8Array => {
    const page = pages[slot] as StripePage;
    page.mapping?.toCpu(range);
    return page.bytes.subarray(range.start, range.end);
  };
  const pDelta = bytesOf(row.p).slice();
  const qDelta = bytesOf(row.q).slice();
  for (const [k, slot] of row.data.entries()) {
    const products = gfMulTable(gfExp(row.exponents[k] as number));
    for (const [i, byte] of bytesOf(slot).entries()) {
      pDelta[i] = (pDelta[i] as number) ^ byte;
      qDelta[i] = (qDelta[i] as number) ^ (products[byte] as number);
    }
  }
  let wrong: number | null = null;
  for (let i = 0; i < pDelta.length; i++) {
    const p = pDelta[i] as number;
    const q = qDelta[i] as number;
    if (p === 0 && q === 0) continue;
    const blamed = blame(p, q);
    if (blamed === null || (wrong !== null && wrong !== blamed)) return null;
    wrong = blamed;
  }
  return wrong;

  function blame(p: number, q: number): number | null {
    if (q === 0) return row.p;
    if (p === 0) return row.q;
    const z = (gfLog(q) - gfLog(p) + 255) % 255;
    return row.data[row.exponents.indexOf(z)] ?? null;
  }
}
