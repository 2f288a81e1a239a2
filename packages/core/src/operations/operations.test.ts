import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { DmaChan } from "../chan.js";
import {
  DMA_CTRL_ACK,
  DMA_PREP_CONTINUE,
  DMA_PREP_LOAD_EOT,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  DMA_PREP_REPEAT,
} from "../flags.js";
import { gfExp, gfMul } from "../gf256.js";
import { DmaDirection } from "../mapping/direction.js";
import { DmaTransferDirection } from "../slave.js";
import { SUM_CHECK_P_RESULT, SUM_CHECK_Q_RESULT, SumCheck } from "../status.js";
import type { ModelChannel } from "../testing/model-driver.js";
import { must, refusal, rig } from "../testing/rig.js";
import { BUILT_IN_OPERATIONS } from "./index.js";
import type { DmaOperation, OperationDefinition } from "./operation.js";
import { dmaMaxPq, dmaPqCoefsFit } from "./pq.js";

const MEMORY_BYTES = 4096;
const ALL = BUILT_IN_OPERATIONS.map(({ name }) => name);

let chan: DmaChan<DmaOperation>;
let model: ModelChannel;
/** All the memory there is, and its address. */
let memory: Uint8Array;
let base: number;

async function setUp(capabilities?: Parameters<typeof rig>[1]): Promise<void> {
  const made = await rig(ALL, capabilities);
  chan = made.chan;
  model = made.model;
  memory = Uint8Array.from({ length: MEMORY_BYTES }, (_, i) => (i * 7 + (i >> 8) * 31) & 0xff);
  base = made.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
}

beforeEach(() => setUp());

/** Submits, lets the model do its work, and returns what the operation said it would read and write, as offsets. */
function run(tx: ReturnType<DmaChan<"memcpy">["prepMemcpy"]>) {
  const [reads, writes]: [string[], string[]] = [[], []];
  must(tx).submit();
  chan.issuePending();
  const running = must(model.issued[0]);
  const definition = must(
    BUILT_IN_OPERATIONS.find(({ name }) => name === running.operation),
  ) as unknown as OperationDefinition<"memcpy">;
  const { args } = running as { args: Parameters<typeof definition.reads>[0] };
  definition.reads(args, running.flags, (addr, length) => reads.push(`${addr - base}+${length}`));
  definition.writes(args, running.flags, (addr, length) => writes.push(`${addr - base}+${length}`));
  model.finish();
  return { reads, writes };
}

/** A copy of a part of memory. */
const at = (offset: number, length: number): Uint8Array => memory.slice(offset, offset + length);

const xorOf = (...blocks: readonly Uint8Array[]): Uint8Array =>
  must(blocks[0]).map((_, i) => blocks.reduce((sum, block) => sum ^ must(block[i]), 0));

const times = (coef: number, block: Uint8Array): Uint8Array => block.map((byte) => gfMul(coef, byte));

describe("memcpy and memset", () => {
  it("copy and fill", () => {
    const source = at(0, 100);
    expect(run(chan.prepMemcpy(base + 1000, base, 100))).toEqual({ reads: ["0+100"], writes: ["1000+100"] });
    expect(at(1000, 100)).toEqual(source);
    expect(run(chan.prepMemset(base + 2000, 0x1a5, 10))).toEqual({ reads: [], writes: ["2000+10"] });
    expect(at(1999, 12)).toEqual(
      Uint8Array.of(must(memory[1999]), ...Array(10).fill(0xa5), must(memory[2010])),
    );
  });

  it("fill several segments", () => {
    const sgl = { dmaAddr: [base + 8, base + 100], dmaLengthBytes: [2, 3] };
    expect(run(chan.prepMemsetSg(sgl, 2, 7))).toEqual({ reads: [], writes: ["8+2", "100+3"] });
    expect([at(8, 2), at(100, 3)]).toEqual([Uint8Array.of(7, 7), Uint8Array.of(7, 7, 7)]);
    expect(memory[10]).not.toBe(7);
  });

  it("write immediate data, least significant byte first", () => {
    expect(run(chan.prepImmData(base + 3, 0x04030201, 0xf8f7f6f5))).toEqual({ reads: [], writes: ["3+8"] });
    expect(at(3, 8)).toEqual(Uint8Array.of(1, 2, 3, 4, 0xf5, 0xf6, 0xf7, 0xf8));
  });
});

