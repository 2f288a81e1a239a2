import { gfExp, gfMul } from "@dmaengine/core";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { type Arena, HEAP_START } from "../memory/arena.js";
import { Arenas } from "../memory/arenas.js";
import { SharedMemory } from "../memory/shared-memory.js";
import { compileWorkerKernels } from "../wasm/compile.js";
import { hasRelaxedSimd } from "../wasm/features.js";
import type { KernelFunction } from "../wasm/kernel-module.js";
import { Slot } from "../wasm/slot.js";
import { SlotKernels } from "../workers/slot-kernels.js";
import type { Block, Kernels } from "./kernels.js";
import { naiveKernels } from "./naive.js";
import { SimdKernels } from "./simd.js";
import { swarKernels } from "./swar.js";

const LONG = process.env["DMAENGINE_LONG"] === "1";
/** Long operands differ in what is left over after whole groups: this stride meets every remainder. */
const STRIDE = LONG ? 1 : 7;
const NUM_RUNS = LONG ? 500 : 150;
vi.setConfig({ testTimeout: LONG ? 600_000 : 60_000 });

/** Where one operand lies: in which of two areas, and how far from the start of a vector. */
interface Place {
  readonly area: 0 | 1;
  readonly misalignment: number;
}

/** Kernels, and two areas of memory of so many bytes for them to work on. */
interface Variant {
  readonly name: string;
  readonly kernels: Kernels;
  areas(sizes: readonly [number, number]): readonly [Block, Block];
}

function outside(sizeBytes: number): Block {
  const bytes = new Uint8Array(Math.ceil(sizeBytes / 4) * 4);
  return { bytes, words: new Uint32Array(bytes.buffer), start: 0 };
}

function within({ bytes, words }: Arena, start: number): Block {
  return { bytes, words, start };
}

/** SIMD kernels with both areas in linear memory, in two linear memories, one of them in none, or both. */
async function simdVariants(name: string, relaxed: boolean, shared: boolean): Promise<Variant[]> {
  const arenas = await Arenas.open(relaxed, 2 ** 30, shared);
  const small = arenas.alloc(1, 64);
  const large = arenas.alloc(200_000_000, 64);
  const one = arenas.of(small.buffer) as Arena;
  const other = arenas.of(large.buffer) as Arena;
  // Not by toBe, which would print all of their memory.
  expect(one === other).toBe(false);
  const kernels = new SimdKernels(arenas);
  const variant = (where: string, areas: Variant["areas"]): Variant => ({
    name: `${name}, ${where}`,
    kernels,
    areas,
  });
  return [
    variant("inside", ([size]) => [
      within(one, HEAP_START),
      within(one, HEAP_START + Math.ceil(size / 64) * 64),
    ]),
    variant("in two arenas", () => [within(one, HEAP_START), within(other, HEAP_START)]),
    variant("half outside", ([, size]) => [within(other, HEAP_START), outside(size)]),
    variant("outside", ([size, otherSize]) => [outside(size), outside(otherSize)]),
  ];
}

/** The kernels of workers, called in this thread: each call fills a slot in and carries it out. */
async function workerVariant(relaxed: boolean): Promise<Variant> {
  const module = await compileWorkerKernels(relaxed);
  const { memory } = new SharedMemory(2 ** 24);
  const { exports } = new WebAssembly.Instance(module.module, { env: { memory } });
  const view = { bytes: new Uint8Array(memory.buffer), words: new Uint32Array(memory.buffer) };
  const slots = new SlotKernels(view, module);
  const run = (fillIn: () => void): number => {
    slots.begin(0);
    fillIn();
    const index = view.words[Slot.KERNEL / 4]!;
    const names = new Map([
      [module.copy, "copy"],
      [module.fill, "fill"],
    ]);
    return (exports[names.get(index) ?? String(index - module.firstKernel)] as KernelFunction)(0);
  };
  return {
    name: "worker",
    kernels: {
      copy: (...args) => void run(() => slots.copy(...args)),
      fill: (...args) => void run(() => slots.fill(...args)),
      xor: (...args) => void run(() => slots.xor(...args)),
      xorVal: (...args) => run(() => slots.xorVal(...args)),
      pq: (...args) => void run(() => slots.pq(...args)),
      pqVal: (...args) => run(() => slots.pqVal(...args)),
    },
    areas: ([size]) => [
      { ...view, start: HEAP_START },
      { ...view, start: HEAP_START + Math.ceil(size / 64) * 64 },
    ],
  };
}

