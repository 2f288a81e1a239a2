import fc from "fast-check";
import { expect, it } from "vitest";
import { ContentGuard, CopyPool, poison } from "./content-guard.js";

it("finds the first changed byte of any range, at any alignment", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 7 }),
      fc.integer({ min: 1, max: 70 }),
      fc.array(fc.nat({ max: 69 }), { maxLength: 4 }),
      fc.nat({ max: 70 }),
      fc.nat({ max: 70 }),
      (offset, length, changes, a, b) => {
        const memory = Uint8Array.from({ length: 100 }, (_, i) => i).subarray(offset, offset + length);
        const guard = new ContentGuard(memory, new CopyPool());
        guard.guard(0, length);
        const changed = changes.filter((at) => at < length);
        for (const at of changed) memory[at] = 255 - at;
        const [start, end] = [Math.min(a, b, length), Math.min(Math.max(a, b), length)];
        const inRange = changed.filter((at) => at >= start && at < end);
        expect(guard.changedByte(start, end)).toBe(inRange.length === 0 ? -1 : Math.min(...inRange));
      },
    ),
    { numRuns: 1000 },
  );
});

it("looks only where it guards, at what was there when guarding began", () => {
  const memory = new Uint8Array(32);
  const guard = new ContentGuard(memory, new CopyPool());
  memory.fill(1);
  expect(guard.changedByte(0, 32)).toBe(-1);
  guard.guard(0, 32);
  guard.release(8, 16);
  memory.fill(2, 8, 16);
  expect(guard.changedByte(0, 32)).toBe(-1);
  guard.guard(8, 16);
  memory[12] = 3;
  expect(guard.changedByte(0, 32)).toBe(12);
  expect(guard.changedByte(13, 32)).toBe(-1);
});

it("poisons", () => {
  const memory = new Uint8Array(3);
  poison(memory.subarray(1));
  expect([...memory]).toEqual([0, 0x5a, 0x5a]);
});

it("copies into memory that is used again", () => {
  const pool = new CopyPool();
  const buffer = pool.take(100);
  expect(buffer.byteLength).toBe(128);
  pool.give(buffer);
  expect(pool.take(65)).toBe(buffer);
  expect(pool.take(128)).not.toBe(buffer);
  const big = Array.from({ length: 5 }, () => pool.take(4 * 1024 * 1024));
  for (const each of big) pool.give(each);
  const again = big.map(() => pool.take(4 * 1024 * 1024));
  expect(again.filter((each) => big.includes(each))).toHaveLength(4);
});
