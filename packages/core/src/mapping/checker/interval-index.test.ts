import fc from "fast-check";
import { expect, it } from "vitest";
import { IntervalIndex } from "./interval-index.js";

const place = fc.oneof(fc.nat({ max: 20_000 }), fc.constantFrom(0, 4095, 4096, 8191, 8192));
const interval = fc.record({
  start: place,
  length: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 9000 })),
});

it("finds what a search of all entries would find", () => {
  fc.assert(
    fc.property(
      fc.array(interval, { maxLength: 30 }),
      fc.array(fc.nat({ max: 29 })),
      interval,
      (entries, gone, asked) => {
        const index = new IntervalIndex<(typeof entries)[number]>(
          (entry) => entry.start,
          (entry) => entry.start + entry.length,
        );
        for (const entry of entries) index.add(entry);
        const left = new Set(entries);
        for (const i of gone) {
          const entry = entries[i];
          if (entry === undefined || !left.delete(entry)) continue;
          index.delete(entry);
        }
        expect(index.all()).toEqual(left);
        const covering = [...left].filter((e) => e.start <= asked.start && asked.start < e.start + e.length);
        expect(index.at(asked.start)).toEqual(covering);
        const overlapping = [...left].filter(
          (e) => e.start < asked.start + asked.length && asked.start < e.start + e.length,
        );
        const found = index.findOverlapping(asked.start, asked.start + asked.length, () => true);
        expect(found !== undefined).toBe(overlapping.length > 0);
        if (found !== undefined) expect(overlapping).toContain(found);
        expect(index.findOverlapping(asked.start, asked.start + asked.length, () => false)).toBeUndefined();
      },
    ),
    { numRuns: 500 },
  );
});

it("lets go of places that nobody uses any more", () => {
  const index = new IntervalIndex<{ at: number }>(
    (entry) => entry.at,
    (entry) => entry.at + 1,
  );
  const kept = { at: 5 };
  index.add(kept);
  for (let page = 1; page < 5000; page++) {
    const entry = { at: page * 4096 };
    index.add(entry);
    index.delete(entry);
    index.delete(entry);
  }
  index.add(kept);
  index.delete(kept);
  expect(index.at(5)).toEqual([kept]);
  expect([...index.all()]).toEqual([kept]);
});
