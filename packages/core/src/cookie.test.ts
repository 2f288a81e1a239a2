import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DMA_COOKIE_BUSY, DMA_COOKIE_INIT, isComplete, nextCookie } from "./cookie.js";

const MAX = 0x7fffffff;
const cookie = fc.oneof(
  fc.integer({ min: 1, max: MAX }),
  fc.integer({ min: MAX - 8, max: MAX }),
  fc.integer({ min: 1, max: 8 }),
);

/** The cookie `steps` after `from`. */
function after(from: number, steps: number): number {
  let at = from;
  for (let i = 0; i < steps; i++) at = nextCookie(at);
  return at;
}

describe("cookies", () => {
  it("start so that the first one handed out is 2", () => {
    expect(nextCookie(DMA_COOKIE_INIT)).toBe(2);
  });

  it("stay positive 32-bit numbers and start over at 1", () => {
    expect(nextCookie(MAX)).toBe(1);
    fc.assert(fc.property(cookie, (c) => nextCookie(c) >= 1 && nextCookie(c) <= MAX));
  });

  it("are complete up to the last completed one and in progress up to the last used one, across the wrap-around", () => {
    fc.assert(
      fc.property(
        cookie,
        fc.nat({ max: 20 }),
        fc.nat({ max: 20 }),
        fc.nat({ max: 20 }),
        (first, done, open, back) => {
          const last = after(first, done);
          const used = after(last, open);
          for (let i = 1; i <= open; i++) expect(isComplete(after(last, i), last, used)).toBe(false);
          for (let i = 0; i <= done; i++) expect(isComplete(after(first, i), last, used)).toBe(true);
          // Far enough behind to be neither in progress nor just finished.
          const old = first - back;
          if (old >= 1) expect(isComplete(old, last, used)).toBe(true);
        },
      ),
    );
  });

  it("follow dma_async_is_complete for every triple of small numbers", () => {
    for (let last = 1; last < 8; last++) {
      for (let used = 1; used < 8; used++) {
        for (let c = 1; c < 8; c++) {
          const original = last <= used ? c <= last || c > used : c <= last && c > used;
          expect(isComplete(c, last, used)).toBe(original);
        }
      }
    }
  });

  it("never take an unsubmitted transaction for a complete one, as the original does", () => {
    fc.assert(fc.property(cookie, cookie, (last, used) => !isComplete(DMA_COOKIE_BUSY, last, used)));
  });
});
