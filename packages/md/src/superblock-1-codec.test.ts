import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MdError } from "./errors.js";
import { Feature } from "./feature-map.js";
import { MAX_SECTOR } from "./sector.js";
import { type SuperblockIdentity, type SuperblockState, superblockBytes } from "./superblock-1.js";
import { createSuperblock1, parseSuperblock1, updateSuperblock1 } from "./superblock-1-codec.js";
import { goldenSuperblock12 } from "./testing/golden.js";
import { formatUuid } from "./uuid.js";

const LONG = process.env["DMAENGINE_LONG"] === "1";

const GOLDEN_FIELDS = {
  setUuid: "10111213:14151617:18191a1b:1c1d1e1f",
  setName: "lab:vec",
  ctime: { seconds: 1_700_000_000, micros: 0 },
  superOffset: 8,
  devNumber: 1,
  deviceUuid: "a0a1a2a3:a4a5a6a7:a8a9aaab:acadaeaf",
  badBlockLog: { shift: 0, size: 8, offset: 16 },
  logicalBlockBytes: 0,
  featureMap: Feature.BITMAP_OFFSET,
  level: 5,
  layout: 2,
  size: 14_336,
  chunkSize: 128,
  raidDisks: 3,
  dataOffset: 2048,
  dataSize: 14_336,
  recoveryOffset: 0,
  correctedReads: 0,
  devFlags: 0,
  utime: { seconds: 1_700_000_060, micros: 0 },
  events: 18,
  resyncOffset: MAX_SECTOR,
  devRoles: [0, 1, 0xffff, 2, ...new Array<number>(124).fill(0xffff)],
} satisfies SuperblockIdentity & SuperblockState;

/** Puts the right checksum on bytes that were tampered with, by the rule as it is written down, in BigInt. */
function reseal(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const maxDev = view.getUint32(220, true);
  if (maxDev > 1920) return bytes;
  view.setUint32(216, 0, true);
  let sum = 0n;
  const length = 256 + 2 * maxDev;
  for (let offset = 0; offset + 4 <= length; offset += 4) sum += BigInt(view.getUint32(offset, true));
  if (length % 4 === 2) sum += BigInt(view.getUint16(length - 2, true));
  view.setUint32(216, Number(((sum & 0xffffffffn) + (sum >> 32n)) & 0xffffffffn), true);
  return bytes;
}

function codeOf(action: () => unknown): string {
  try {
    action();
    return "none";
  } catch (error) {
    if (MdError.isInstance(error)) return error.code;
    throw error;
  }
}

describe("the golden 1.2 superblock", () => {
  it("parses to its fields", () => {
    expect(parseSuperblock1(goldenSuperblock12(), 8)).toEqual({
      ...GOLDEN_FIELDS,
      bitmapOffset: 8,
      ppl: null,
      reshape: null,
      newOffset: 0,
      bytes: goldenSuperblock12(),
    });
  });

  it("comes out byte for byte from an update that goes away and back", () => {
    const golden = parseSuperblock1(goldenSuperblock12(), 8);
    const away = updateSuperblock1(golden, {
      events: 19,
      resyncOffset: 0,
      devRoles: golden.devRoles.map(() => 7),
    });
    expect(away.bytes).not.toEqual(golden.bytes);
    const { events, resyncOffset, devRoles } = golden;
    expect(updateSuperblock1(away, { events, resyncOffset, devRoles }).bytes).toEqual(goldenSuperblock12());
  });

  it("comes out of its fields, but for the bitmap, which this package does not make", () => {
    const expected = goldenSuperblock12();
    expected.set([0, 0, 0, 0], 8);
    expected.set([0, 0, 0, 0], 96);
    // Feature word 1 and bitmap_offset 8 less in the sum of words: 0xb9a86c4c - 9.
    new DataView(expected.buffer).setUint32(216, 0xb9a86c43, true);
    expect(createSuperblock1({ ...GOLDEN_FIELDS, featureMap: 0 }).bytes).toEqual(expected);
  });
});

