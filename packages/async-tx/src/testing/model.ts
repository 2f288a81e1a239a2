/**
 * What the operations mean, byte by byte: the truth that every engine set is checked against.
 *
 * @module
 */
import { gfExp, gfMul } from "@dmaengine/core";

/** Deterministic noise. */
export function noise(length: number, seed: number): Uint8Array {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}

/** The xor of pages. */
export function xorOf(pages: readonly Uint8Array[]): Uint8Array {
  return (pages[0] as Uint8Array).map((_, i) => pages.reduce((sum, page) => sum ^ (page[i] as number), 0));
}

/** P and Q of data pages, of which null ones are zeros. */
export function syndromeOf(
  data: readonly (Uint8Array | null)[],
  length: number,
): { p: Uint8Array; q: Uint8Array } {
  const p = new Uint8Array(length);
  const q = new Uint8Array(length);
  data.forEach((page, disk) => {
    page?.forEach((byte, i) => {
      p[i] = (p[i] as number) ^ byte;
      q[i] = (q[i] as number) ^ gfMul(gfExp(disk), byte);
    });
  });
  return { p, q };
}