describe("xor", () => {
  it("sums any number of sources into a destination that is not one of them", () => {
    const old = at(0, 16);
    const sources = [100, 200, 300];
    const sum = xorOf(...sources.map((offset) => at(offset, 16)));
    const said = run(
      chan.prepXor(
        base,
        sources.map((offset) => base + offset),
        3,
        16,
      ),
    );
    expect(said).toEqual({ reads: ["100+16", "200+16", "300+16"], writes: ["0+16"] });
    expect(at(0, 16)).toEqual(sum);
    expect(sum).not.toEqual(old);
  });

  it("may have its destination among the sources", () => {
    const sum = xorOf(at(0, 16), at(100, 16));
    run(chan.prepXor(base, [base, base + 100], 2, 16));
    expect(at(0, 16)).toEqual(sum);
  });

  it("is checked without a write", () => {
    memory.set(xorOf(at(100, 16), at(200, 16)), 0);
    const before = memory.slice();
    const result = new SumCheck();
    result.flags = 0xff;
    const srcs = [base, base + 100, base + 200];
    expect(run(chan.prepXorVal(srcs, 3, 16, result))).toEqual({
      reads: ["0+16", "100+16", "200+16"],
      writes: [],
    });
    expect([result.flags, result.pFailed]).toEqual([0, false]);
    expect(memory).toEqual(before);
    memory[15] = must(memory[15]) ^ 1;
    run(chan.prepXorVal(srcs, 3, 16, result));
    expect([result.flags, result.pFailed, result.qFailed]).toEqual([SUM_CHECK_P_RESULT, true, false]);
  });
});

