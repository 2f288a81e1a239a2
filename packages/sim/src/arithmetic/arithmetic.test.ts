import { DmaDirection, gfMul } from "@dmaengine/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PhysicalMemory } from "../memory.js";
import { copyBlock } from "./copy.js";
import { fillBlock } from "./fill.js";
import { SumUnit } from "./sum-unit.js";

/** Memory of devices, with a buffer of noise in it, and what finds the window of an address. */
function rig(sizeBytes: number) {
  const memory = new PhysicalMemory("test");
  let state = 0x9e3779b9;
  const bytes = Uint8Array.from({ length: sizeBytes }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  const base = memory.domain.map(bytes, 0, sizeBytes, DmaDirection.BIDIRECTIONAL);
  const window = memory.locate(base, sizeBytes);
  if (window === null) throw new Error("not mapped");
  return { bytes, base, window };
}

const offset = fc.nat(9);
/** Around a tile of 4096 bytes, too. */
const length = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(4095, 4096, 4097, 8200));

it("copyBlock copies, to the byte", () => {
  fc.assert(
    fc.property(offset, offset, length, (srcAt, dstAt, lengthBytes) => {
      const { bytes, base, window } = rig(20_000);
      const expected = bytes.slice();
      expected.copyWithin(10_000 + dstAt, srcAt, srcAt + lengthBytes);
      copyBlock(window, base + srcAt, window, base + 10_000 + dstAt, lengthBytes);
      expect(Buffer.compare(bytes, expected)).toBe(0);
    }),
  );
});

it("fillBlock repeats the pattern from its start", () => {
  const { bytes, base, window } = rig(32);
  const before = bytes.slice();
  fillBlock(window, base + 3, Uint8Array.of(1, 2, 3), 8);
  expect([...bytes]).toEqual([...before.slice(0, 3), 1, 2, 3, 1, 2, 3, 1, 2, ...before.slice(11)]);
});

describe("SumUnit", () => {
  const BLOCK_BYTES = 9000;
  const sums = fc.record({
    sources: fc.array(fc.record({ block: fc.nat(3), at: offset, coef: fc.nat(255) }), {
      minLength: 1,
      maxLength: 9,
    }),
    p: fc.option(offset),
    q: fc.option(offset),
    /** P is where the first source is. */
    inPlace: fc.boolean(),
    length,
  });

  it("sums and multiplies, and P may be a source", () => {
    const unit = new SumUnit();
    fc.assert(
      fc.property(sums, ({ sources, p, q, inPlace, length: lengthBytes }) => {
        const { bytes, base, window } = rig(6 * BLOCK_BYTES);
        const at = (block: number, offsetBytes: number): number => block * BLOCK_BYTES + offsetBytes;
        const [first] = sources as [(typeof sources)[number]];
        // In place, no other source may overlap what is written.
        const used = inPlace
          ? sources.filter((source, i) => i === 0 || source.block !== first.block)
          : sources;
        const pAt = inPlace ? at(first.block, first.at) : at(4, p ?? 0);
        const qAt = at(5, q ?? 0);
        const expected = bytes.slice();
        for (let i = 0; i < lengthBytes; i++) {
          const values = used.map(
            ({ block, at: offsetBytes }) => bytes[at(block, offsetBytes) + i] as number,
          );
          if (p !== null) expected[pAt + i] = values.reduce((sum, value) => sum ^ value, 0);
          if (q !== null) {
            expected[qAt + i] = values.reduce((sum, value, n) => sum ^ gfMul(used[n]?.coef ?? 0, value), 0);
          }
        }
        unit.clear();
        for (const { block, at: offsetBytes, coef } of used)
          unit.addSource(window, base + at(block, offsetBytes), coef);
        if (p !== null) unit.setP(window, base + pAt);
        if (q !== null) unit.setQ(window, base + qAt);
        unit.store(lengthBytes);
        expect(Buffer.compare(bytes, expected)).toBe(0);
      }),
    );
  });

  it("finds each byte that is not the sum, and writes nothing", () => {
    const { bytes, base, window } = rig(3 * BLOCK_BYTES);
    const unit = new SumUnit();
    unit.addSource(window, base, 2);
    unit.setP(window, base + BLOCK_BYTES);
    unit.setQ(window, base + 2 * BLOCK_BYTES);
    unit.store(4100);
    expect(unit.check(4100)).toEqual({ p: false, q: false });
    for (const at of [0, 4095, 4096, 4099]) {
      for (const [block, mismatch] of [
        [1, { p: true, q: false }],
        [2, { p: false, q: true }],
      ] as const) {
        bytes[block * BLOCK_BYTES + at]! ^= 0x80;
        const before = bytes.slice();
        expect(unit.check(4100)).toEqual(mismatch);
        expect(Buffer.compare(bytes, before)).toBe(0);
        bytes[block * BLOCK_BYTES + at]! ^= 0x80;
      }
    }
    expect(unit.check(4100)).toEqual({ p: false, q: false });
  });
});
