import { PhysicalMemory } from "@dmaengine/sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlotPool, slotCount } from "./slot-pool.js";

const SLOTS = 128;
const LONGEST = 8;

function newPool(): SlotPool {
  return new SlotPool(new PhysicalMemory("test"), 1, LONGEST);
}

describe("SlotPool", () => {
  it("has 32-byte slots in pages of 4 KiB", () => {
    expect(slotCount(1)).toBe(SLOTS);
    expect(slotCount(3)).toBe(384);
    const pool = newPool();
    expect(pool.addressOf(5) - pool.addressOf(0)).toBe(5 * 32);
    expect(pool.addressOf(0) % 4096).toBe(0);
  });

  it("promises all but the longest descriptor's slots, which what is done may keep", () => {
    const pool = newPool();
    const first = pool.alloc(8, true);
    let count = 1;
    while (pool.alloc(8, true) >= 0) count += 1;
    expect(count).toBe(15);
    pool.discount(first);
    expect(pool.alloc(8, true)).toBe(120);
    expect(pool.alloc(1, true)).toBe(-1);
    // It was discounted already.
    pool.free(first);
    expect(pool.alloc(1, true)).toBe(-1);
  });

  it("zeroes what it gives out", () => {
    const pool = newPool();
    const slot = pool.alloc(2, true);
    pool.words.fill(0xffff_ffff);
    pool.free(slot);
    expect(pool.alloc(2, true)).toBe(slot);
    expect([...pool.words.subarray(8 * slot, 8 * slot + 17)]).toEqual([
      ...new Array(16).fill(0),
      0xffff_ffff,
    ]);
  });

  it("knows a descriptor by its address, and nothing else", () => {
    const pool = newPool();
    pool.alloc(1, false);
    const slot = pool.alloc(3, false);
    expect(pool.slotAt(pool.addressOf(slot))).toBe(slot);
    for (const addr of [pool.addressOf(slot) + 4, pool.addressOf(slot + 1), pool.addressOf(SLOTS), 0, -32]) {
      expect(pool.slotAt(addr)).toBe(-1);
    }
  });

  it("refuses memory that a 32-bit register can't name", () => {
    const poolAt = (dmaAddr: number): SlotPool => {
      const memory = new PhysicalMemory("test");
      memory.allocCoherent = (sizeBytes) => ({ dmaAddr, bytes: new Uint8Array(sizeBytes) });
      return new SlotPool(memory, 1, LONGEST);
    };
    expect(() => poolAt(2 ** 32)).toThrow(expect.objectContaining({ code: "ERR_DMA_DRIVER" }));
    expect(poolAt(2 ** 32 - 4096).addressOf(1)).toBe(2 ** 32 - 4096 + 32);
  });

  it.each([true, false])("gives no slot to two, and aligns if it is to (%s)", (aligned) => {
    const step = fc.record({ slots: fc.constantFrom(1, 2, 4, 8), free: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const pool = newPool();
        const held: { slot: number; slots: number }[] = [];
        for (const { slots, free, which } of steps) {
          if (free && held.length > 0) {
            const [gone] = held.splice(which % held.length, 1);
            pool.free(gone?.slot ?? -1);
            continue;
          }
          const slot = pool.alloc(slots, aligned);
          const used = held.reduce((sum, one) => sum + one.slots, 0);
          if (slot < 0) continue;
          expect(used + slots).toBeLessThanOrEqual(SLOTS - LONGEST);
          expect(slot + slots).toBeLessThanOrEqual(SLOTS);
          if (aligned) expect(slot % slots).toBe(0);
          expect(pool.sizeOf(slot)).toBe(slots);
          for (const one of held) {
            expect(slot >= one.slot + one.slots || slot + slots <= one.slot).toBe(true);
          }
          held.push({ slot, slots });
        }
        // When everything is free again, the longest fits.
        for (const { slot } of held) pool.free(slot);
        expect(pool.alloc(LONGEST, aligned)).toBe(0);
      }),
    );
  });
});