const plainly = (sizes: readonly [number, number]): readonly [Block, Block] => [
  outside(sizes[0]),
  outside(sizes[1]),
];
const naive: Variant = { name: "naive", kernels: naiveKernels, areas: plainly };
const simd = await simdVariants("simd", false, true);
const unshared = await simdVariants("simd, memory not shared", false, false);
const relaxed = hasRelaxedSimd() ? await simdVariants("relaxed simd", true, true) : [];
const worker = await workerVariant(hasRelaxedSimd());
const variants: readonly Variant[] = [
  { name: "swar", kernels: swarKernels, areas: plainly },
  ...simd,
  ...unshared.slice(0, 3),
  ...relaxed.slice(0, 1),
  worker,
];

/** Two areas full of noise with operands in them, and gaps around these. */
class Memory {
  readonly operands: readonly Block[];
  readonly #areas: readonly { readonly block: Block; readonly sizeBytes: number }[];

  constructor(variant: Variant, places: readonly Place[], lengthBytes: number, seed: number) {
    const ends: [number, number] = [32, 32];
    const starts = places.map(({ area, misalignment }) => {
      const start = ends[area] + misalignment;
      ends[area] = Math.ceil((start + lengthBytes) / 16) * 16 + 32;
      return start;
    });
    this.#areas = variant.areas(ends).map((block, i) => ({ block, sizeBytes: ends[i] as number }));
    for (const [i, { block, sizeBytes }] of this.#areas.entries()) {
      block.bytes.set(noise(sizeBytes, i === 0 ? seed : ~seed), block.start);
    }
    this.operands = places.map(({ area }, i) => {
      const { block } = this.#areas[area] as { block: Block };
      return { ...block, start: block.start + (starts[i] as number) };
    });
  }