describe("parseSuperblock1", () => {
  it("refuses every single flipped bit in the fixed part and the roles", () => {
    const golden = goldenSuperblock12();
    const accepted: number[] = [];
    for (let bit = 0; bit < 512 * 8; bit++) {
      const flipped = golden.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      if (codeOf(() => parseSuperblock1(flipped, 8)) === "none") accepted.push(bit);
    }
    expect(accepted).toEqual([]);
  });

  it("does not look at what follows the roles, and keeps it", () => {
    const golden = goldenSuperblock12();
    golden[512] = 0xaa;
    const parsed = parseSuperblock1(golden, 8);
    expect(updateSuperblock1(parsed, { events: 20 }).bytes[512]).toBe(0xaa);
  });

  it.each<[string, string, (view: DataView) => void]>([
    ["no magic", "ERR_MD_NO_SUPERBLOCK", (view) => view.setUint32(0, 0, true)],
    ["another major version", "ERR_MD_UNSUPPORTED", (view) => view.setUint32(4, 2, true)],
    ["an unknown feature", "ERR_MD_UNSUPPORTED", (view) => view.setUint32(8, 0x2001, true)],
    ["the highest feature bit", "ERR_MD_UNSUPPORTED", (view) => view.setUint32(8, 0x80000000, true)],
    ["PPL beside a bitmap", "ERR_MD_UNSUPPORTED", (view) => view.setUint32(8, 0x401, true)],
    ["a raid0 layout on raid5", "ERR_MD_UNSUPPORTED", (view) => view.setUint32(8, 0x1000, true)],
    ["a role table longer than its space", "ERR_MD_CORRUPT", (view) => view.setUint32(220, 1921, true)],
    ["a huge role table", "ERR_MD_CORRUPT", (view) => view.setUint32(220, 0xffffffff, true)],
    ["another place than its own", "ERR_MD_CORRUPT", (view) => view.setBigUint64(144, 16n, true)],
    ["pad0", "ERR_MD_CORRUPT", (view) => view.setUint32(12, 1, true)],
    ["pad3", "ERR_MD_CORRUPT", (view) => view.setUint8(255, 1)],
    ["less data than a page", "ERR_MD_CORRUPT", (view) => view.setBigUint64(136, 9n, true)],
    ["data inside the superblock", "ERR_MD_CORRUPT", (view) => view.setBigUint64(128, 8n, true)],
    ["more slots than roles", "ERR_MD_CORRUPT", (view) => view.setUint32(92, 1921, true)],
    ["a size beyond any device", "ERR_MD_CORRUPT", (view) => view.setBigUint64(80, 1n << 53n, true)],
    ["events that can't be", "ERR_MD_CORRUPT", (view) => view.setBigUint64(200, 1n << 53n, true)],
    [
      "a resync position that is not a sector",
      "ERR_MD_CORRUPT",
      (view) => view.setBigUint64(208, 1n << 60n, true),
    ],
    ["a logical block of 1000 bytes", "ERR_MD_CORRUPT", (view) => view.setUint32(224, 1000, true)],
    [
      "bad blocks without a list",
      "ERR_MD_CORRUPT",
      (view) => {
        view.setUint32(8, 0x8, true);
        view.setInt32(188, 0, true);
      },
    ],
    [
      "a bad-block list of 9 sectors",
      "ERR_MD_CORRUPT",
      (view) => {
        view.setUint32(8, 0x8, true);
        view.setUint16(186, 9, true);
      },
    ],
    [
      "a new_offset that moves data into the superblock",
      "ERR_MD_CORRUPT",
      (view) => {
        view.setUint32(8, 0x44, true);
        view.setInt32(124, -2047, true);
      },
    ],
  ])("refuses %s, right checksum or not", (_what, code, tamper) => {
    const bytes = goldenSuperblock12();
    tamper(new DataView(bytes.buffer));
    expect(codeOf(() => parseSuperblock1(reseal(bytes), 8))).toBe(code);
  });

  it("accepts a logical block size, and features of other members", () => {
    const bytes = goldenSuperblock12();
    const view = new DataView(bytes.buffer);
    view.setUint32(224, 4096, true);
    view.setUint32(8, Feature.BITMAP_OFFSET | Feature.RECOVERY_OFFSET | Feature.RECOVERY_BITMAP, true);
    view.setBigUint64(152, 5120n, true);
    const parsed = parseSuperblock1(reseal(bytes), 8);
    expect(parsed.logicalBlockBytes).toBe(4096);
    expect(parsed.recoveryOffset).toBe(5120);
  });

  it("reads a reshape and a partial parity log", () => {
    const bytes = goldenSuperblock12();
    const view = new DataView(bytes.buffer);
    view.setUint32(8, Feature.RESHAPE_ACTIVE | Feature.NEW_OFFSET | Feature.PPL, true);
    view.setInt16(96, -2056, true);
    view.setUint16(98, 2048, true);
    view.setUint32(100, 6, true);
    view.setBigUint64(104, 3072n, true);
    view.setInt32(112, 1, true);
    view.setUint32(116, 2, true);
    view.setUint32(120, 256, true);
    view.setInt32(124, -512, true);
    const { ppl, reshape, newOffset, bitmapOffset } = parseSuperblock1(reseal(bytes), 8);
    expect({ ppl, reshape, newOffset, bitmapOffset }).toEqual({
      ppl: { offset: -2056, size: 2048 },
      reshape: { position: 3072, deltaDisks: 1, newLevel: 6, newLayout: 2, newChunkSize: 256 },
      newOffset: -512,
      bitmapOffset: null,
    });
  });

  it("reads 1.1 at sector 0 and 1.0 behind its data", () => {
    const at = (sector: bigint, dataOffset: bigint) => {
      const bytes = goldenSuperblock12();
      const view = new DataView(bytes.buffer);
      view.setBigUint64(144, sector, true);
      view.setBigUint64(128, dataOffset, true);
      return parseSuperblock1(reseal(bytes), Number(sector)).superOffset;
    };
    expect(at(0n, 2048n)).toBe(0);
    expect(at(16_368n, 0n)).toBe(16_368);
    expect(() => at(14_335n, 0n)).toThrow("reach over the superblock");
  });

  it("shows control characters in the name as such", () => {
    const bytes = goldenSuperblock12();
    bytes.set([0x1b, 0x5b, 0x32, 0x4a], 32);
    expect(parseSuperblock1(reseal(bytes), 8).setName).toBe("\uFFFD[2Jvec");
  });

  it("throws nothing but MdError on random and on mutated input, with a right checksum too", () => {
    const mutation = fc.record({ offset: fc.nat(511), bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }) });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 6 }), fc.boolean(), (mutations, sealed) => {
        const bytes = goldenSuperblock12();
        for (const { offset, bytes: replacement } of mutations) bytes.set(replacement, offset);
        codeOf(() => parseSuperblock1(sealed ? reseal(bytes) : bytes, 8));
      }),
      { numRuns: LONG ? 20000 : 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4096, maxLength: 4096 }), (bytes) => {
        bytes.set(goldenSuperblock12().subarray(0, 8));
        codeOf(() => parseSuperblock1(bytes, 8));
      }),
    );
  }, 60_000);
});

