import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gfExp, gfInv, gfLog, gfMul, gfMulTable } from "./gf256.js";

/** Powers of the generator, 0 to 255, computed apart from this package. */
const POWERS = [
  "01020408102040801d3a74e8cd871326",
  "4c982d5ab475eac98f03060c183060c0",
  "9d274e9c254a94356ad4b577eec19f23",
  "468c050a142850a05dba69d2b96fdea1",
  "5fbe61c2992f5ebc65ca890f1e3c78f0",
  "fde7d3bb6bd6b17ffee1dfa35bb671e2",
  "d9af4386112244880d1a3468d0bd67ce",
  "811f3e7cf8edc7933b76ecc5973366cc",
  "85172e5cb86ddaa94f9e214284152a54",
  "a84d9a2952a455aa49923972e4d5b773",
  "e6d1bf63c6913f7efce5d7b37bf6f1ff",
  "e3dbab4b963162c495376edca557ae41",
  "82193264c88d070e1c3870e0dda753a6",
  "51a259b279f2f9efc39b2b56ac458a09",
  "122448903d7af4f5f7f3fbebcb8b0b16",
  "2c58b07dfae9cf831b366cd8ad478e01",
].join("");

const element = fc.integer({ min: 0, max: 255 });
const unit = fc.integer({ min: 1, max: 255 });

/** Multiplication as it is defined: polynomials over GF(2), reduced by x^8+x^4+x^3+x^2+1. */
function product(a: number, b: number): number {
  let sum = 0;
  for (let bit = 0; bit < 8; bit++) if ((b >> bit) & 1) sum ^= a << bit;
  for (let bit = 14; bit >= 8; bit--) if ((sum >> bit) & 1) sum ^= 0x11d << (bit - 8);
  return sum;
}

describe("GF(2^8)", () => {
  it("has the powers of the published table", () => {
    const powers = Array.from({ length: 256 }, (_, power) => gfExp(power).toString(16).padStart(2, "0"));
    expect(powers.join("")).toBe(POWERS);
  });

  it("has the published logarithms and inverses", () => {
    expect([3, 5, 0x1d, 0xff, 0x8e].map(gfLog)).toEqual([25, 50, 8, 175, 254]);
    expect([1, 2, 3, 4, 0x1d, 0x80, 0xff].map(gfInv)).toEqual([1, 0x8e, 0xf4, 0x47, 0x83, 0x1b, 0xfd]);
  });

  it("multiplies as polynomials do, for every pair", () => {
    const wrong: number[][] = [];
    for (let a = 0; a < 256; a++) {
      const table = gfMulTable(a);
      for (let b = 0; b < 256; b++) {
        if (gfMul(a, b) !== product(a, b) || table[b] !== gfMul(a, b)) wrong.push([a, b]);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("is a field", () => {
    fc.assert(
      fc.property(element, element, element, (a, b, c) => {
        expect(gfMul(a, b)).toBe(gfMul(b, a));
        expect(gfMul(gfMul(a, b), c)).toBe(gfMul(a, gfMul(b, c)));
        expect(gfMul(a, b ^ c)).toBe(gfMul(a, b) ^ gfMul(a, c));
      }),
    );
    fc.assert(
      fc.property(unit, (a) => {
        expect(gfMul(a, gfInv(a))).toBe(1);
        expect(gfExp(gfLog(a))).toBe(a);
      }),
    );
  });

  it("takes any integer as a power", () => {
    fc.assert(
      fc.property(fc.integer({ min: -5000, max: 5000 }), (power) => gfExp(power + 255) === gfExp(power)),
    );
    expect(gfExp(-1)).toBe(gfInv(2));
  });

  it("refuses the logarithm and the inverse of 0", () => {
    expect(() => gfLog(0)).toThrow(RangeError);
    expect(() => gfInv(0)).toThrow(RangeError);
  });
});
