import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Geometry } from "../geometry.js";
import { PageMemory } from "../offload/page-memory.js";
import type { Piece } from "./piece.js";
import { coversStripe, holdsSome, piecesIn, visitStripes } from "./span.js";
import { StripeHead } from "./stripe-head.js";

const CHUNK = 16384;

const request = fc.record({
  stripeBytes: fc.constantFrom(4096, 8192, CHUNK),
  layout: fc.constantFrom(0, 2, 10, 18),
  offset: fc.nat(200_000),
  length: fc.integer({ min: 1, max: 200_000 }),
});

function geometryOf(layout: number): Geometry {
  return new Geometry({ level: 6, raidDisks: 5, layout, chunkBytes: CHUNK, memberBytes: 16 * CHUNK });
}

/** All of a piece but its memory, which would be compared byte by byte. */
type Where = Omit<Piece, "memory">;

function whereOf({ slot, pageOffset, memoryOffset, lengthBytes }: Where): readonly number[] {
  return [slot, pageOffset, memoryOffset, lengthBytes];
}

/** Cuts a request at the ends of pages, from begin to end: its pieces by the stripes that they are in. */
function cut(geometry: Geometry, stripeBytes: number, offset: number, length: number): Map<number, Where[]> {
  const byStripe = new Map<number, Where[]>();
  for (let memoryOffset = 0; memoryOffset < length; ) {
    const at = geometry.locate(offset + memoryOffset);
    const slot = geometry.row(at.stripe).data[at.index] as number;
    const pageOffset = at.offset % stripeBytes;
    const lengthBytes = Math.min(stripeBytes - pageOffset, length - memoryOffset);
    const stripe = (at.stripe * CHUNK + at.offset - pageOffset) / stripeBytes;
    byStripe.set(stripe, [...(byStripe.get(stripe) ?? []), { slot, pageOffset, memoryOffset, lengthBytes }]);
    memoryOffset += lengthBytes;
  }
  return byStripe;
}

describe("spans", () => {
  it("lie in the stripes, and in these in the pieces, that cutting them from begin to end gives", () => {
    fc.assert(
      fc.property(request, ({ stripeBytes, layout, offset, length }) => {
        const geometry = geometryOf(layout);
        const memory = new Uint8Array(length);
        const byStripe = cut(geometry, stripeBytes, offset, length);
        const visited: number[] = [];
        visitStripes(geometry, stripeBytes, offset, offset + length, (stripe) => visited.push(stripe));
        expect(visited).toEqual([...byStripe.keys()].sort((a, b) => a - b));

        const stripe = new StripeHead(geometry, stripeBytes, new PageMemory());
        const stripes = geometry.memberBytes / stripeBytes;
        for (let number = 0; number < stripes; number++) {
          const expected = byStripe.get(number) ?? [];
          stripe.become(number);
          const pieces = piecesIn(geometry, stripe, [{ offset, memory }]);
          expect(pieces.every((piece) => piece.memory === memory)).toBe(true);
          expect(pieces.map(whereOf)).toEqual(expected.map(whereOf));
          expect(holdsSome(geometry, stripeBytes, number, offset, offset + length)).toBe(expected.length > 0);
          expect(holdsSome(geometry, stripeBytes, number, offset, offset)).toBe(false);
          const bytes = expected.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
          expect(coversStripe(geometry, stripe, { offset, memory })).toBe(
            bytes === geometry.dataDisks * stripeBytes,
          );
        }
      }),
      { numRuns: 100 },
    );
  });

  it("come one after the other, whatever they have in common", () => {
    const geometry = geometryOf(2);
    const stripe = new StripeHead(geometry, CHUNK, new PageMemory());
    stripe.become(1);
    const first = { offset: geometry.stripeDataBytes, memory: new Uint8Array(100) };
    const second = { offset: geometry.stripeDataBytes + 50, memory: new Uint8Array(CHUNK) };
    const pieces = piecesIn(geometry, stripe, [first, second]);
    expect(pieces.map(({ memory }) => (memory === first.memory ? 1 : 2))).toEqual([1, 2, 2]);
    expect(pieces.map(({ pageOffset, lengthBytes }) => [pageOffset, lengthBytes])).toEqual([
      [0, 100],
      [50, CHUNK - 50],
      [0, 50],
    ]);
  });
});
