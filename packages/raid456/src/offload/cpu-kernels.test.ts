import { gfMul } from "@dmaengine/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addProducts, xorBlocks, xorsToZero } from "./cpu-kernels.js";

/** Some blocks of equal length, each anywhere in its buffer: aligned to words or not. */
const blocks = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 70 }))
  .chain(([count, length]) =>
    fc.array(
      fc
        .tuple(fc.nat(5), fc.uint8Array({ minLength: length, maxLength: length }))
        .map(([offset, content]) => {
          const block = new Uint8Array(offset + length).subarray(offset);
          block.set(content);
          return block;
        }),
      { minLength: count, maxLength: count },
    ),
  );

describe("kernels of the CPU", () => {
  it("xor any blocks, in place too, as bytes would be", () => {
    fc.assert(
      fc.property(blocks, fc.boolean(), (srcs, inPlace) => {
        const expected = srcs[0]!.map((_, i) => srcs.reduce((sum, src) => sum ^ src[i]!, 0));
        const dst = inPlace ? srcs[0]! : new Uint8Array(expected.length);
        xorBlocks(dst, srcs);
        expect(dst).toEqual(expected);
      }),
    );
  });

  it("see any single bit that keeps a sum from being zero", () => {
    fc.assert(
      fc.property(blocks, fc.nat(), fc.nat(7), (srcs, at, bit) => {
        const sum = srcs[0]!.map((_, i) => srcs.reduce((total, src) => total ^ src[i]!, 0));
        expect(xorsToZero([...srcs, sum])).toBe(true);
        sum[at % sum.length]! ^= 1 << bit;
        expect(xorsToZero([...srcs, sum])).toBe(false);
      }),
    );
  });

  it("add products as the field has them", () => {
    fc.assert(
      fc.property(blocks, fc.uint8Array({ minLength: 12, maxLength: 12 }), (srcs, coefs) => {
        const expected = srcs[0]!.map((_, i) =>
          srcs.reduce((sum, src, k) => sum ^ gfMul(coefs[k]!, src[i]!), 0x5a),
        );
        const dst = new Uint8Array(expected.length).fill(0x5a);
        addProducts(dst, srcs, [...coefs]);
        expect(dst).toEqual(expected);
      }),
    );
  });
});