const sectors = fc.nat(2 ** 31 - 1);
const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatUuid);
const time = fc.record({ seconds: fc.maxSafeNat().map((n) => n % 2 ** 40), micros: fc.nat(2 ** 24 - 1) });
const arbitraryFields: fc.Arbitrary<SuperblockIdentity & SuperblockState> = fc
  .record({
    setUuid: uuid,
    setName: fc.string({ maxLength: 8, unit: "grapheme-composite" }).filter((name) => {
      return new TextEncoder().encode(name).length <= 32 && !/\p{Cc}|\p{Cs}/u.test(name);
    }),
    ctime: time,
    superOffset: fc.constant(8),
    devNumber: fc.nat(2 ** 32 - 1),
    deviceUuid: uuid,
    badBlockLog: fc.option(
      fc.record({ shift: fc.nat(63), size: fc.nat(8), offset: fc.integer({ min: 8, max: 2 ** 31 - 1 }) }),
    ),
    logicalBlockBytes: fc.constantFrom(0, 512, 4096),
    recovering: fc.boolean(),
    level: fc.constantFrom(-4, -1, 0, 1, 4, 5, 6, 10),
    layout: fc.nat(2 ** 32 - 1),
    size: sectors,
    chunkSize: fc.nat(2 ** 32 - 1),
    raidDisks: fc.nat(1920),
    dataOffset: fc.integer({ min: 16, max: 2 ** 31 - 1 }),
    dataSize: fc.integer({ min: 10, max: 2 ** 31 - 1 }),
    recoveryOffset: sectors,
    correctedReads: fc.nat(2 ** 32 - 1),
    devFlags: fc.nat(255),
    utime: time,
    events: fc.maxSafeNat(),
    resyncOffset: fc.oneof(sectors, fc.constant(MAX_SECTOR)),
    devRoles: fc.array(fc.nat(0xffff), { maxLength: 1920 }),
  })
  .map(({ recovering, ...fields }) => ({
    ...fields,
    featureMap: recovering ? Feature.RECOVERY_OFFSET : 0,
    recoveryOffset: recovering ? fields.recoveryOffset : 0,
  }));

describe("createSuperblock1 and updateSuperblock1", () => {
  it("make what parses back to the same fields, with a checksum by the written rule", () => {
    fc.assert(
      fc.property(arbitraryFields, arbitraryFields, (identity, state) => {
        const created = createSuperblock1(identity);
        expect(created).toMatchObject(identity);
        expect(reseal(created.bytes.slice())).toEqual(created.bytes);

        const {
          setUuid,
          setName,
          ctime,
          superOffset,
          devNumber,
          deviceUuid,
          badBlockLog,
          logicalBlockBytes,
          ...rest
        } = state;
        const updated = updateSuperblock1(created, rest);
        expect(parseSuperblock1(updated.bytes, 8)).toEqual(updated);
        expect(updated).toMatchObject({
          ...rest,
          setUuid: identity.setUuid,
          setName: identity.setName,
          ctime: identity.ctime,
          devNumber: identity.devNumber,
          deviceUuid: identity.deviceUuid,
          badBlockLog: identity.badBlockLog,
          logicalBlockBytes: identity.logicalBlockBytes,
        });
      }),
    );
  });

  it("refuse a name that does not fit", () => {
    expect(createSuperblock1({ ...GOLDEN_FIELDS, featureMap: 0, setName: "ü".repeat(16) }).setName).toBe(
      "ü".repeat(16),
    );
    expect(() =>
      createSuperblock1({ ...GOLDEN_FIELDS, featureMap: 0, setName: `${"ü".repeat(16)}!` }),
    ).toThrow(expect.objectContaining({ code: "ERR_MD_ARGUMENT" }));
  });
});

describe("superblockBytes", () => {
  it("is the fixed part and the roles in whole blocks", () => {
    expect([0, 128, 129, 1920].map((maxDev) => superblockBytes(maxDev))).toEqual([512, 512, 1024, 4096]);
    expect(superblockBytes(128, 4096)).toBe(4096);
  });
});
