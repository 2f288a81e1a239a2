import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Geometry } from "../geometry.js";
import { piecesOf } from "./piece.js";

describe("pieces", () => {
  it("are all of a request, in order, each in one page, and where the geometry says", () => {
    const request = fc.record({
      stripeBytes: fc.constantFrom(4096, 8192, 16384),
      layout: fc.constantFrom(0, 2, 10, 18),
      offset: fc.nat(200_000),
      length: fc.nat(200_000),
    });
    fc.assert(
      fc.property(request, ({ stripeBytes, layout, offset, length }) => {
        const chunkBytes = 16384;
        const geometry = new Geometry({
          level: 6,
          raidDisks: 5,
          layout,
          chunkBytes,
          memberBytes: 16 * chunkBytes,
        });
        const memory = new Uint8Array(length);
        let done = 0;
        for (const piece of piecesOf(geometry, stripeBytes, offset, memory)) {
          expect(piece.memory).toBe(memory);
          expect(piece.memoryOffset).toBe(done);
          expect(piece.lengthBytes).toBeGreaterThan(0);
          expect(piece.pageOffset + piece.lengthBytes).toBeLessThanOrEqual(stripeBytes);
          const at = geometry.locate(offset + done);
          expect(piece.slot).toBe(geometry.row(at.stripe).data[at.index]);
          expect(piece.stripe * stripeBytes + piece.pageOffset).toBe(at.stripe * chunkBytes + at.offset);
          done += piece.lengthBytes;
        }
        expect(done).toBe(length);
      }),
    );
  });
});
