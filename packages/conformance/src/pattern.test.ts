import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TransferPattern } from "./pattern.js";

const SIZE = 256;
const REGION = { offsetBytes: 40, lengthBytes: 64 };
const DESTINATION = 100;

/** Buffers after a transfer that went well. */
function transferred(memset = false) {
  const pattern = new TransferPattern(REGION, DESTINATION, memset);
  const [src, dst] = [new Uint8Array(SIZE), new Uint8Array(SIZE)];
  pattern.fillSource(src);
  pattern.fillDestination(dst);
  if (memset) dst.fill(pattern.fillByte, DESTINATION, DESTINATION + REGION.lengthBytes);
  else dst.set(src.subarray(REGION.offsetBytes, REGION.offsetBytes + REGION.lengthBytes), DESTINATION);
  return { pattern, src, dst };
}

describe("patterns", () => {
  test("are the kernel's: source and copy bits, destination and overwrite bits, the inverted index", () => {
    const pattern = new TransferPattern(REGION, DESTINATION, false);
    const [src, dst] = [new Uint8Array(SIZE), new Uint8Array(SIZE)];
    pattern.fillSource(src);
    pattern.fillDestination(dst);
    expect([src[0], src[39], src[40], src[103], src[104]]).toEqual([0x9f, 0x98, 0xd7, 0xd8, 0x97]);
    expect([dst[0], dst[99], dst[100], dst[163], dst[164]]).toEqual([0x1f, 0x1c, 0x3b, 0x3c, 0x1b]);
  });

  test("fill with 0xde, and tell no index then", () => {
    const pattern = new TransferPattern(REGION, DESTINATION, true);
    expect(pattern.fillByte).toBe(0xde);
    const src = new Uint8Array(SIZE);
    pattern.fillSource(src);
    expect(new Set(src)).toEqual(new Set([0x9e, 0xde]));
  });

  test("find nothing wrong with a transfer that went well, wherever it was", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: SIZE }).chain((lengthBytes) => {
          const offset = fc.integer({ min: 0, max: SIZE - lengthBytes });
          return fc.tuple(fc.constant(lengthBytes), offset, offset);
        }),
        ([lengthBytes, offsetBytes, destination]) => {
          const pattern = new TransferPattern({ offsetBytes, lengthBytes }, destination, false);
          const [src, dst] = [new Uint8Array(SIZE), new Uint8Array(SIZE)];
          pattern.fillSource(src);
          pattern.fillDestination(dst);
          if (offsetBytes !== destination) expect(pattern.checkDestination(dst)).toHaveLength(lengthBytes);
          dst.set(src.subarray(offsetBytes, offsetBytes + lengthBytes), destination);
          expect(pattern.checkSource(src)).toEqual([]);
          expect(pattern.checkDestination(dst)).toEqual([]);
        },
      ),
    );
  });

  test.each([false, true])("name every single wrong byte (fill: %s)", (memset) => {
    for (let index = 0; index < SIZE; index++) {
      const { pattern, src, dst } = transferred(memset);
      src[index]! ^= 0x80;
      expect(pattern.checkSource(src)).toEqual([
        expect.objectContaining({ kind: "overwritten", index, actual: src[index] }),
      ]);
      const within = index >= DESTINATION && index < DESTINATION + REGION.lengthBytes;
      dst[index]! ^= within ? 0x40 : 0x80;
      expect(pattern.checkDestination(dst)).toEqual([
        expect.objectContaining({ kind: within ? "not copied" : "was copied", index }),
      ]);
    }
  });

  test("tell a byte that never changed from one that came from elsewhere", () => {
    const { pattern, dst } = transferred();
    const fresh = new Uint8Array(SIZE);
    pattern.fillDestination(fresh);
    dst[DESTINATION + 3] = fresh[DESTINATION + 3]!;
    dst[DESTINATION + 7] = dst[DESTINATION + 8]!;
    expect(pattern.checkDestination(dst).map(({ kind, index }) => [kind, index])).toEqual([
      ["not copied", DESTINATION + 3],
      ["mismatch", DESTINATION + 7],
    ]);
  });
});