describe("pq", () => {
  const srcs = [100, 200, 300];
  const coefs = [1, 2, 0x8e];
  const blocks = (): Uint8Array[] => srcs.map((offset) => at(offset, 16));
  const sumQ = (): Uint8Array => xorOf(...blocks().map((block, i) => times(must(coefs[i]), block)));
  const prep = (flags?: number): ReturnType<typeof chan.prepPq> =>
    chan.prepPq(
      base,
      base + 50,
      srcs.map((offset) => base + offset),
      3,
      coefs,
      16,
      flags,
    );

  it("writes the sum and the weighted sum", () => {
    const [p, q] = [xorOf(...blocks()), sumQ()];
    expect(run(prep())).toEqual({ reads: ["100+16", "200+16", "300+16"], writes: ["0+16", "50+16"] });
    expect([at(0, 16), at(50, 16)]).toEqual([p, q]);
  });

  it("leaves out what is disabled", () => {
    const [oldP, oldQ, p, q] = [at(0, 16), at(50, 16), xorOf(...blocks()), sumQ()];
    expect(run(prep(DMA_PREP_PQ_DISABLE_P | DMA_CTRL_ACK)).writes).toEqual(["50+16"]);
    expect([at(0, 16), at(50, 16)]).toEqual([oldP, q]);
    memory.set(oldQ, 50);
    expect(run(prep(DMA_PREP_PQ_DISABLE_Q | DMA_CTRL_ACK)).writes).toEqual(["0+16"]);
    expect([at(0, 16), at(50, 16)]).toEqual([p, oldQ]);
  });

  it("continues what P and Q hold", () => {
    const [p, q] = [xorOf(at(0, 16), ...blocks()), xorOf(at(50, 16), sumQ())];
    expect(run(prep(DMA_PREP_CONTINUE | DMA_CTRL_ACK)).reads).toEqual([
      "100+16",
      "200+16",
      "300+16",
      "0+16",
      "50+16",
    ]);
    expect([at(0, 16), at(50, 16)]).toEqual([p, q]);
  });

  it("may have P and Q in place of sources, as the recovery of two blocks has", () => {
    const [p, q] = [xorOf(at(0, 16), at(50, 16)), xorOf(times(3, at(0, 16)), times(5, at(50, 16)))];
    run(chan.prepPq(base, base + 50, [base, base + 50], 2, [3, 5], 16));
    expect([at(0, 16), at(50, 16)]).toEqual([p, q]);
  });

  it("recovers any two lost blocks", () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 2, max: 8 })
          .chain((disks) =>
            fc.tuple(
              fc.constant(disks),
              fc.shuffledSubarray([...Array(disks).keys()], { minLength: 2, maxLength: 2 }),
            ),
          ),
        ([disks, lost]) => {
          const [x, y] = lost.sort((a, b) => a - b) as [number, number];
          const data = [...Array(disks).keys()].map((i) => 100 + i * 16);
          const powers = data.map((_, i) => gfExp(i));
          const addrs = data.map((offset) => base + offset);
          const [wantX, wantY] = [at(100 + x * 16, 16), at(100 + y * 16, 16)];
          run(chan.prepPq(base, base + 16, addrs, disks, powers, 16));
          const rest = [...data.keys()].filter((i) => i !== x && i !== y);
          if (rest.length > 0) {
            const flags = DMA_PREP_CONTINUE | DMA_CTRL_ACK;
            run(
              chan.prepPq(
                base,
                base + 16,
                rest.slice(0, 5).map((i) => must(addrs[i])),
                Math.min(5, rest.length),
                rest.map((i) => must(powers[i])),
                16,
                flags,
              ),
            );
            if (rest.length > 5)
              run(
                chan.prepPq(
                  base,
                  base + 16,
                  [must(addrs[must(rest[5])])],
                  1,
                  [must(powers[must(rest[5])])],
                  16,
                  flags,
                ),
              );
          }
          // Linux's formula: Dy = A (P + P*) + B (Q + Q*), Dx = Dy + (P + P*).
          const a = gfInverse(gfExp(y - x) ^ 1);
          const b = gfInverse(gfExp(x) ^ gfExp(y));
          run(
            chan.prepPq(0, base + 32, [base, base + 16], 2, [a, b], 16, DMA_PREP_PQ_DISABLE_P | DMA_CTRL_ACK),
          );
          run(chan.prepXor(base, [base, base + 32], 2, 16));
          expect([at(0, 16), at(32, 16)]).toEqual([wantX, wantY]);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("is checked, P and Q apart, without a write", () => {
    memory.set(xorOf(...blocks()), 0);
    memory.set(sumQ(), 50);
    const result = new SumCheck();
    const check = (flags = DMA_CTRL_ACK): number => {
      const before = memory.slice();
      const said = run(
        chan.prepPqVal(
          base,
          base + 50,
          srcs.map((o) => base + o),
          3,
          coefs,
          16,
          result,
          flags,
        ),
      );
      const outputs = [
        ...((flags & DMA_PREP_PQ_DISABLE_P) === 0 ? ["0+16"] : []),
        ...((flags & DMA_PREP_PQ_DISABLE_Q) === 0 ? ["50+16"] : []),
      ];
      expect(said).toEqual({ reads: ["100+16", "200+16", "300+16", ...outputs], writes: [] });
      expect(memory).toEqual(before);
      return result.flags;
    };
    expect(check()).toBe(0);
    memory[3] = must(memory[3]) ^ 0x80;
    expect(check()).toBe(SUM_CHECK_P_RESULT);
    expect(check(DMA_PREP_PQ_DISABLE_P | DMA_CTRL_ACK)).toBe(0);
    memory[53] = must(memory[53]) ^ 1;
    expect(check()).toBe(SUM_CHECK_P_RESULT | SUM_CHECK_Q_RESULT);
    expect([result.pFailed, result.qFailed]).toEqual([true, true]);
    expect(check(DMA_PREP_PQ_DISABLE_Q | DMA_CTRL_ACK)).toBe(SUM_CHECK_P_RESULT);
  });

  it("has fewer sources where the engine continues by reading its results again", () => {
    const limits = { maxSources: 8, continuation: false };
    expect(dmaMaxPq(limits, 0)).toBe(8);
    expect(dmaMaxPq(limits, DMA_PREP_CONTINUE | DMA_PREP_PQ_DISABLE_P)).toBe(7);
    expect(dmaMaxPq(limits, DMA_PREP_CONTINUE)).toBe(5);
    expect(dmaMaxPq(limits, DMA_PREP_CONTINUE | DMA_PREP_PQ_DISABLE_Q)).toBe(5);
    expect(dmaMaxPq({ ...limits, continuation: true }, DMA_PREP_CONTINUE)).toBe(8);
    const six = Array(6).fill(base);
    refusal("ERR_DMA_LIMIT", () => chan.prepPq(base, base + 50, six, 6, six, 16, DMA_PREP_CONTINUE));
  });

  it("has only the coefficients that are wired, each once", async () => {
    const limits = { maxSources: 8, continuation: false, fixedCoefs: [1, 2, 4, 8, 16, 32, 64, 128] };
    expect(dmaPqCoefsFit(limits, [1, 2, 4], 3)).toBe(true);
    expect(dmaPqCoefsFit(limits, [128, 1, 0x1d], 2)).toBe(true);
    expect(dmaPqCoefsFit(limits, [1, 2, 2], 3)).toBe(false);
    expect(dmaPqCoefsFit(limits, [0x1d], 1)).toBe(false);
    expect(dmaMaxPq(limits, 0)).toBe(8);
    expect(dmaMaxPq(limits, DMA_PREP_CONTINUE)).toBe(0);
    expect(dmaMaxPq({ ...limits, continuation: true }, DMA_PREP_CONTINUE)).toBe(8);
    expect(dmaMaxPq(limits, DMA_PREP_CONTINUE)).toBe(0);
    const made = await rig(["pq"], { capabilities: { pq: limits } });
    const { prepPq } = made.chan;
    expect(prepPq(0, 64, [128], 1, [2], 16)).not.toBeNull();
    expect(refusal("ERR_DMA_LIMIT", () => prepPq(0, 64, [128], 1, [3], 16)).message).toContain("got 3");
    expect(prepPq(0, 64, [128], 1, [3], 16, DMA_PREP_PQ_DISABLE_Q)).not.toBeNull();
  });
});

