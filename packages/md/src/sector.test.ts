import { describe, expect, it } from "vitest";
import { MAX_SECTOR, readSectors, readSectorsOrMax, roundDown, roundUp, writeSectors } from "./sector.js";

const view = new DataView(new ArrayBuffer(8));

describe("sector numbers on disk", () => {
  it.each([0, 1, 2 ** 32, 2 ** 44 - 1])("keeps %d", (sectors) => {
    writeSectors(view, 0, sectors);
    expect(readSectors(view, 0, "size")).toBe(sectors);
    expect(readSectorsOrMax(view, 0, "size")).toBe(sectors);
  });

  it("has MaxSector as all ones", () => {
    writeSectors(view, 0, MAX_SECTOR);
    expect(view.getBigUint64(0)).toBe(0xffff_ffff_ffff_ffffn);
    expect(readSectorsOrMax(view, 0, "resync_offset")).toBe(MAX_SECTOR);
    expect(() => readSectors(view, 0, "size")).toThrow("size 18446744073709551615 is beyond any device");
  });

  it("refuses what has no exact byte offset", () => {
    view.setBigUint64(0, 1n << 44n, true);
    expect(() => readSectors(view, 0, "size")).toThrow(expect.objectContaining({ code: "ERR_MD_CORRUPT" }));
  });
});

describe("rounding", () => {
  it("works beyond 32 bits", () => {
    expect(roundUp(2 ** 40 + 1, 2048)).toBe(2 ** 40 + 2048);
    expect(roundDown(2 ** 40 + 2047, 2048)).toBe(2 ** 40);
  });
});
