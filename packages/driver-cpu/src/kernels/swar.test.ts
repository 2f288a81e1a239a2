import { gfExp, gfMul } from "@dmaengine/core";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Block, Kernels } from "./kernels.js";
import { naiveKernels } from "./naive.js";
import { swarKernels } from "./swar.js";

const LONG = process.env["DMAENGINE_LONG"] === "1";
const NUM_RUNS = LONG ? 5000 : 150;
vi.setConfig({ testTimeout: LONG ? 600_000 : 60_000 });

/** Where one operand lies: in which of two buffers, and how far from a word. */
interface Place {
  readonly buffer: 0 | 1;
  readonly misalignment: number;
}

/** Two buffers full of noise with operands in them, and gaps around these. */
class Memory {
  readonly buffers: readonly [Uint8Array, Uint8Array];
  readonly operands: readonly Block[];

  constructor(places: readonly Place[], lengthBytes: number, seed: number) {
    const ends = [8, 8];
    const starts = places.map(({ buffer, misalignment }) => {
      const start = (ends[buffer] as number) + misalignment;
      ends[buffer] = Math.ceil((start + lengthBytes) / 4) * 4 + 8;
      return start;
    });
    this.buffers = [noise(ends[0] as number, seed), noise(ends[1] as number, ~seed)];
    const words = this.buffers.map((bytes) => new Uint32Array(bytes.buffer, 0, bytes.length >>> 2));
    this.operands = places.map(({ buffer }, i) => ({
      bytes: this.buffers[buffer],
      words: words[buffer] as Uint32Array,
      start: starts[i] as number,
    }));
  }
}

/** Bytes of a 32-bit xorshift generator. */
function noise(lengthBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let state = seed | 1;
  for (let i = 0; i < lengthBytes; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** Runs the same with the fast kernels and the naive ones; memory must be the same afterwards, to the last byte, and the answer too. */
function expectSame(
  places: readonly Place[],
  lengthBytes: number,
  seed: number,
  run: (kernels: Kernels, operands: readonly Block[]) => unknown,
): void {
  const fast = new Memory(places, lengthBytes, seed);
  const naive = new Memory(places, lengthBytes, seed);
  const answer = run(swarKernels, fast.operands);
  expect(answer).toBe(run(naiveKernels, naive.operands));
  for (const [i, bytes] of fast.buffers.entries()) {
    // Not by toEqual: a mismatch of long arrays takes the runner very long to print.
    const expected = naive.buffers[i] as Uint8Array;
    expect(Buffer.compare(bytes, expected)).toBe(0);
  }
}

const ALIGNED: Place = { buffer: 0, misalignment: 0 };
const aligned = (count: number): Place[] => new Array<Place>(count).fill(ALIGNED);
const ASCENDING = Uint8Array.from({ length: 255 }, (_, i) => gfExp(i));
const SCATTERED = Uint8Array.from({ length: 255 }, (_, i) => gfExp(91 * i + 7));

describe("swar kernels do what the naive ones do", () => {
  it("for every length up to 4097 bytes", () => {
    for (let length = 1; length <= 4097; length++) {
      expectSame(aligned(4), length, length, (kernels, [p, q, ...srcs]) => {
        kernels.pq(p!, q!, srcs, ASCENDING, 2, length, false);
        kernels.xor(srcs[0]!, [p!, srcs[1]!], 2, length);
      });
    }
  });

  it("for every number of sources", () => {
    for (let srcCnt = 1; srcCnt <= 255; srcCnt++) {
      for (const coefs of [ASCENDING, ASCENDING.slice(0, srcCnt).reverse(), SCATTERED]) {
        expectSame(aligned(srcCnt + 3), 61, srcCnt, (kernels, [dst, p, q, ...srcs]) => {
          kernels.xor(dst!, srcs, srcCnt, 61);
          kernels.pq(p!, q!, srcs, coefs, srcCnt, 61, false);
        });
      }
    }
  });

  it("for every alignment of P, Q and two sources", () => {
    for (let combination = 0; combination < 256; combination++) {
      const places = [0, 2, 4, 6].map(
        (shift): Place => ({
          buffer: 0,
          misalignment: (combination >> shift) & 3,
        }),
      );
      for (let length = 1; length <= 70; length += 3) {
        for (const continues of [false, true]) {
          expectSame(places, length, combination, (kernels, [p, q, ...srcs]) => {
            kernels.pq(p!, q!, srcs, ASCENDING, 2, length, continues);
            kernels.xor(p!, srcs, 2, length);
          });
        }
      }
    }
  });

  it("for a copy and a fill of every length and alignment", () => {
    for (let combination = 0; combination < 32; combination++) {
      const places: Place[] = [
        { buffer: 0, misalignment: combination & 3 },
        { buffer: combination >> 4 === 0 ? 0 : 1, misalignment: (combination >> 2) & 3 },
      ];
      for (let length = 1; length <= 700; length++) {
        expectSame(places, length, combination, (kernels, [dst, src]) => {
          kernels.fill(src!, combination * 8 + 1, Math.ceil(length / 2));
          kernels.copy(dst!, src!, length);
        });
      }
    }
  });
});

it("swar kernels find any one wrong byte", () => {
  const length = 70;
  for (let wrongAt = 0; wrongAt < length; wrongAt++) {
    for (const coefs of [ASCENDING, SCATTERED]) {
      expectSame(aligned(4), length, wrongAt, (kernels, [p, q, ...srcs]) => {
        kernels.pq(p!, q!, srcs, coefs, 2, length, false);
        p!.bytes[p!.start + wrongAt]! ^= 1;
        const wrongP = kernels.pqVal(p!, q!, srcs, coefs, 2, length);
        const wrongXor = kernels.xorVal([...srcs, p!], 3, length);
        q!.bytes[q!.start + wrongAt]! ^= 0x80;
        const wrongQ = kernels.pqVal(null, q!, srcs, coefs, 2, length);
        return [wrongP, wrongXor, wrongQ].join();
      });
    }
  }
});

const place = fc.record({ buffer: fc.constantFrom(0 as const, 1 as const), misalignment: fc.nat(3) });

/** Operands that all lie alike in their words (three times in four), or any way. */
const places = (count: number): fc.Arbitrary<Place[]> =>
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.nat(3).chain((misalignment) =>
        fc.array(
          place.map(({ buffer }): Place => ({ buffer, misalignment })),
          { minLength: count, maxLength: count },
        ),
      ),
    },
    { weight: 1, arbitrary: fc.array(place, { minLength: count, maxLength: count }) },
  );