function gfInverse(a: number): number {
  for (let b = 1; b < 256; b++) if (gfMul(a, b) === 1) return b;
  throw new RangeError("no inverse");
}

describe("interleaved", () => {
  const { MEM_TO_MEM, MEM_TO_DEV, DEV_TO_MEM } = DmaTransferDirection;

  it("gathers columns", () => {
    const want = [...at(0, 3), ...at(10, 3), ...at(20, 3)];
    const said = run(
      chan.prepInterleaved({
        srcStart: base,
        dstStart: base + 1000,
        direction: MEM_TO_MEM,
        srcSgl: true,
        numFrames: 3,
        chunks: [{ sizeBytes: 3, icgBytes: 7 }],
      }),
    );
    expect(said).toEqual({ reads: ["0+3", "10+3", "20+3"], writes: ["1000+3", "1003+3", "1006+3"] });
    expect([...at(1000, 9)]).toEqual(want);
  });

  it("scatters, with a side's own gap before the common one", () => {
    const want = [...at(0, 4)];
    const untouched = memory[1002];
    run(
      chan.prepInterleaved({
        srcStart: base,
        dstStart: base + 1000,
        direction: MEM_TO_MEM,
        dstSgl: true,
        numFrames: 1,
        chunks: [{ sizeBytes: 2, icgBytes: 9, dstIcgBytes: 1 }, { sizeBytes: 2 }],
      }),
    );
    expect([memory[1000], memory[1001], memory[1003], memory[1004]]).toEqual(want);
    expect(memory[1002]).toBe(untouched);
  });

  it("moves from and to a register that stands still", () => {
    const frame = { numFrames: 2, chunks: [{ sizeBytes: 2 }] };
    expect(
      run(
        chan.prepInterleaved({
          ...frame,
          srcStart: base,
          dstStart: 0xf000,
          dstInc: false,
          direction: MEM_TO_DEV,
        }),
      ),
    ).toEqual({ reads: ["0+2", "2+2"], writes: [] });
    expect(model.peripheral.taken).toEqual([...at(0, 4)]);
    model.peripheral.give.push(9, 8, 7, 6);
    expect(
      run(
        chan.prepInterleaved({
          ...frame,
          srcStart: 0xf000,
          srcInc: false,
          dstStart: base,
          direction: DEV_TO_MEM,
        }),
      ).writes,
    ).toEqual(["0+2", "2+2"]);
    expect([...at(0, 4)]).toEqual([9, 8, 7, 6]);
  });

  it("refuses what the channel can't do", async () => {
    await setUp({
      capabilities: {
        ...Object.fromEntries(
          ALL.map((name) => [name, { maxSources: 1, maxSegments: 1, continuation: false }]),
        ),
        interleaved: { maxChunks: 2, maxFrames: 3 },
      },
    });
    const template = {
      srcStart: base,
      dstStart: base,
      direction: MEM_TO_MEM,
      numFrames: 1,
      chunks: [{ sizeBytes: 1 }],
    };
    const bad = [
      { ...template, chunks: [] },
      { ...template, chunks: [1, 2, 3].map((sizeBytes) => ({ sizeBytes })) },
      { ...template, chunks: [{ sizeBytes: 0 }] },
      { ...template, numFrames: 0 },
      { ...template, numFrames: 1.5 },
      { ...template, numFrames: 4 },
      { ...template, srcStart: -1 },
    ];
    for (const each of bad) refusal("ERR_DMA_LIMIT", () => chan.prepInterleaved(each));
    for (const flag of [DMA_PREP_REPEAT, DMA_PREP_LOAD_EOT]) {
      refusal("ERR_DMA_LIMIT", () => chan.prepInterleaved(template, flag));
    }
    expect(chan.prepInterleaved(template)).not.toBeNull();
  });
});

