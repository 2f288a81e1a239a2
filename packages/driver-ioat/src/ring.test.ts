import type { DmaTx } from "@dmaengine/core/driver";
import { PhysicalMemory } from "@dmaengine/sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ring, ringCapacity } from "./ring.js";

/** Stands for a transaction: the ring only hands it back. */
function owner(n: number): DmaTx {
  return { index: n } as DmaTx;
}

describe("Ring", () => {
  it("is linked in a circle", () => {
    const memory = new PhysicalMemory("test");
    const ring = new Ring(memory, 3);
    let addr = ring.addressOf(0);
    const words = new Uint32Array(16);
    const seen = new Set<number>();
    for (let n = 0; n < 8; n++) {
      expect(addr).toBe(ring.addressOf(n));
      seen.add(addr);
      memory.readBlock(addr, words);
      addr = new DataView(words.buffer).getUint32(24, true);
    }
    expect(addr).toBe(ring.addressOf(0));
    expect(seen.size).toBe(8);
    ring.free(memory);
    expect(memory.locate(addr, 1)).toBeNull();
  });

  it("gives back, in order, what was put in, whatever its size", () => {
    const transaction = fc.record({
      /** A descriptor of the transaction: true, it has an extension. */
      descriptors: fc.array(fc.boolean(), { minLength: 1, maxLength: 2 }),
      /** How many descriptors are cleaned up before it. */
      pops: fc.nat(6),
    });
    fc.assert(
      fc.property(fc.array(transaction, { maxLength: 300 }), fc.constantFrom(3, 4), (transactions, order) => {
        const ring = new Ring(new PhysicalMemory("test"), order);
        const model: { addr: number; completes: DmaTx | null; entries: number; owner: DmaTx }[] = [];
        const active = (): number => model.reduce((sum, { entries }) => sum + entries, 0);
        for (const [n, { descriptors, pops }] of transactions.entries()) {
          for (let i = 0; i < pops && model.length > 0; i++) {
            const first = model.shift();
            expect(ring.addressOf(ring.tail)).toBe(first?.addr);
            expect(ring.ownerAtTail()).toBe(first?.owner);
            expect(ring.isActive(first?.addr ?? 0)).toBe(true);
            expect(ring.pop()).toBe(first?.completes);
            expect(ring.isActive(first?.addr ?? 0)).toBe(false);
          }
          const entries = descriptors.reduce((sum, extended) => sum + (extended ? 2 : 1), 0);
          const fits = active() + entries <= ringCapacity(order);
          expect(ring.reserve(entries)).toBe(fits);
          if (!fits) continue;
          expect(ring.reserve(2 ** order - active() - entries)).toBe(false);
          ring.unreserve(entries);
          const tx = owner(n);
          for (const [i, extended] of descriptors.entries()) {
            const last = i === descriptors.length - 1;
            const index = ring.add(1, 0, tx, last);
            if (extended) ring.extend();
            model.push({
              addr: ring.addressOf(index),
              completes: last ? tx : null,
              entries: extended ? 2 : 1,
              owner: tx,
            });
          }
          expect(ring.active).toBe(active());
          expect(ring.pending).toBe(entries);
          expect(ring.issue()).toBe(entries);
          expect(ring.pending).toBe(0);
        }
        ring.unissue();
        expect(ring.pending).toBe(active());
        ring.reserve(1);
        ring.clear();
        expect([ring.active, ring.reserve(ringCapacity(order))]).toEqual([0, true]);
      }),
    );
  });

  it("has the same room for transactions whether a descriptor of the driver's own is active or not", () => {
    const ring = new Ring(new PhysicalMemory("test"), 3);
    ring.add(1, 0, null, true);
    expect(ring.reserve(ringCapacity(3) + 1)).toBe(false);
    expect(ring.reserve(ringCapacity(3))).toBe(true);
    ring.unreserve(ringCapacity(3));
    for (let n = 0; n < ringCapacity(3); n++) ring.add(1, 0, owner(n), true);
    expect(ring.active).toBe(7);
    expect(ring.reserve(1)).toBe(false);
    expect(ring.pop()).toBeNull();
    expect(ring.reserve(1)).toBe(false);
    ring.pop();
    expect(ring.reserve(1)).toBe(true);
  });

  it("knows no entry outside itself or between two", () => {
    const ring = new Ring(new PhysicalMemory("test"), 3);
    ring.add(1, 0, null, true);
    ring.add(1, 0, null, true);
    const first = ring.addressOf(0);
    const active = [first, first + 64].map((addr) => ring.isActive(addr));
    const others = [0, first - 64, first + 1, first + 128, first + 8 * 64].map((addr) => ring.isActive(addr));
    expect(active).toEqual([true, true]);
    expect(others).toEqual([false, false, false, false, false]);
  });
});
