import { describe, expect, it } from "vitest";
import { Geometry } from "../geometry.js";
import { Recoveries } from "./recoveries.js";

describe("Recoveries", () => {
  it("are made once for stripes of a row that miss the same, and anew where anything is different", () => {
    const geometry = new Geometry({ level: 6, raidDisks: 6, chunkBytes: 4096, memberBytes: 4096 * 64 });
    const recoveries = new Recoveries();
    const row = geometry.row(0);
    const [a, b] = row.data as [number, number];
    const both = recoveries.get(row, [a, b], [a]);
    expect(recoveries.get(geometry.row(30), [a, b], [a])).toBe(both);
    for (const [missing, wanted] of [
      [[a], [a]],
      [
        [a, b],
        [a, b],
      ],
      [[a, b], [b]],
    ] as const) {
      const other = recoveries.get(row, missing, wanted);
      expect([other.missing, other.wanted]).toEqual([missing, wanted]);
    }
    expect(recoveries.get(geometry.row(1), [a, b], [a])).not.toBe(both);
    expect(recoveries.get(row, [a, b, row.p], [a]).sources).toBeNull();
  });
});
