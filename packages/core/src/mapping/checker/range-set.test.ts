import fc from "fast-check";
import { expect, it } from "vitest";
import { RangeSet } from "./range-set.js";

const SIZE = 40;
const range = fc
  .tuple(fc.nat({ max: SIZE }), fc.nat({ max: SIZE }))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

it("is the set that a list of flags would be, through any sequence of additions and removals", () => {
  const step = fc.record({ range, add: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), range, (steps, [from, to]) => {
      const set = new RangeSet();
      const flags: boolean[] = Array(SIZE).fill(false);
      for (const {
        range: [start, end],
        add,
      } of steps) {
        if (add) set.add(start, end);
        else set.remove(start, end);
        flags.fill(add, start, end);
      }
      expect(set.empty).toBe(!flags.includes(true));
      expect(set.overlaps(from, to)).toBe(flags.slice(from, to).includes(true));
      const found: number[] = [];
      const runs: number[][] = [];
      set.within(from, to, (start, end) => {
        runs.push([start, end]);
        for (let i = start; i < end; i++) found.push(i);
      });
      expect(found).toEqual([...flags.keys()].filter((i) => flags[i] && i >= from && i < to));
      // Joined where they touch.
      for (let i = 1; i < runs.length; i++) expect(runs[i]?.[0]).toBeGreaterThan(runs[i - 1]?.[1] as number);
    }),
    { numRuns: 1000 },
  );
});
