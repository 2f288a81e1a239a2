import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Geometry } from "../geometry.js";
import { PageMemory } from "../offload/page-memory.js";
import { newCounters } from "../stats.js";
import { StripeCache } from "./stripe-cache.js";
import { StripeHead } from "./stripe-head.js";
import { isUptodate, type StripePage, setUptodate } from "./stripe-page.js";

const geometry = new Geometry({ level: 5, raidDisks: 3, chunkBytes: 4096, memberBytes: 4096 * 64 });

function newCache(size: number) {
  let made = 0;
  const memory = new PageMemory();
  const counters = newCounters();
  const create = (): StripeHead => {
    made += 1;
    return new StripeHead(geometry, 4096, memory);
  };
  return { cache: new StripeCache(size, create, counters), made: () => made, counters };
}

function addData({ pages, row, wholePage }: StripeHead): void {
  setUptodate(pages[row.data[0] as number] as StripePage, wholePage);
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

  it("makes room where no data is, the last one first, then where nobody was for the longest time", () => {
    const visit = fc.record({
      number: fc.nat(7),
      held: fc.nat(2),
      leavesData: fc.boolean(),
      passing: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 6 }), fc.array(visit, { maxLength: 60 }), (size, visits) => {
        const { cache, made } = newCache(size);
        // The first one makes room first.
        let unused: { readonly number: number; readonly spent: boolean }[] = [];
        const inUse: { readonly stripe: StripeHead; readonly wasThere: boolean }[] = [];
        let most = 0;
        for (const { number, held, leavesData, passing } of visits) {
          while (inUse.length > held) {
            const { stripe, wasThere } = inUse.shift() as (typeof inUse)[0];
            if (passing) cache.releasePassed([stripe]);
            else cache.release(stripe);
            const spent = !stripe.holdsData || (passing && !wasThere);
            const released = { number: stripe.number, spent };
            unused = spent ? [released, ...unused] : [...unused, released];
          }
          const stripe = cache.tryGet(number);
          if (inUse.some((one) => one.stripe.number === number)) {
            expect(stripe).toBeNull();
            continue;
          }
          const wasThere = unused.some((one) => one.number === number);
          if (wasThere) unused = unused.filter((one) => one.number !== number);
          else if (unused[0]?.spent || unused.length + inUse.length === size) unused.shift();
          expect(stripe?.number).toBe(number);
          const taken = stripe as StripeHead;
          if (!wasThere) expect(taken.holdsData).toBe(false);
          if (leavesData) addData(taken);
          inUse.push({ stripe: taken, wasThere });
          most = Math.max(most, unused.length + inUse.length);
          expect(made()).toBe(most);
        }
      }),
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

describe("StripeCache, besides", () => {
  const range = { start: 0, end: 4096 };

  it("gives runs of what can be had at once, and one stripe at least", async () => {
    const { cache } = newCache(4);
    const held = await cache.get(2);
    const run = await cache.getRun(0, 4);
    expect(run.map(({ number }) => number)).toEqual([0, 1]);
    const rest = await cache.getRun(3, 4);
    expect(rest.map(({ number }) => number)).toEqual([3]);
    let got = false;
    const waiting = cache.getRun(2, 2).then((stripes) => {
      got = true;
      return stripes;
    });
    await Promise.resolve();
    expect(got).toBe(false);
    cache.release(held);
    cache.releaseAll(run);
    expect((await waiting).map(({ number }) => number)).toEqual([2]);
  });

  it("frees what is too much after a resize, and lets waiting tasks have what is new", async () => {
    const { cache, made } = newCache(1);
    const first = await cache.get(0);
    const second = cache.get(1);
    cache.resize(2);
    const held = await second;
    expect(made()).toBe(2);
    cache.resize(1);
    cache.release(held);
    expect(cache.tryGet(2)).toBeNull();
    cache.release(first);
    const third = cache.tryGet(2);
    expect(third?.number).toBe(2);
    expect(made()).toBe(2);
  });

  it("never gives a pinned stripe's room away, and never forgets it", async () => {
    const { cache } = newCache(1);
    const pinned = await cache.get(7);
    setUptodate(pinned.pages[0] as StripePage, range);
    cache.invalidate();
    cache.pin(pinned);
    const other = await cache.get(8);
    cache.release(pinned);
    cache.release(other);
    cache.invalidate();
    cache.release(await cache.get(9));
    const again = await cache.get(7);
    expect(again).toBe(pinned);
    expect(isUptodate(again.pages[0] as StripePage, range)).toBe(true);
  });

  it("visits each stripe once, when nobody else uses it", async () => {
    const { cache } = newCache(3);
    const [a, b] = [await cache.get(1), await cache.get(2)];
    addData(b);
    const other = await cache.get(3);
    addData(other);
    cache.release(other);
    const seen: number[] = [];
    const visiting = cache.forEach(({ number }) => void seen.push(number));
    cache.release(b);
    // While the visitor waits for stripe 1, another task takes the room of stripe 3.
    const c = await cache.get(4);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
    cache.release(a);
    cache.release(c);
    await visiting;
    expect(seen.sort()).toEqual([1, 2, 4]);
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
