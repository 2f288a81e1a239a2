/**
 * Sums over blocks in GF(2^8) on the CPU, for arrays without an engine. Plain TypeScript: 32-bit words where every block is aligned to them,
 * bytes otherwise. (`@dmaengine/driver-cpu` is the fast way; register it as an engine.)
 *
 * @module
 */

import { gfMulTable } from "@dmaengine/core";

/** Blocks of equal length. */
export type Blocks = readonly Uint8Array[];

type Lanes = Uint8Array | Uint32Array;

/** The blocks as 32-bit words if all are aligned to them, else as they are. */
function lanes(blocks: Blocks): readonly Lanes[] {
  if (!blocks.every((block) => block.byteOffset % 4 === 0 && block.length % 4 === 0)) return blocks;
  return blocks.map((block) => new Uint32Array(block.buffer, block.byteOffset, block.length / 4));
}

/** `dst = Σ srcs`; the destination may be the first of the sources. */
export function xorBlocks(dst: Uint8Array, srcs: Blocks): void {
  const [to, first, ...rest] = lanes([dst, ...srcs]) as [Lanes, Lanes, ...Lanes[]];
  to.set(first);
  for (const src of rest) addLanes(to, src);
}

/** Whether `Σ srcs` is zero. */
export function xorsToZero(srcs: Blocks): boolean {
  const all = lanes(srcs);
  const length = (all[0] as Lanes).length;
  for (let i = 0; i < length; i++) {
    let sum = 0;
    for (const src of all) sum ^= src[i] as number;
    if (sum !== 0) return false;
  }
  return true;
}

/** `dst += Σ coefs * srcs`. The destination may not be one of the sources. */
export function addProducts(dst: Uint8Array, srcs: Blocks, coefs: readonly number[]): void {
  srcs.forEach((src, k) => {
    const coefficient = coefs[k] as number;
    if (coefficient === 1) {
      const [to, from] = lanes([dst, src]) as [Lanes, Lanes];
      addLanes(to, from);
      return;
    }
    const products = gfMulTable(coefficient);
    for (let i = 0; i < dst.length; i++) dst[i] = (dst[i] as number) ^ (products[src[i] as number] as number);
  });
}

function addLanes(to: Lanes, from: Lanes): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) ^ (from[i] as number);
}
