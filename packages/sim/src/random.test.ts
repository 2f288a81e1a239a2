import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SeededRandom } from "./random.js";

describe("SeededRandom", () => {
  it("gives mulberry32's sequence", () => {
    // Computed with the same steps in C.
    const random = new SeededRandom(0);
    expect([1, 2, 3].map(() => random.below(2 ** 32))).toEqual([1144304738, 1416247, 958946056]);
  });

  it("stays below the limit", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, limit) => {
        const n = new SeededRandom(seed).below(limit);
        expect(Number.isInteger(n) && n >= 0 && n < limit).toBe(true);
      }),
    );
  });

  it("goes on where its state says", () => {
    const random = new SeededRandom(9);
    random.below(10);
    const { state } = random;
    const next = [random.below(100), random.below(100)];
    random.state = state;
    expect([random.below(100), random.below(100)]).toEqual(next);
  });
});
