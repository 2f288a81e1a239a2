import { gfExp, gfMul } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { doubleWord, multiplyWord, PRODUCTS, powerRun } from "./gf-words.js";

/** A word whose four bytes are `byte`, `byte + 1`, `byte + 2` and `byte + 3`, so that a carry between lanes shows. */
function lanes(byte: number): number[] {
  return [0, 1, 2, 3].map((lane) => (byte + lane) & 0xff);
}

function word(bytes: readonly number[]): number {
  return new Uint32Array(Uint8Array.from(bytes).buffer)[0]!;
}

describe("products of the field", () => {
  it("tabulates all of them", () => {
    const expected = Uint8Array.from({ length: 65536 }, (_, i) => gfMul(i >> 8, i & 0xff));
    expect(PRODUCTS).toEqual(expected);
  });

  it("doubles the four bytes of a word", () => {
    for (let byte = 0; byte < 256; byte++) {
      const doubled = doubleWord(word(lanes(byte))) >>> 0;
      expect(doubled).toBe(word(lanes(byte).map((lane) => gfMul(2, lane))));
    }
  });

  it("multiplies the four bytes of a word by anything", () => {
    for (let a = 0; a < 256; a++) {
      for (let byte = 0; byte < 256; byte += 3) {
        const product = multiplyWord(a << 8, word(lanes(byte))) >>> 0;
        expect(product).toBe(word(lanes(byte).map((lane) => gfMul(a, lane))));
      }
    }
  });
});

describe("powerRun", () => {
  const powers = Uint8Array.from({ length: 255 }, (_, i) => gfExp(i));

  it("finds ascending powers, wherever they start", () => {
    for (let low = 0; low < 255; low++) {
      expect(powerRun(Uint8Array.of(gfExp(low), gfExp(low + 1), gfExp(low + 2)), 3)).toBe(-1);
    }
    expect(powerRun(powers, 255)).toBe(-1);
  });

  it("finds descending powers", () => {
    expect(powerRun(powers.toReversed(), 255)).toBe(1);
    expect(powerRun(Uint8Array.of(8, 4, 2), 3)).toBe(1);
  });

  it("finds nothing else", () => {
    expect(powerRun(Uint8Array.of(1, 2, 8), 3)).toBe(0);
    expect(powerRun(Uint8Array.of(1, 2, 1), 3)).toBe(0);
    expect(powerRun(Uint8Array.of(1, 1), 2)).toBe(0);
    expect(powerRun(Uint8Array.of(0, 1), 2)).toBe(0);
  });

  it("looks at the coefficients in use only", () => {
    expect(powerRun(Uint8Array.of(1, 2, 4, 77), 3)).toBe(-1);
  });
});
