import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Piece } from "./piece.js";
import { segmentsOf } from "./segments.js";

const PAGE = 4096;
const GRAIN = 512;

const pieceOf = (slot: number, pageOffset: number, lengthBytes: number): Piece => ({
  slot,
  pageOffset,
  memory: new Uint8Array(0),
  memoryOffset: 0,
  lengthBytes,
});

const aligned = fc.tuple(fc.nat(7), fc.integer({ min: 1, max: 8 })).map(([at, n]) => {
  const pageOffset = at * GRAIN;
  return [pageOffset, Math.min(n * GRAIN, PAGE - pageOffset)] as const;
});
const unaligned = fc
  .tuple(fc.nat(PAGE - 1), fc.integer({ min: 1, max: PAGE }))
  .map(([at, n]) => [at, Math.min(n, PAGE - at)] as const);
const piece = fc
  .tuple(fc.nat(3), fc.oneof(aligned, unaligned))
  .map(([slot, [pageOffset, lengthBytes]]) => pieceOf(slot, pageOffset, lengthBytes));

describe("segments", () => {
  it("say of each grain which slots are written in it, and which wholly, and cut only where that changes", () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
        const segments = segmentsOf(pieces);
        let end = 0;
        for (const [i, { range, written }] of segments.entries()) {
          expect(range.start).toBeGreaterThanOrEqual(end);
          expect(range.start % GRAIN).toBe(0);
          expect(range.end % GRAIN).toBe(0);
          expect(range.end).toBeGreaterThan(range.start);
          expect(written.length).toBeGreaterThan(0);
          const before = segments[i - 1];
          if (before?.range.end === range.start) {
            expect([before.written, before.covered]).not.toEqual([written, segments[i]?.covered]);
          }
          end = range.end;
        }
        for (let grain = 0; grain < PAGE; grain += GRAIN) {
          const segment = segments.find(({ range }) => range.start <= grain && grain < range.end);
          for (let slot = 0; slot < 4; slot++) {
            let bytes = 0;
            for (let at = grain; at < grain + GRAIN; at++) {
              if (
                pieces.some(
                  (one) => one.slot === slot && one.pageOffset <= at && at < one.pageOffset + one.lengthBytes,
                )
              ) {
                bytes += 1;
              }
            }
            expect(segment?.written.includes(slot) ?? false, `slot ${slot} at ${grain}`).toBe(bytes > 0);
            expect(segment?.covered.includes(slot) ?? false, `slot ${slot} at ${grain}`).toBe(
              bytes === GRAIN,
            );
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("are one for a full stripe, and one for a lone small write", () => {
    expect(segmentsOf([0, 1, 2].map((slot) => pieceOf(slot, 0, PAGE)))).toEqual([
      { range: { start: 0, end: PAGE }, written: [0, 1, 2], covered: [0, 1, 2] },
    ]);
    expect(segmentsOf([pieceOf(1, 700, 10)])).toEqual([
      { range: { start: 512, end: 1024 }, written: [1], covered: [] },
    ]);
  });
});
