import fc from "fast-check";
import { expect, it } from "vitest";
import { FreeList } from "./free-list.js";

const START = 128;
const END = 128 + 64 * 64;

it("gives out what it has, aligned, to one at a time, and gets all of it back", () => {
  const step = fc.record({
    take: fc.boolean(),
    sizeBytes: fc.integer({ min: 1, max: 900 }),
    alignBytes: fc.constantFrom(1, 64, 256, 1024),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const list = new FreeList(START, END);
      const used = new Map<number, number>();
      for (const { take, sizeBytes, alignBytes, which } of steps) {
        if (!take) {
          const start = [...used.keys()][which % Math.max(used.size, 1)];
          if (start === undefined) continue;
          used.delete(start);
          expect(list.give(start)).toBe(true);
          expect(list.give(start)).toBe(false);
          continue;
        }
        const start = list.take(sizeBytes, alignBytes);
        if (start < 0) continue;
        expect(start % alignBytes).toBe(0);
        expect(start).toBeGreaterThanOrEqual(START);
        expect(start + sizeBytes).toBeLessThanOrEqual(END);
        for (const [other, size] of used) {
          expect(start + sizeBytes <= other || other + size <= start).toBe(true);
        }
        used.set(start, sizeBytes);
      }
      expect(list.empty).toBe(used.size === 0);
      for (const start of used.keys()) list.give(start);
      expect(list.empty).toBe(true);
      expect(list.take(END - START, 64)).toBe(START);
    }),
  );
});

it("refuses when there is not so much in one piece", () => {
  const list = new FreeList(0, 256);
  const starts = [1, 2, 3, 4].map(() => list.take(64, 64));
  expect(starts).toEqual([0, 64, 128, 192]);
  expect(list.take(1, 64)).toBe(-1);
  list.give(0);
  list.give(128);
  expect(list.take(65, 64)).toBe(-1);
  list.give(64);
  expect(list.take(192, 64)).toBe(0);
});

it("gives nothing out of nothing", () => {
  expect(new FreeList(64, 64).take(1, 1)).toBe(-1);
});
