import { gfExp, gfInv, gfMul } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import type { Arena } from "../memory/arena.js";
import { Arenas } from "../memory/arenas.js";
import { hasRelaxedSimd } from "../wasm/features.js";
import type { Block, Kernels } from "./kernels.js";
import { SimdKernels } from "./simd.js";
import { swarKernels } from "./swar.js";

const LENGTH_BYTES = 349;
/** From one block to the next. */
const STRIDE_BYTES = 384;
/** Blocks of a stripe of 257 disks, and four to work with. */
const MAX_BLOCKS = 261;

const arenas = await Arenas.open(hasRelaxedSimd(), 2 ** 24);
const memory = arenas.alloc(MAX_BLOCKS * STRIDE_BYTES, 64);
const { bytes, words } = arenas.of(memory.buffer) as Arena;
const block = (i: number): Block => ({ bytes, words, start: memory.byteOffset + STRIDE_BYTES * i });
const contents = ({ start }: Block): Uint8Array => bytes.slice(start, start + LENGTH_BYTES);

/** A stripe of `disks` disks, P and Q last, whose parity the kernels computed. */
function stripe(kernels: Kernels, disks: number): Block[] {
  const blocks = Array.from({ length: disks }, (_, i) => block(i));
  for (const [i, { start }] of blocks.entries()) {
    for (let at = 0; at < LENGTH_BYTES; at++) bytes[start + at] = (at * 31 + i * 7 + ((at * i) >> 3)) & 0xff;
  }
  const data = blocks.slice(0, -2);
  const coefs = Uint8Array.from(data, (_, i) => gfExp(i));
  kernels.pq(blocks.at(-2)!, blocks.at(-1)!, data, coefs, data.length, LENGTH_BYTES, false);
  return blocks;
}

/** Recovers two blocks from all others, by the formulas of Anvin's paper, with one or two calls each. */
function recover(kernels: Kernels, blocks: readonly Block[], x: number, y: number): void {
  const disks = blocks.length;
  const [pAt, qAt] = [disks - 2, disks - 1];
  const [dx, dy, p, q] = [blocks[x]!, blocks[y]!, blocks[pAt]!, blocks[qAt]!];
  const rest = Array.from({ length: pAt }, (_, i) => i).filter((i) => i !== x && i !== y);
  const srcs = rest.map((i) => blocks[i]!);
  const coefs = Uint8Array.from(rest, (i) => gfExp(i));
  const [pd, qd] = [block(MAX_BLOCKS - 1), block(MAX_BLOCKS - 2)];
  const everything = [...srcs, dx];
  const allCoefs = Uint8Array.of(...coefs, gfExp(x));
  if (x === pAt) kernels.pq(p, q, srcs, coefs, srcs.length, LENGTH_BYTES, false);
  else if (y === qAt) {
    kernels.xor(dx, [...srcs, p], srcs.length + 1, LENGTH_BYTES);
    kernels.pq(null, q, everything, allCoefs, everything.length, LENGTH_BYTES, false);
  } else if (y === pAt) {
    const scaled = Uint8Array.of(...coefs, 1).map((coef) => gfMul(coef, gfInv(gfExp(x))));
    kernels.pq(null, dx, [...srcs, q], scaled, srcs.length + 1, LENGTH_BYTES, false);
    kernels.xor(p, everything, everything.length, LENGTH_BYTES);
  } else {
    kernels.copy(pd, p, LENGTH_BYTES);
    kernels.copy(qd, q, LENGTH_BYTES);
    if (srcs.length > 0) kernels.pq(pd, qd, srcs, coefs, srcs.length, LENGTH_BYTES, true);
    const a = gfInv(gfExp(y - x) ^ 1);
    const b = gfInv(gfExp(x) ^ gfExp(y));
    kernels.pq(null, dy, [pd, qd], Uint8Array.of(a, b), 2, LENGTH_BYTES, false);
    kernels.xor(dx, [dy, pd], 2, LENGTH_BYTES);
  }
}

function expectRecovery(kernels: Kernels, blocks: readonly Block[], x: number, y: number): void {
  const lost = [x, y].map((i) => contents(blocks[i]!));
  for (const i of [x, y]) kernels.fill(blocks[i]!, 0xa5, LENGTH_BYTES);
  recover(kernels, blocks, x, y);
  for (const [k, i] of [x, y].entries()) expect(Buffer.compare(contents(blocks[i]!), lost[k]!)).toBe(0);
}

describe.each([
  { name: "simd", kernels: new SimdKernels(arenas) as Kernels },
  { name: "swar", kernels: swarKernels },
])("$name kernels recover", ({ kernels }) => {
  it("every two blocks of stripes of up to 32 disks", () => {
    for (let disks = 4; disks <= 32; disks++) {
      const blocks = stripe(kernels, disks);
      for (let y = 1; y < disks; y++) {
        for (let x = 0; x < y; x++) expectRecovery(kernels, blocks, x, y);
      }
    }
  });

  it("some blocks of stripes of up to 257 disks", () => {
    for (let disks = 33; disks <= 257; disks += 16) {
      const blocks = stripe(kernels, disks);
      for (let y = disks - 1; y > 0; y -= 19) {
        for (let x = y - 1; x >= 0; x -= 53) expectRecovery(kernels, blocks, x, y);
      }
    }
  });
});
