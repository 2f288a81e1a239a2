import { Platform } from "@dmaengine/sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addSegment, maxSegmentBytes, maxSegments, transferTemplate } from "./transfer-template.js";
import { Txd, USABLE_LLIS } from "./txd.js";
import { PL08X_VARIANTS, type Pl08xVersion } from "./variant.js";

interface Segment {
  src: number;
  dst: number;
  lengthBytes: number;
}

interface Item {
  src: number;
  dst: number;
  size: number;
  srcWidth: number;
  dstWidth: number;
}

interface Sides {
  srcIncrements: boolean;
  dstIncrements: boolean;
}

const BOTH: Sides = { srcIncrements: true, dstIncrements: true };

/** The items for some segments, read back from memory as the hardware would. */
function itemsOf(
  version: Pl08xVersion,
  widthBytes: number,
  sides: Sides,
  segments: readonly Segment[],
): Item[] {
  const variant = PL08X_VARIANTS[version];
  const txd = new Txd(new Platform().memory, variant, 1);
  const template = transferTemplate({ widthBytes, maxBurst: 4, ...sides, srcBuses: 1, dstBuses: 1 });
  txd.begin(0);
  for (const { src, dst, lengthBytes } of segments) {
    addSegment(txd, variant, template, src, dst, lengthBytes);
  }
  txd.end();
  const items: Item[] = [];
  for (let i = 0; ; i++) {
    const control = txd.word(3, i);
    items.push({
      src: txd.word(0, i),
      dst: txd.word(1, i),
      size: variant.control2 ? txd.word(4, i) : control & 0xfff,
      srcWidth: 1 << ((control >>> 18) & 7),
      dstWidth: 1 << ((control >>> 21) & 7),
    });
    if (txd.word(2, i) === 0) return items;
  }
}

describe("the items for a segment", () => {
  it("are one where everything is aligned", () => {
    expect(itemsOf("pl080", 4, BOTH, [{ src: 0x1000, dst: 0x2000, lengthBytes: 4096 }])).toEqual([
      { src: 0x1000, dst: 0x2000, size: 1024, srcWidth: 4, dstWidth: 4 },
    ]);
  });

  it("are bytes, words and bytes where the ends are not aligned", () => {
    expect(itemsOf("pl080", 4, BOTH, [{ src: 0x1003, dst: 0x2003, lengthBytes: 11 }])).toEqual([
      { src: 0x1003, dst: 0x2003, size: 1, srcWidth: 1, dstWidth: 1 },
      { src: 0x1004, dst: 0x2004, size: 2, srcWidth: 4, dstWidth: 4 },
      { src: 0x100c, dst: 0x200c, size: 2, srcWidth: 1, dstWidth: 1 },
    ]);
  });

  it("read bytes where the destination is aligned and the source is not", () => {
    expect(itemsOf("pl080", 4, BOTH, [{ src: 0x1001, dst: 0x2000, lengthBytes: 4096 }])).toEqual([
      { src: 0x1001, dst: 0x2000, size: 4092, srcWidth: 1, dstWidth: 4 },
      { src: 0x1001 + 4092, dst: 0x2000 + 4092, size: 4, srcWidth: 1, dstWidth: 4 },
    ]);
  });

  it("are bytes alone where a word would not fit", () => {
    expect(itemsOf("pl080", 4, BOTH, [{ src: 0x1001, dst: 0x2001, lengthBytes: 6 }])).toEqual([
      { src: 0x1001, dst: 0x2001, size: 6, srcWidth: 1, dstWidth: 1 },
    ]);
  });

  it("go by the side that stands still", () => {
    expect(
      itemsOf("pl080", 4, { srcIncrements: false, dstIncrements: true }, [
        { src: 0x1000, dst: 0x2001, lengthBytes: 8 },
      ]),
    ).toEqual([{ src: 0x1000, dst: 0x2001, size: 2, srcWidth: 4, dstWidth: 1 }]);
  });

  // In Linux the number of early bytes is not reset between segments.
  it("take no early bytes over from the segment before", () => {
    const items = itemsOf("pl080", 4, BOTH, [
      { src: 0x1001, dst: 0x2001, lengthBytes: 11 },
      { src: 0x3000, dst: 0x4000, lengthBytes: 8 },
    ]);
    expect(items.at(-1)).toEqual({ src: 0x3000, dst: 0x4000, size: 2, srcWidth: 4, dstWidth: 4 });
  });
});

