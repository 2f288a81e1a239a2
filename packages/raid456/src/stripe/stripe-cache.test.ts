import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Geometry } from "../geometry.js";
import { CpuOffload } from "../offload/cpu-offload.js";
import { StripeCache } from "./stripe-cache.js";
import { StripeHead } from "./stripe-head.js";
import { isUptodate, type StripePage, setUptodate } from "./stripe-page.js";

const geometry = new Geometry({ level: 5, raidDisks: 3, chunkBytes: 4096, memberBytes: 4096 * 64 });

function newCache(size: number) {
  let made = 0;
  const offload = new CpuOffload([]);
  const cache = new StripeCache(size, () => {
    made += 1;
    return new StripeHead(geometry, 4096, offload);
  });
  return { cache, made: () => made };
}

describe("StripeCache", () => {
  it("never gives a stripe to two tasks, never makes more than its size, and serves everybody", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(8), { maxLength: 40 }),
        async (scheduler, size, numbers) => {
          const { cache, made } = newCache(size);
          const held = new Set<number>();
          const tasks = numbers.map(async (number) => {
            const stripe = await cache.get(number);
            expect(stripe.number).toBe(number);
            expect(held.has(number)).toBe(false);
            held.add(number);
            expect(held.size).toBeLessThanOrEqual(size);
            await scheduler.schedule(Promise.resolve());
            held.delete(number);
            cache.release(stripe);
          });
          await scheduler.waitFor(Promise.all(tasks));
          expect(made()).toBeLessThanOrEqual(size);
        },
      ),
    );
  });

  it("keeps content while there is room and forgets it with the stripe that was used least recently", async () => {
    const { cache } = newCache(2);
    const range = { start: 0, end: 4096 };
    for (const number of [0, 1, 0]) {
      const stripe = await cache.get(number);
      setUptodate(stripe.pages[0] as StripePage, range);
      cache.release(stripe);
    }
    const third = await cache.get(2);
    expect(isUptodate(third.pages[0] as StripePage, range)).toBe(false);
    cache.release(third);
    const first = await cache.get(0);
    expect(isUptodate(first.pages[0] as StripePage, range)).toBe(true);
    cache.release(first);
    cache.invalidate();
    const again = await cache.get(0);
    expect(isUptodate(again.pages[0] as StripePage, range)).toBe(false);
  });
});

describe("what is known of a page", () => {
  it("is joined where ranges touch, and never claims more than was said", () => {
    const range = fc
      .tuple(fc.nat(100), fc.integer({ min: 1, max: 40 }))
      .map(([start, n]) => ({ start, end: start + n }));
    fc.assert(
      fc.property(fc.array(range, { minLength: 1 }), (ranges) => {
        const page: StripePage = { bytes: new Uint8Array(0), mapping: null, valid: { start: 0, end: 0 } };
        const said = new Set<number>();
        for (const known of ranges) {
          setUptodate(page, known);
          for (let at = known.start; at < known.end; at++) said.add(at);
          expect(isUptodate(page, known)).toBe(true);
          for (let at = page.valid.start; at < page.valid.end; at++) expect(said.has(at)).toBe(true);
        }
      }),
    );
  });
});