describe("transfers from and to a peripheral", () => {
  const { MEM_TO_DEV, DEV_TO_MEM, MEM_TO_MEM } = DmaTransferDirection;
  const sgl = () => ({ dmaAddr: [base, base + 100], dmaLengthBytes: [2, 3] });

  it("take their data from segments, and put it there", () => {
    expect(run(chan.prepSlaveSg(sgl(), 2, MEM_TO_DEV))).toEqual({ reads: ["0+2", "100+3"], writes: [] });
    expect(model.peripheral.taken).toEqual([...at(0, 2), ...at(100, 3)]);
    model.peripheral.give.push(5, 4, 3, 2, 1);
    expect(run(chan.prepSlaveSg(sgl(), 2, DEV_TO_MEM))).toEqual({ reads: [], writes: ["0+2", "100+3"] });
    expect([...at(0, 2), ...at(100, 3)]).toEqual([5, 4, 3, 2, 1]);
  });

  it("go round a ring", () => {
    expect(run(chan.prepCyclic(base, 6, 3, MEM_TO_DEV))).toEqual({ reads: ["0+6"], writes: [] });
    expect(model.peripheral.taken).toEqual([...at(0, 6)]);
    model.peripheral.give.push(5, 4);
    expect(run(chan.prepCyclic(base, 2, 1, DEV_TO_MEM))).toEqual({ reads: [], writes: ["0+2"] });
    expect([...at(0, 2)]).toEqual([5, 4]);
  });

  it("are configured, and tell what they can do", async () => {
    chan.config({ dstAddr: 0xf000, dstAddrWidth: 4, dstMaxburst: 8 });
    expect(model.configs).toEqual([{ dstAddr: 0xf000, dstAddrWidth: 4, dstMaxburst: 8 }]);
    expect(chan.getSlaveCaps()).toEqual({
      directions: [MEM_TO_DEV, DEV_TO_MEM],
      srcAddrWidths: [1, 4],
      dstAddrWidths: [1, 4],
      cmdPause: true,
      cmdResume: true,
      cmdTerminate: true,
      residueGranularity: 0,
      descriptorReuse: false,
    });
    const made = await rig(["slaveSg"], { without: ["pause"], residueGranularity: 2, descriptorReuse: true });
    expect(made.chan.getSlaveCaps()).toMatchObject({
      cmdPause: false,
      residueGranularity: 2,
      descriptorReuse: true,
    });
  });

  it("are configured within what the device has", async () => {
    await setUp({
      slave: {
        directions: [MEM_TO_DEV],
        srcAddrWidths: [2],
        dstAddrWidths: [4, 8],
        minBurst: 2,
        maxBurst: 16,
      },
    });
    const bad = [
      { srcAddrWidth: 4 },
      { dstAddrWidth: 2 },
      { srcMaxburst: 1 },
      { dstMaxburst: 17 },
      { dstMaxburst: Number.NaN },
    ] as const;
    for (const each of bad) refusal("ERR_DMA_LIMIT", () => chan.config(each));
    expect(refusal("ERR_DMA_LIMIT", () => chan.config({ dstAddrWidth: 1 })).message).toBe(
      "dma0chan0: expected a dstAddrWidth of 4, 8 bytes, got 1",
    );
    chan.config({});
    chan.config({ srcAddrWidth: 2, dstAddrWidth: 8, srcMaxburst: 2, dstMaxburst: 16 });
    expect(model.configs).toHaveLength(2);
  });

  it("are nothing that other channels know", async () => {
    const { memcpy } = must((await rig(["memcpy"])).device).capabilities;
    const made = await rig(["memcpy"], { capabilities: { memcpy: must(memcpy) }, without: ["config"] });
    const untyped = made.chan as unknown as DmaChan<"slaveSg">;
    refusal("ERR_DMA_CAPABILITY", () => untyped.config({}));
  });

  it("are refused in directions that the device doesn't have, and without segments or periods", () => {
    expect(refusal("ERR_DMA_LIMIT", () => chan.prepSlaveSg(sgl(), 2, MEM_TO_MEM)).message).toContain(
      "MEM_TO_DEV, DEV_TO_MEM",
    );
    refusal("ERR_DMA_LIMIT", () => chan.prepCyclic(base, 6, 3, MEM_TO_MEM));
    for (const count of [0, 3, 5, Number.NaN])
      refusal("ERR_DMA_LIMIT", () => chan.prepSlaveSg(sgl(), count, MEM_TO_DEV));
    for (const [length, period] of [
      [6, 4],
      [0, 1],
      [6, 0],
      [6, 12],
    ] as const) {
      refusal("ERR_DMA_LIMIT", () => chan.prepCyclic(base, length, period, MEM_TO_DEV));
    }
  });

  it("need a peripheral in their reference", () => {
    const slaveSg = must(
      BUILT_IN_OPERATIONS.find(({ name }) => name === "slaveSg"),
    ) as OperationDefinition<"slaveSg">;
    const args = slaveSg.createArgs({ maxSegments: 1 });
    expect(() => slaveSg.reference(args, 0, { read: () => 0, write() {} })).toThrow(TypeError);
  });
});