describe("the items for any segments", () => {
  const versions = Object.keys(PL08X_VARIANTS) as Pl08xVersion[];

  it("cover each segment once, in order, with accesses that are aligned and not too many", () => {
    const segment = fc.record({
      src: fc.integer({ min: 0x1000, max: 0x1010 }),
      dst: fc.integer({ min: 0x9000_0000, max: 0x9000_0010 }),
      lengthBytes: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 65536 })),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...versions),
        fc.constantFrom(1, 2, 4),
        fc.array(segment, { minLength: 1, maxLength: 4 }),
        (version, widthBytes, segments) => {
          const items = itemsOf(version, widthBytes, BOTH, segments);
          for (const { src, dst, lengthBytes } of segments) {
            let done = 0;
            while (done < lengthBytes) {
              const item = items.shift();
              if (item === undefined) throw new Error("too few items");
              expect([item.src, item.dst]).toEqual([src + done, dst + done]);
              expect([item.src % item.srcWidth, item.dst % item.dstWidth]).toEqual([0, 0]);
              expect(item.size).toBeGreaterThan(0);
              expect(item.size).toBeLessThanOrEqual(PL08X_VARIANTS[version].maxTransferSize);
              const bytes = item.size * item.srcWidth;
              expect(bytes % item.dstWidth).toBe(0);
              done += bytes;
            }
            expect(done).toBe(lengthBytes);
          }
          expect(items).toEqual([]);
        },
      ),
    );
  });

  it("are never more than there is room for, within the limits", () => {
    for (const version of ["pl080", "pl081"] as const) {
      for (const widthBytes of [1, 2, 4]) {
        for (const misalignment of [0, 1, 2, 3]) {
          const lengthBytes = maxSegmentBytes(PL08X_VARIANTS[version], widthBytes);
          const one = [{ src: 0x1000 + misalignment, dst: 0x9000_0001, lengthBytes }];
          expect(itemsOf(version, widthBytes, BOTH, one).length).toBeLessThanOrEqual(USABLE_LLIS);
          const count = maxSegments(PL08X_VARIANTS[version], widthBytes, 65536);
          const many = Array.from({ length: count }, () => ({ ...one[0]!, lengthBytes: 65536 }));
          expect(itemsOf(version, widthBytes, BOTH, many).length).toBeLessThanOrEqual(USABLE_LLIS);
        }
      }
    }
  });
});

describe("the template", () => {
  const control = (srcBuses: 1 | 2 | 3, dstBuses: 1 | 2 | 3, maxBurst = 1): number =>
    transferTemplate({ widthBytes: 4, maxBurst, ...BOTH, srcBuses, dstBuses }).control;

  it.each([
    [1, 1, 0b00],
    [2, 2, 0b11],
    [3, 3, 0b10],
    [3, 1, 0b01],
    [1, 3, 0b10],
    [3, 2, 0b10],
    [2, 3, 0b01],
    [1, 2, 0b10],
    [2, 1, 0b01],
  ] as const)("uses two masters where it can: %i to %i", (src, dst, bits) => {
    expect((control(src, dst) >>> 24) & 3).toBe(bits);
  });

  it.each([
    [0, 0],
    [1, 0],
    [3, 0],
    [4, 1],
    [255, 6],
    [256, 7],
    [1000, 7],
  ])("has the longest burst up to %i accesses", (maxBurst, code) => {
    expect((control(1, 1, maxBurst) >>> 12) & 0x3f).toBe(code | (code << 3));
  });
});
