import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Geometry } from "./geometry.js";

const KIB = 1024;
const SECTOR = 512;

/** Worked by hand from arrays of mdadm: array sector, stripe, data index, slot, member sector, P. */
describe("Geometry", () => {
  it("places the sectors of a RAID-5 as Linux does", () => {
    const raid5 = new Geometry({ level: 5, raidDisks: 5, chunkBytes: 512 * KIB, memberBytes: 2 ** 36 });
    for (const [sector, stripe, index, slot, memberSector, p] of [
      [0, 0, 0, 0, 0, 4],
      [1023, 0, 0, 0, 1023, 4],
      [4096, 1, 0, 4, 1024, 3],
      [5127, 1, 1, 0, 1031, 3],
      [16387, 4, 0, 1, 4099, 0],
      [123456789, 30140, 3, 3, 30863637, 4],
    ] as const) {
      const at = raid5.locate(sector * SECTOR);
      const row = raid5.row(at.stripe);
      expect([at.stripe, at.index, row.data[at.index], row.p]).toEqual([stripe, index, slot, p]);
      expect((at.stripe * raid5.chunkBytes + at.offset) / SECTOR).toBe(memberSector);
    }
  });

  it("rounds members down to a chunk and counts only data", () => {
    const raid6 = new Geometry({ level: 6, raidDisks: 6, chunkBytes: 64 * KIB, memberBytes: 1000 * KIB });
    expect(raid6.stripes).toBe(15);
    expect(raid6.memberBytes).toBe(960 * KIB);
    expect(raid6.arrayBytes).toBe(4 * 960 * KIB);
    expect(raid6.stripeDataBytes).toBe(256 * KIB);
  });

  it("remembers rows by their period and never a wrong one", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 9, 10, 18, 19),
        fc.integer({ min: 4, max: 12 }),
        fc.nat(1e6),
        (layout, n, s) => {
          const options = {
            level: 6,
            raidDisks: n,
            chunkBytes: 4096,
            layout,
            memberBytes: 4096 * 1e7,
          } as const;
          const geometry = new Geometry(options);
          expect(geometry.row(s)).toEqual(geometry.row(s + n * (n - 1)));
        },
      ),
      { numRuns: 30 },
    );
  });

  it("refuses what no array can have, saying what it takes", () => {
    const good = { level: 6, raidDisks: 6, chunkBytes: 65536, memberBytes: 1 << 20 } as const;
    expect(() => new Geometry({ ...good, raidDisks: 3 })).toThrow("RAID-6 takes 4 to 255 members, got 3");
    expect(() => new Geometry({ ...good, chunkBytes: 65537 })).toThrow("a chunk is a power of two");
    expect(() => new Geometry({ ...good, memberBytes: 65535 })).toThrow("one chunk of 65536 bytes at least");
    expect(() => new Geometry({ ...good, layout: 7 })).toThrow("RAID-6 has no layout 7");
    const geometry = new Geometry(good);
    expect(() => geometry.checkRange(geometry.arrayBytes - 1, 2)).toThrow(
      "expected a range within the array's",
    );
  });
});