  contents(): Uint8Array {
    return Buffer.concat(
      this.#areas.map(({ block, sizeBytes }) => block.bytes.subarray(block.start, block.start + sizeBytes)),
    );
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
  variant: Variant,
  places: readonly Place[],
  lengthBytes: number,
  seed: number,
  run: (kernels: Kernels, operands: readonly Block[]) => unknown,
): void {
  const fast = new Memory(variant, places, lengthBytes, seed);
  const plain = new Memory(naive, places, lengthBytes, seed);
  const answer = run(variant.kernels, fast.operands);
  expect(answer).toBe(run(naive.kernels, plain.operands));
  // Not by toEqual: a mismatch of long arrays takes the runner very long to print.
  expect(Buffer.compare(fast.contents(), plain.contents())).toBe(0);
}

/** Every third operand in the other area. */
const aligned = (count: number): Place[] =>
  Array.from({ length: count }, (_, i) => ({ area: i % 3 === 2 ? 1 : 0, misalignment: 0 }));
const ASCENDING = Uint8Array.from({ length: 255 }, (_, i) => gfExp(i));
const SCATTERED = Uint8Array.from({ length: 255 }, (_, i) => gfExp(91 * i + 7));

describe.each(variants)("$name: kernels do what the naive ones do", (variant) => {
  it("for every length up to 4097 bytes", () => {
    for (let length = 1; length <= 4097; length += length < 600 ? 1 : STRIDE) {
      expectSame(variant, aligned(4), length, length, (kernels, [p, q, ...srcs]) => {
        kernels.pq(p!, q!, srcs, ASCENDING, 2, length, false);
        kernels.xor(srcs[0]!, [p!, srcs[1]!], 2, length);
      });
    }
  });

  it("for every number of sources, whatever becomes of the sums", () => {
    for (let srcCnt = 1; srcCnt <= 255; srcCnt += LONG || srcCnt < 40 ? 1 : 5) {
      // One after the other, or all of them in long runs.
      const runs = [ASCENDING, ASCENDING.slice(0, srcCnt).reverse(), SCATTERED];
      for (const coefs of LONG ? runs : [runs[srcCnt % 3]!]) {
        // As long as a step, a column, a vector and some bytes.
        const length = 349;
        expectSame(variant, aligned(srcCnt + 3), length, srcCnt, (kernels, [dst, p, q, ...srcs]) => {
          kernels.xor(dst!, srcs, srcCnt, length);
          kernels.pq(p!, q!, srcs, coefs, srcCnt, length, false);
          const flags = [kernels.pqVal(p!, q!, srcs, coefs, srcCnt, length)];
          kernels.pq(null, q!, srcs, coefs, srcCnt, length, srcCnt % 2 === 0);
          kernels.pq(p!, null, srcs, coefs, srcCnt, length, true);
          kernels.pq(srcs.at(-1)!, dst!, srcs, coefs, srcCnt, length, true);
          kernels.xor(srcs[0]!, srcs, srcCnt, length);
          flags.push(
            kernels.xorVal(srcs, srcCnt, length),
            kernels.pqVal(null, q!, srcs, coefs, srcCnt, length),
          );
          return flags.join();
        });
      }
    }
  });

  it("for every alignment of P, Q and two sources", () => {
    // Every combination within a word, and each operand by itself within a vector.
    const withinWords = Array.from({ length: 256 }, (_, i) => [0, 2, 4, 6].map((shift) => (i >> shift) & 3));
    const withinVectors = Array.from({ length: 64 }, (_, i) =>
      [0, 1, 2, 3].map((k) => (k === i >> 4 ? i & 15 : 0)),
    );
    for (const [seed, misalignments] of [...withinWords, ...withinVectors].entries()) {
      const places = misalignments.map((misalignment): Place => ({ area: 0, misalignment }));
      for (const length of [1, 2, 3, 4, 5, 19, 70, 127, 128, 205, 349]) {
        for (const continues of [false, true]) {
          expectSame(variant, places, length, seed, (kernels, [p, q, ...srcs]) => {
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
        { area: 0, misalignment: combination & 3 },
        { area: combination >> 4 === 0 ? 0 : 1, misalignment: (combination >> 2) & 3 },
      ];
      for (let length = 1; length <= 700; length++) {
        expectSame(variant, places, length, combination, (kernels, [dst, src]) => {
          kernels.fill(src!, combination * 8 + 1, Math.ceil(length / 2));
          kernels.copy(dst!, src!, length);
        });
      }
    }
  });
});

it.each(variants)("$name: kernels find any one wrong byte", (variant) => {
  const length = 150;
  for (let wrongAt = 0; wrongAt < length; wrongAt++) {
    for (const coefs of [ASCENDING, SCATTERED]) {
      expectSame(variant, aligned(4), length, wrongAt, (kernels, [p, q, ...srcs]) => {
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

const place = fc.record({ area: fc.constantFrom(0 as const, 1 as const), misalignment: fc.nat(15) });

/** Operands that all lie alike in their words (three times in four), or any way. */
const places = (count: number): fc.Arbitrary<Place[]> =>
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.nat(15).chain((misalignment) =>
        fc.array(
          place.map(({ area }): Place => ({ area, misalignment })),
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

describe.each(variants)("$name: kernels do what the naive ones do, for anything", (variant) => {
  const seed = fc.integer();

  it("a copy and a fill, wherever the operands lie", () => {
    const scenario = fc.record({
      places: fc.array(place, { minLength: 3, maxLength: 3 }),
      lengthBytes: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 50_000 })),
      seed,
    });
    fc.assert(
      fc.property(scenario, (s) => {
        expectSame(variant, s.places, s.lengthBytes, s.seed, (kernels, [dst, src, filled]) => {
          kernels.copy(dst!, src!, s.lengthBytes);
          kernels.fill(filled!, s.seed & 0xff, s.lengthBytes);
          kernels.copy(src!, filled!, Math.ceil(s.lengthBytes / 2));
        });
      }),
      { numRuns: NUM_RUNS },
    );
  });

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
        expectSame(variant, s.places, s.lengthBytes, s.seed, (kernels, [spare, ...srcs]) => {
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
        expectSame(variant, s.places, s.lengthBytes, s.seed, (kernels, [spareP, spareQ, ...srcs]) => {
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