/** Up to 255 sources of up to 128 KiB, but not both at once: the naive kernels are slow. */
const shape = fc.oneof(
  fc.record({ srcCnt: fc.integer({ min: 1, max: 255 }), lengthBytes: fc.integer({ min: 1, max: 300 }) }),
  fc.record({ srcCnt: fc.integer({ min: 1, max: 16 }), lengthBytes: fc.integer({ min: 1, max: 4097 }) }),
  fc.record({ srcCnt: fc.integer({ min: 1, max: 3 }), lengthBytes: fc.integer({ min: 1, max: 131_072 }) }),
);

/** Coefficients of `srcCnt` sources: a run of powers times a constant, up or down, or anything. */
const coefficients = (srcCnt: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc
      .record({ constant: fc.nat(255), up: fc.boolean() })
      .map(({ constant, up }) =>
        Uint8Array.from({ length: srcCnt }, (_, i) => gfMul(constant, gfExp(up ? i : -i))),
      ),
    fc.uint8Array({ minLength: srcCnt, maxLength: srcCnt }),
  );

describe("swar kernels do what the naive ones do, for anything", () => {
  const seed = fc.integer();

  it("xor, also into a source, and its check", () => {
    const scenario = shape.chain(({ srcCnt, lengthBytes }) =>
      fc.record({
        srcCnt: fc.constant(srcCnt),
        lengthBytes: fc.constant(lengthBytes),
        places: places(srcCnt + 1),
        // The index of the source that is the destination, or -1.
        inPlace: fc.integer({ min: -1, max: srcCnt - 1 }),
        seed,
        // The byte that the check is to find wrong.
        wrongAt: fc.nat(lengthBytes - 1),
      }),
    );
    fc.assert(
      fc.property(scenario, (s) => {
        expectSame(s.places, s.lengthBytes, s.seed, (kernels, [spare, ...srcs]) => {
          const dst = srcs[s.inPlace] ?? spare!;
          const sum = kernels.xorVal(srcs, s.srcCnt, s.lengthBytes);
          kernels.xor(dst, srcs, s.srcCnt, s.lengthBytes);
          if (s.inPlace >= 0) return sum;
          const right = kernels.xorVal([dst, ...srcs], s.srcCnt + 1, s.lengthBytes);
          dst.bytes[dst.start + s.wrongAt]! ^= 1 << (s.seed & 7);
          const wrong = kernels.xorVal([...srcs, dst], s.srcCnt + 1, s.lengthBytes);
          return [sum, right, wrong].join();
        });
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it("P and Q, one of them disabled, continued, into sources, and their check", () => {
    const scenario = shape.chain(({ srcCnt, lengthBytes }) =>
      fc.record({
        srcCnt: fc.constant(srcCnt),
        lengthBytes: fc.constant(lengthBytes),
        places: places(srcCnt + 2),
        coefs: coefficients(srcCnt),
        outputs: fc.constantFrom("p", "q", "pq"),
        continues: fc.boolean(),
        pInPlace: fc.integer({ min: -1, max: srcCnt - 1 }),
        qInPlace: fc.integer({ min: -1, max: srcCnt - 1 }),
        seed,
        wrongAt: fc.nat(lengthBytes - 1),
      }),
    );
    fc.assert(
      fc.property(scenario, (s) => {
        fc.pre(s.pInPlace !== s.qInPlace || s.pInPlace < 0);
        expectSame(s.places, s.lengthBytes, s.seed, (kernels, [spareP, spareQ, ...srcs]) => {
          const p = s.outputs.includes("p") ? (srcs[s.pInPlace] ?? spareP!) : null;
          const q = s.outputs.includes("q") ? (srcs[s.qInPlace] ?? spareQ!) : null;
          const check = (): number => kernels.pqVal(p, q, srcs, s.coefs, s.srcCnt, s.lengthBytes);
          const before = check();
          kernels.pq(p, q, srcs, s.coefs, s.srcCnt, s.lengthBytes, s.continues);
          const after = check();
          const output = s.seed % 2 === 0 ? (p ?? q) : (q ?? p);
          output!.bytes[output!.start + s.wrongAt]! ^= 1 << (s.seed & 7);
          return [before, after, check()].join();
        });
      }),
      { numRuns: NUM_RUNS },
    );
  });
});