describe("limits", () => {
  it("are kept, and every refusal says what was expected and what came", async () => {
    await setUp({
      capabilities: Object.fromEntries(
        ALL.map((name) => [
          name,
          {
            alignBytes: 8,
            minLengthBytes: 16,
            maxLengthBytes: 64,
            maxSources: 2,
            maxSegments: 1,
            continuation: false,
            maxChunks: 1,
            maxPeriods: 2,
          },
        ]),
      ),
    });
    const good = [base, base + 8];
    const result = new SumCheck();
    const sgl = (addr: number, length: number) => ({ dmaAddr: [addr], dmaLengthBytes: [length] });
    const { MEM_TO_DEV } = DmaTransferDirection;
    const calls: [string, (addr: number, length: number) => unknown][] = [
      ["memcpy", (a, n) => chan.prepMemcpy(a, base, n)],
      ["memcpy", (a, n) => chan.prepMemcpy(base, a, n)],
      ["memset", (a, n) => chan.prepMemset(a, 0, n)],
      ["xor", (a, n) => chan.prepXor(a, good, 2, n)],
      ["xor", (a, n) => chan.prepXor(base, [a, base], 2, n)],
      ["xorVal", (a, n) => chan.prepXorVal([a], 1, n, result)],
      ["pq", (a, n) => chan.prepPq(a, base, good, 2, [1, 2], n)],
      ["pq", (a, n) => chan.prepPq(base, a, good, 2, [1, 2], n)],
      ["pq", (a, n) => chan.prepPq(base, base, [base, a], 2, [1, 2], n)],
      ["pqVal", (a, n) => chan.prepPqVal(a, base, good, 2, [1, 2], n, result)],
      ["memsetSg", (a, n) => chan.prepMemsetSg(sgl(a, n), 1, 0)],
      ["slaveSg", (a, n) => chan.prepSlaveSg(sgl(a, n), 1, MEM_TO_DEV)],
      ["cyclic", (a, n) => chan.prepCyclic(a, n, n, MEM_TO_DEV)],
    ];
    for (const [name, call] of calls) {
      for (const length of [8, 72, 17, 0, -16, 16.5, Number.NaN]) {
        const { message } = refusal("ERR_DMA_LIMIT", () => call(base, length));
        expect(message).toBe(`${name}: expected a length from 16 to 64 bytes in steps of 8, got ${length}`);
      }
      expect(refusal("ERR_DMA_LIMIT", () => call(base + 4, 16)).message).toContain("aligned to 8 bytes");
      for (const addr of [-1, Number.NaN]) {
        expect(refusal("ERR_DMA_LIMIT", () => call(addr, 16)).message).toContain("dmaMappingError()");
      }
      for (const length of [16, 64]) {
        expect(call(base, length)).not.toBeNull();
        chan.terminate();
      }
    }
  });

  it("are kept for sources and coefficients", () => {
    const result = new SumCheck();
    for (const count of [0, -1, 9, Number.NaN]) {
      const srcs = Array(9).fill(base);
      refusal("ERR_DMA_LIMIT", () => chan.prepXor(base, srcs, count, 16));
      refusal("ERR_DMA_LIMIT", () => chan.prepXorVal(srcs, count, 16, result));
      refusal("ERR_DMA_LIMIT", () => chan.prepPq(base, base, srcs, count, srcs, 16));
      refusal("ERR_DMA_LIMIT", () => chan.prepPqVal(base, base, srcs, count, srcs, 16, result));
    }
    expect(refusal("ERR_DMA_LIMIT", () => chan.prepXor(base, [base], 2, 16)).message).toContain(
      "only 1 addresses",
    );
    expect(
      refusal("ERR_DMA_LIMIT", () => chan.prepPq(base, base, [base, base], 2, [1], 16)).message,
    ).toContain("only 1 coefficients");
    const neither = DMA_PREP_PQ_DISABLE_P | DMA_PREP_PQ_DISABLE_Q;
    refusal("ERR_DMA_LIMIT", () => chan.prepPq(base, base, [base], 1, [1], 16, neither));
    refusal("ERR_DMA_LIMIT", () => chan.prepPqVal(base, base, [base], 1, [1], 16, result, neither));
  });

  it("of P and Q don't matter for the disabled one", () => {
    expect(chan.prepPq(-1, base, [base], 1, [1], 16, DMA_PREP_PQ_DISABLE_P)).not.toBeNull();
    expect(chan.prepPq(base, -1, [base], 1, [], 16, DMA_PREP_PQ_DISABLE_Q)).not.toBeNull();
  });

  it("take no descriptor when they refuse", () => {
    for (let i = 0; i < 20; i++) refusal("ERR_DMA_LIMIT", () => chan.prepMemcpy(base, base, 0));
    for (let i = 0; i < 4; i++) expect(chan.prepMemcpy(base, base + 8, 8)).not.toBeNull();
  });
});

it("arguments are read before the prep call returns", () => {
  const srcs = [base + 100, base + 200];
  const coefs = [1, 2];
  const sum = xorOf(at(100, 16), at(200, 16));
  const tx = chan.prepPq(base, base + 50, srcs, 2, coefs, 16);
  srcs.fill(-1);
  coefs.fill(0);
  run(tx);
  expect(at(0, 16)).toEqual(sum);
});
