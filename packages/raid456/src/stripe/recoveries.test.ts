import { describe, expect, it } from "vitest";
import { Geometry } from "../geometry.js";
import type { StripeRow } from "../layout.js";
import { slotList } from "../testing/slot-lists.js";
import { Recoveries } from "./recoveries.js";
import type { Recovery } from "./syndrome.js";

describe("Recoveries", () => {
  it("are made once for stripes of a row that miss the same, and anew where anything is different", () => {
    const geometry = new Geometry({ level: 6, raidDisks: 6, chunkBytes: 4096, memberBytes: 4096 * 64 });
    const recoveries = new Recoveries();
    const get = (row: StripeRow, missing: readonly number[], wanted: readonly number[]): Recovery =>
      recoveries.get(row, slotList(...missing), slotList(...wanted));
    const row = geometry.row(0);
    const [a, b] = row.data as [number, number];
    const both = get(row, [a, b], [a]);
    expect(get(geometry.row(30), [a, b], [a])).toBe(both);
    for (const [missing, wanted] of [
      [[a], [a]],
      [
        [a, b],
        [a, b],
      ],
      [[a, b], [b]],
    ] as const) {
      const other = get(row, missing, wanted);
      expect([other.missing, other.wanted]).toEqual([missing, wanted]);
    }
    expect(get(geometry.row(1), [a, b], [a])).not.toBe(both);
    expect(get(row, [a, b, row.p], [a]).sources).toBeNull();
  });
});
