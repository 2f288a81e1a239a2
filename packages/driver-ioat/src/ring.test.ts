import type { DmaTx } from "@dmaengine/core/driver";
import { PhysicalMemory } from "@dmaengine/sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ring, ringCapacity } from "./ring.js";

/** Stands for a transaction: the ring only hands it back. */
function owner(n: number): DmaTx {
  return { index: n } as DmaTx;
}

function newRing(order: number, maxOrder = order, chain: "ring" | "list" = "ring") {
  const memory = new PhysicalMemory("test");
  const words = new Uint32Array(16);
  return {
    memory,
    ring: new Ring(memory, { order, maxOrder, chain }),
    /** What the hardware reads in the descriptor at `addr` as the address of the next one. */
    nextOf(addr: number): number {
      expect(memory.readBlock(addr, words)).toBe(true);
      return new DataView(words.buffer).getUint32(24, true);
    },
  };
}

/** A descriptor that is submitted and not cleaned up. */
interface Active {
  readonly addr: number;
  readonly owner: DmaTx;
  readonly completes: boolean;
  readonly entries: number;
}

describe("Ring", () => {
  it("is linked in a circle, and gives its memory back", () => {
    const { memory, ring, nextOf } = newRing(3);
    const first = ring.tail.addr;
    const seen = new Set<number>();
    for (let addr = first; !seen.has(addr); addr = nextOf(addr)) seen.add(addr);
    expect(seen.size).toBe(8);
    expect(nextOf([...seen].at(-1) as number)).toBe(first);
    ring.free();
    expect(memory.locate(first, 1)).toBeNull();
  });

  it.each(["ring", "list"] as const)(
    "gives back, in order, what was put in, whatever its size and growth, and is linked in that order (%s)",
    (chain) => {
      const transaction = fc.record({
        /** A descriptor of the transaction: true, it has an extension. */
        descriptors: fc.array(fc.boolean(), { minLength: 1, maxLength: 2 }),
        /** How many descriptors are cleaned up before it. */
        pops: fc.nat(4),
      });
      fc.assert(
        fc.property(
          fc.array(transaction, { maxLength: 300 }),
          fc.constantFrom(3, 4),
          fc.nat(3),
          (transactions, order, growth) => {
            const maxOrder = order + growth;
            const { ring, nextOf } = newRing(order, maxOrder, chain);
            const model: Active[] = [];
            const active = (): number => model.reduce((sum, { entries }) => sum + entries, 0);
            /** Where the hardware would go on. */
            let expected: number | null = null;
            for (const [n, { descriptors, pops }] of transactions.entries()) {
              for (let i = 0; i < pops && model.length > 0; i++) {
                const first = model.shift() as Active;
                expect(ring.tail.addr).toBe(first.addr);
                expect(ring.tail.owner).toBe(first.owner);
                expect(ring.isActive(first.addr)).toBe(true);
                expect(ring.pop()).toBe(first.completes ? first.owner : null);
                expect(ring.isActive(first.addr)).toBe(false);
              }
              // Nothing of a list takes two entries.
              const spans = descriptors.map((extended) => (extended && chain === "ring" ? 2 : 1));
              const entries = spans.reduce((sum, span) => sum + span, 0);
              const fits = active() + entries <= ringCapacity(maxOrder);
              expect(ring.reserve(entries)).toBe(fits);
              if (!fits) continue;
              ring.unreserve(entries);
              const tx = owner(n);
              for (const [i, span] of spans.entries()) {
                const completes = i === spans.length - 1;
                const last = model.at(-1);
                const entry = ring.add(1, 0, tx, completes);
                if (chain === "list" && last !== undefined) expect(nextOf(last.addr)).toBe(entry.addr);
                if (chain === "list") expect(nextOf(entry.addr)).toBe(0);
                else if (expected !== null && model.length > 0) expect(entry.addr).toBe(expected);
                let { addr } = entry;
                if (span === 2) {
                  const extension = ring.extend();
                  expect(nextOf(addr)).toBe(extension.addr);
                  addr = extension.addr;
                }
                expected = nextOf(addr);
                model.push({ addr: entry.addr, owner: tx, completes, entries: span });
              }
              expect(ring.active).toBe(active());
              expect(ring.pending).toBe(entries);
              expect(ring.issue()).toBe(entries);
              expect([ring.pending, ring.atWork]).toEqual([0, true]);
            }
            ring.unissue();
            expect([ring.pending, ring.atWork]).toEqual([active(), false]);
            ring.reserve(1);
            ring.clear();
            expect([ring.active, ring.reserve(ringCapacity(maxOrder))]).toEqual([0, true]);
            expect(ring.size).toBeLessThanOrEqual(2 ** maxOrder);
          },
        ),
      );
    },
  );

  it("doubles when it is full and no sooner, as far as it may", () => {
    const { ring } = newRing(3, 5);
    const sizes: number[] = [];
    while (ring.reserve(1)) sizes.push(ring.size);
    expect(sizes).toEqual([...new Array(4).fill(8), ...new Array(8).fill(16), ...new Array(16).fill(32)]);
    expect(ring.size).toBe(32);
  });

  it("does not use again what was done last, nor its extension, although it has grown meanwhile", () => {
    const { ring } = newRing(3, 4);
    const base = ring.add(1, 0, owner(0), true);
    const done = [base.addr, ring.extend().addr];
    ring.issue();
    ring.pop();
    expect(ring.reserve(ringCapacity(4))).toBe(true);
    ring.unreserve(ringCapacity(4));
    for (let n = 0; n < ringCapacity(4); n++) {
      expect(done).not.toContain(ring.add(1, 0, owner(n), true).addr);
    }
  });

  it("goes on in a list where it was cleaned up last, although it has grown meanwhile", () => {
    const { ring, nextOf } = newRing(3, 4, "list");
    const last = ring.add(1, 0, owner(0), true);
    ring.issue();
    ring.pop();
    expect(ring.reserve(ringCapacity(4))).toBe(true);
    const first = ring.add(1, 0, owner(1), true);
    expect(nextOf(last.addr)).toBe(first.addr);
  });

  it("has the same room for transactions whether a descriptor of the driver's own is active or not", () => {
    const { ring } = newRing(3);
    ring.add(1, 0, null, true);
    expect(ring.reserve(ringCapacity(3) + 1)).toBe(false);
    expect(ring.reserve(ringCapacity(3))).toBe(true);
    ring.unreserve(ringCapacity(3));
    for (let n = 0; n < ringCapacity(3); n++) ring.add(1, 0, owner(n), true);
    expect(ring.active).toBe(5);
    expect(ring.reserve(1)).toBe(false);
    expect(ring.pop()).toBeNull();
    expect(ring.reserve(1)).toBe(false);
    ring.pop();
    expect(ring.reserve(1)).toBe(true);
  });

  it("has nothing pending when the hardware was ahead of the door bell", () => {
    const { ring } = newRing(3, 3, "list");
    ring.add(1, 0, owner(0), true);
    ring.add(1, 0, owner(1), true);
    ring.pop();
    expect([ring.pending, ring.atWork]).toEqual([1, false]);
    ring.pop();
    expect([ring.pending, ring.atWork]).toEqual([0, false]);
  });

  it("knows no entry outside itself or between two", () => {
    const { ring } = newRing(3);
    const first = ring.add(1, 0, owner(0), true).addr;
    ring.add(1, 0, owner(1), true);
    const active = [first, first + 64].map((addr) => ring.isActive(addr));
    const others = [0, first - 64, first + 1, first + 128, first + 8 * 64].map((addr) => ring.isActive(addr));
    expect(active).toEqual([true, true]);
    expect(others).toEqual([false, false, false, false, false]);
  });

  it("gives each descriptor a super extended descriptor of its own, and the same again", () => {
    const { ring, memory } = newRing(6);
    const entries = Array.from({ length: 40 }, (_, n) => ring.add(1, 0, owner(n), true));
    const seds = entries.map((entry) => ring.sedOf(entry).addr);
    expect(new Set(seds).size).toBe(40);
    for (const addr of seds) {
      expect(addr % 64).toBe(0);
      expect(memory.locate(addr, 128)).not.toBeNull();
    }
    expect(entries.map((entry) => ring.sedOf(entry).addr)).toEqual(seds);
  });
});
