import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layoutByName, layoutName, layoutNumbers, parityDisks, type RaidLevel, stripeRow } from "./layout.js";

/** A stripe written as in the tables of md: data chunk number and exponent, P and Q, by slot. */
function picture(level: RaidLevel, layout: number, n: number, s: number): string {
  const row = stripeRow(level, layout, n, s);
  const cells = Array.from({ length: n }, () => "?");
  cells[row.p] = "P";
  if (row.q >= 0) cells[row.q] = "Q";
  row.data.forEach((slot, k) => {
    const chunk = s * (n - parityDisks(level)) + k;
    cells[slot] = level === 6 ? `${chunk}^${row.exponents[k]}` : `${chunk}`;
  });
  return cells.join(" ");
}

/** Recorded from arrays that mdadm 4.2 made on Linux 6.1: the first stripes of RAID-5 on 5 and RAID-6 on 6 members. */
const RAID5_ROWS: Record<number, readonly string[]> = {
  0: ["0 1 2 3 P", "4 5 6 P 7", "8 9 P 10 11", "12 P 13 14 15", "P 16 17 18 19", "20 21 22 23 P"],
  1: ["P 0 1 2 3", "4 P 5 6 7", "8 9 P 10 11", "12 13 14 P 15", "16 17 18 19 P", "P 20 21 22 23"],
  2: ["0 1 2 3 P", "5 6 7 P 4", "10 11 P 8 9", "15 P 12 13 14", "P 16 17 18 19", "20 21 22 23 P"],
  3: ["P 0 1 2 3", "7 P 4 5 6", "10 11 P 8 9", "13 14 15 P 12", "16 17 18 19 P", "P 20 21 22 23"],
  4: ["P 0 1 2 3", "P 4 5 6 7"],
  5: ["0 1 2 3 P", "4 5 6 7 P"],
};
const RAID6_ROWS: Record<number, readonly string[]> = {
  0: [
    "Q 0^0 1^1 2^2 3^3 P",
    "4^0 5^1 6^2 7^3 P Q",
    "8^1 9^2 10^3 P Q 11^0",
    "12^2 13^3 P Q 14^0 15^1",
    "16^3 P Q 17^0 18^1 19^2",
    "P Q 20^0 21^1 22^2 23^3",
    "Q 24^0 25^1 26^2 27^3 P",
  ],
  1: [
    "P Q 0^0 1^1 2^2 3^3",
    "4^3 P Q 5^0 6^1 7^2",
    "8^2 9^3 P Q 10^0 11^1",
    "12^1 13^2 14^3 P Q 15^0",
    "16^0 17^1 18^2 19^3 P Q",
    "Q 20^0 21^1 22^2 23^3 P",
  ],
  2: [
    "Q 0^0 1^1 2^2 3^3 P",
    "4^0 5^1 6^2 7^3 P Q",
    "9^1 10^2 11^3 P Q 8^0",
    "14^2 15^3 P Q 12^0 13^1",
    "19^3 P Q 16^0 17^1 18^2",
    "P Q 20^0 21^1 22^2 23^3",
    "Q 24^0 25^1 26^2 27^3 P",
  ],
  3: ["P Q 0^0 1^1 2^2 3^3", "7^3 P Q 4^0 5^1 6^2", "10^2 11^3 P Q 8^0 9^1", "13^1 14^2 15^3 P Q 12^0"],
  4: ["P Q 0^0 1^1 2^2 3^3", "P Q 4^0 5^1 6^2 7^3"],
  5: ["0^0 1^1 2^2 3^3 P Q", "4^0 5^1 6^2 7^3 P Q"],
  8: ["P Q 0^2 1^3 2^4 3^5", "4^0 P Q 5^3 6^4 7^5", "8^0 9^1 P Q 10^4 11^5"],
  9: ["0^0 1^1 2^2 3^3 P Q", "4^0 5^1 6^2 P Q 7^5", "8^0 9^1 P Q 10^4 11^5", "12^0 P Q 13^3 14^4 15^5"],
  10: ["0^0 1^1 2^2 3^3 Q P", "5^0 6^1 7^2 Q P 4^5", "10^0 11^1 Q P 8^4 9^5", "15^0 Q P 12^3 13^4 14^5"],
  16: ["0^0 1^1 2^2 3^3 P Q", "4^0 5^1 6^2 P 7^3 Q", "8^0 9^1 P 10^2 11^3 Q"],
  17: ["P 0^0 1^1 2^2 3^3 Q", "4^0 P 5^1 6^2 7^3 Q"],
  18: ["0^0 1^1 2^2 3^3 P Q", "5^0 6^1 7^2 P 4^3 Q", "10^0 11^1 P 8^2 9^3 Q"],
  19: ["P 0^0 1^1 2^2 3^3 Q", "7^0 P 4^1 5^2 6^3 Q"],
  20: ["P 0^0 1^1 2^2 3^3 Q", "P 4^0 5^1 6^2 7^3 Q"],
};

describe("layouts", () => {
  for (const [layout, rows] of Object.entries(RAID5_ROWS)) {
    it(`RAID-5 ${layoutName(5, Number(layout))} is as Linux lays it out`, () => {
      expect(rows.map((_, s) => picture(5, Number(layout), 5, s))).toEqual(rows);
    });
  }
  for (const [layout, rows] of Object.entries(RAID6_ROWS)) {
    it(`RAID-6 ${layoutName(6, Number(layout))} is as Linux lays it out`, () => {
      expect(rows.map((_, s) => picture(6, Number(layout), 6, s))).toEqual(rows);
    });
  }

  it("RAID-4 keeps P on the last member", () => {
    expect([0, 1, 2].map((s) => picture(4, 0, 4, s))).toEqual(["0 1 2 P", "3 4 5 P", "6 7 8 P"]);
  });

  it("covers exactly the layouts of the tables", () => {
    expect(layoutNumbers(5).map(String)).toEqual(Object.keys(RAID5_ROWS));
    expect(layoutNumbers(6).map(String)).toEqual(Object.keys(RAID6_ROWS));
  });

  it("uses each slot once and never the same exponent twice, for any size", () => {
    const level = fc.constantFrom<RaidLevel>(4, 5, 6);
    fc.assert(
      fc.property(level, fc.integer({ min: 4, max: 40 }), fc.nat(100_000), fc.nat(), (raid, n, s, pick) => {
        const numbers = layoutNumbers(raid);
        const layout = numbers[pick % numbers.length] as number;
        const row = stripeRow(raid, layout, n, s);
        expect(row.slots).toEqual([...row.data, row.p, ...(raid === 6 ? [row.q] : [])]);
        const slots = [...row.slots].sort((a, b) => a - b);
        expect(slots).toEqual(Array.from({ length: n }, (_, i) => i));
        expect(new Set(row.exponents).size).toBe(row.data.length);
      }),
    );
  });

  it("finds layouts by mdadm's names, long and short", () => {
    expect(layoutByName(5, "left-symmetric")).toBe(2);
    expect(layoutByName(6, "ra")).toBe(1);
    expect(layoutByName(6, "ddf-N-restart")).toBe(9);
    expect(layoutByName(5, "ddf-N-restart")).toBeUndefined();
  });

  it("refuses a layout that the level does not have", () => {
    expect(() => stripeRow(5, 7, 5, 0)).toThrow(/RAID-5 has no layout 7; it has 0, 1, 2, 3, 4, 5/);
  });
});
