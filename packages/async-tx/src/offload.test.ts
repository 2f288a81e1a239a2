// Who does an operation, and in how many transactions.

import {
  type DeviceStats,
  DMA_PREP_FENCE,
  DMA_PREP_INTERRUPT,
  DmaEngine,
  type DmaTraceEvent,
  SumCheck,
} from "@dmaengine/core";
import type { AnyDeviceDefinition, DmaDriver } from "@dmaengine/core/driver";
import { cpu } from "@dmaengine/driver-cpu/node";
import { ioat } from "@dmaengine/driver-ioat";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ASYNC_TX_ACK,
  ASYNC_TX_FENCE,
  ASYNC_TX_PQ_XOR_DST,
  ASYNC_TX_XOR_DROP_DST,
  ASYNC_TX_XOR_ZERO_DST,
  AsyncTx,
  initAsyncSubmit,
} from "./index.js";
import { type EngineSet, machine } from "./testing/engine-sets.js";
import { noise, xorOf } from "./testing/model.js";
import { refused } from "./testing/refused.js";

const LEN = 256;
const pages = (count: number) => Array.from({ length: count }, (_, i) => noise(LEN, i + 1));
const last = (flags = 0) => initAsyncSubmit(flags | ASYNC_TX_ACK);

async function rig(set: EngineSet) {
  const submitted: Extract<DmaTraceEvent, { type: "submit" }>[] = [];
  const software: [string, number][] = [];
  const trace = (event: DmaTraceEvent) => {
    if (event.type === "submit") submitted.push(event);
  };
  const m = await machine(set, {}, { trace });
  const atx = new AsyncTx(m.engine, { onSoftware: (...did) => software.push(did) });
  return { ...m, atx, submitted, software, operations: () => submitted.map(({ operation }) => operation) };
}

describe("an operation goes to an engine that has it", () => {
  /** Every call once, each waited for. */
  async function everything(set: EngineSet) {
    const { atx, operations, software } = await rig(set);
    const [a, b, c, d, p, q, spare] = pages(7) as [Uint8Array, ...Uint8Array[]];
    const result = new SumCheck();
    const blocks = [a, b, c, d, p, q] as Uint8Array[];
    const scribble = new Array<null>(6).fill(null);
    for (const call of [
      () => atx.asyncMemcpy(a, b as Uint8Array, 0, 0, LEN, last()),
      () => atx.asyncMemset(a, 1, 0, LEN, last()),
      () => atx.asyncXor(a, blocks.slice(1, 4), 0, 3, LEN, last(ASYNC_TX_XOR_ZERO_DST)),
      () => atx.asyncXorVal(a, blocks.slice(0, 4), 0, 4, LEN, result, last()),
      () => atx.asyncGenSyndrome(blocks, 0, 6, LEN, last()),
      () => atx.asyncSyndromeVal(blocks, 0, 6, LEN, result, spare as Uint8Array, 0, last()),
      () => atx.asyncRaid62dataRecov(6, LEN, 0, 1, blocks, 0, { ...last(), scribble }),
    ]) {
      await atx.dmaWaitForAsyncTx(await call());
    }
    return { offloaded: operations(), software };
  }

  const recovery = ["pq", "xor", "xor", "pq", "xor"];

  it("all of them to an engine that has them all", async () => {
    expect(await everything("the software engine")).toEqual({
      offloaded: ["memcpy", "memset", "xor", "xorVal", "pq", "pqVal", ...recovery],
      software: [],
    });
  });

  it("those that there is an engine for, and the CPU does the others", async () => {
    expect(await everything("copy and xor on different engines (IOP33x)")).toEqual({
      offloaded: ["memcpy", "memset", "xor", "xorVal", "xor"],
      // P and Q; the check, which has Q computed once more; and the recovery.
      software: [
        ["pq", 6 * LEN],
        ["pqVal", 2 * LEN],
        ["pq", 5 * LEN],
        ["pqVal", 2 * LEN],
        ["recov", 6 * LEN],
      ],
    });
    expect(await everything("copy alone, without interrupt descriptors (PL080)")).toMatchObject({
      offloaded: ["memcpy"],
    });
  });

  it("none without an engine, and the CPU's bytes are counted, read and written", async () => {
    expect(await everything("no engine")).toEqual({
      offloaded: [],
      software: [
        ["memcpy", 2 * LEN],
        ["memset", LEN],
        ["xor", 4 * LEN],
        ["xor", 5 * LEN],
        ["xorVal", LEN],
        ["pq", 6 * LEN],
        ["xor", 5 * LEN],
        ["pqVal", 2 * LEN],
        ["pq", 5 * LEN],
        ["pqVal", 2 * LEN],
        ["recov", 6 * LEN],
      ],
    });
  });

  it("not with coefficients that its multipliers don't have: Armada 38x computes P and Q, and can't recover", async () => {
    const { offloaded, software } = await everything("no checks, PQ with wired coefficients (Armada 38x)");
    expect(offloaded).toContain("pq");
    expect(software.filter(([operation]) => operation === "pq")).toEqual([["pq", 3 * LEN]]);
  });

  it("the check of P and Q only if these fit in with the data, as in the original", async () => {
    const { atx, engine, operations } = await rig("everything on one engine (I/OAT)");
    const max = engine.devices[0]?.capabilities.pqVal?.maxSources ?? 0;
    for (const disks of [max, max + 1]) {
      const blocks = pages(disks);
      const result = new SumCheck();
      const tx = await atx.asyncSyndromeVal(blocks, 0, disks, LEN, result, new Uint8Array(LEN), 0, last());
      await atx.dmaWaitForAsyncTx(tx);
      expect([result.pFailed, result.qFailed]).toEqual([true, true]);
    }
    expect(operations().filter((operation) => operation === "pqVal").length).toBe(1);
    await atx.close();
  });

  it("P and Q never with PQ_XOR_DST, and recovery not without scribble, as in the original", async () => {
    const { atx, operations, software } = await rig("everything on one engine (I/OAT)");
    const blocks = pages(6);
    await atx.asyncGenSyndrome(blocks, 0, 6, LEN, last(ASYNC_TX_PQ_XOR_DST));
    expect(await atx.asyncRaid62dataRecov(6, LEN, 0, 1, blocks, 0, last())).toBe(null);
    expect(operations()).toEqual([]);
    expect(software).toEqual([
      ["pq", 8 * LEN],
      ["recov", 6 * LEN],
    ]);
  });

  it("and the CPU's answer is null, its callback having run", async () => {
    const { atx } = await rig("no engine");
    const [dest, src] = pages(2) as [Uint8Array, Uint8Array];
    const calls: unknown[] = [];
    const submit = initAsyncSubmit(ASYNC_TX_ACK, null, (param) => calls.push(param), "done");
    expect(await atx.asyncMemcpy(dest, src, 0, 0, LEN, submit)).toBe(null);
    expect(calls).toEqual(["done"]);
  });

  it("on the channel of its dependency if that has it, else on the one that has the fewest operations to see to", async () => {
    const { atx } = await rig("everything on one engine (I/OAT)");
    const [a, b, c] = pages(3) as [Uint8Array, Uint8Array, Uint8Array];
    const copied = await atx.asyncMemcpy(a, b, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_FENCE));
    const follows = await atx.asyncXor(
      c,
      [a, b],
      0,
      2,
      LEN,
      initAsyncSubmit(ASYNC_TX_ACK | ASYNC_TX_XOR_ZERO_DST, copied),
    );
    const alone = await atx.asyncXor(b, [a, c], 0, 2, LEN, last(ASYNC_TX_XOR_ZERO_DST));
    expect(copied?.channelName).toBe("dma0chan0");
    expect(follows?.channelName).toBe("dma0chan0");
    expect(alone?.channelName).toBe("dma0chan1");
    expect(atx.stats().channelSwitches).toBe(0);
    await atx.close();
  });
});

describe("a xor with more sources than the engine takes", () => {
  it("is split as the original splits it, with one callback and interrupt, and fences between", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 60 }), fc.boolean(), async (count, drop) => {
        const m = await rig("no checks, PQ with wired coefficients (Armada 38x)");
        const max = 8;
        const [dest, ...srcs] = pages(count + 1) as [Uint8Array, ...Uint8Array[]];
        const list = drop ? [dest, ...srcs.slice(1)] : srcs;
        const sum = xorOf(list);
        let called = 0;
        const flags = ASYNC_TX_ACK | (drop ? ASYNC_TX_XOR_DROP_DST : ASYNC_TX_XOR_ZERO_DST);
        const tx = await m.atx.asyncXor(
          dest,
          list,
          0,
          count,
          LEN,
          initAsyncSubmit(flags, null, () => called++),
        );
        await m.atx.dmaWaitForAsyncTx(tx);
        expect(dest).toEqual(sum);
        expect(called).toBe(1);
        const pieces = count <= max ? 1 : 1 + Math.ceil((count - max) / (max - 1));
        expect(m.submitted.length).toBe(pieces);
        expect(m.submitted.map((event) => event.flags & DMA_PREP_INTERRUPT)).toEqual(
          m.submitted.map((_, i) => (i === pieces - 1 ? DMA_PREP_INTERRUPT : 0)),
        );
        if (pieces > 1) expect(m.submitted.every((event) => (event.flags & DMA_PREP_FENCE) !== 0)).toBe(true);
        expect(m.engine.stats().unmapPools.map(({ live }) => live)).toEqual([0, 0, 0, 0]);
      }),
      { numRuns: 60 },
    );
  });

  it("keeps all pages mapped until the last piece has ended", async () => {
    const events: string[] = [];
    const trace = ({ type }: DmaTraceEvent) => {
      if (type === "unmap" || type === "complete") events.push(type);
    };
    const { engine } = await machine("no checks, PQ with wired coefficients (Armada 38x)", {}, { trace });
    const atx = new AsyncTx(engine);
    const [dest, ...srcs] = pages(21) as [Uint8Array, ...Uint8Array[]];
    await atx.dmaWaitForAsyncTx(await atx.asyncXor(dest, srcs, 0, 20, LEN, last(ASYNC_TX_XOR_ZERO_DST)));
    expect(events).toEqual(["complete", "complete", "complete", ...new Array<string>(21).fill("unmap")]);
  });

  it("has sources that are absent left out", async () => {
    const { atx } = await rig("everything on one engine (I/OAT)");
    const [dest, a, b] = pages(3) as [Uint8Array, Uint8Array, Uint8Array];
    const list = [null, a, null, b];
    await atx.dmaWaitForAsyncTx(await atx.asyncXor(dest, list, 0, 4, LEN, last(ASYNC_TX_XOR_ZERO_DST)));
    expect(dest).toEqual(xorOf([a, b]));
  });

  it("takes each source from its own offset", async () => {
    for (const set of ["everything on one engine (I/OAT)", "no engine"] as const) {
      const { atx } = await rig(set);
      const [dest, a, b] = pages(3) as [Uint8Array, Uint8Array, Uint8Array];
      const whole = dest.slice();
      whole.set(xorOf([a.subarray(10, 110), b.subarray(37, 137)]), 100);
      await atx.dmaWaitForAsyncTx(
        await atx.asyncXorOffs(dest, 100, [a, b], [10, 37], 2, 100, last(ASYNC_TX_XOR_ZERO_DST)),
      );
      expect(dest).toEqual(whole);
      const result = new SumCheck();
      dest.set(a.subarray(3, 103), 100);
      const val = atx.asyncXorValOffs(dest, 100, [dest, a], [100, 3], 2, 100, result, last());
      await atx.dmaWaitForAsyncTx(await val);
      expect(result.flags).toBe(0);
      const same = atx.asyncXorValOffs(dest, 100, [dest, a], null, 2, 100, result, last());
      await atx.dmaWaitForAsyncTx(await same);
      expect(result.pFailed).toBe(true);
    }
  });
});

describe("memory that an engine can't be given is left to the CPU", () => {
  /** The driver with other limits for xor. */
  function limited(driver: DmaDriver, limits: object): DmaDriver {
    const probe = async (): Promise<readonly AnyDeviceDefinition[]> =>
      (await driver.probe()).map((definition) => ({
        ...definition,
        capabilities: {
          ...definition.capabilities,
          xor: { ...definition.capabilities.xor, ...limits } as never,
        },
      }));
    return { ...driver, probe };
  }

  it.each([
    ["an offset that is not aligned", { alignBytes: 64 }, 8, 64],
    ["a length that is not aligned", { alignBytes: 64 }, 64, 100],
    ["too short a length", { minLengthBytes: 128 }, 0, 64],
    ["too long a length", { maxLengthBytes: 128 }, 0, 256],
  ])("%s", async (_name, limits, offset, len) => {
    const engine = new DmaEngine();
    await engine.register(limited(ioat(), limits));
    const software: unknown[] = [];
    const atx = new AsyncTx(engine, { onSoftware: (...did) => software.push(did) });
    const [dest, a, b] = Array.from({ length: 3 }, (_, i) => noise(512, i + 1)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const xor = (at: number, length: number) =>
      atx.asyncXor(dest, [a, b], at, 2, length, last(ASYNC_TX_XOR_ZERO_DST));
    expect(await xor(offset, len)).toBe(null);
    expect(software).toEqual([["xor", 3 * len]]);
    expect(dest.subarray(offset, offset + len)).toEqual(xorOf([a, b]).subarray(offset, offset + len));
    expect(await xor(128, 128)).not.toBe(null);
    await atx.close();
    const { mapping, unmapRecords } = engine.stats().devices["ioat0"] as DeviceStats;
    expect([mapping.unmaps, unmapRecords]).toEqual([mapping.maps, 0]);
  });

  it("what would be bounced, because two mappings would be two copies that don't see each other", async () => {
    const driver = cpu({ workers: 1 });
    const engine = new DmaEngine();
    const [device] = await engine.register(driver);
    const atx = new AsyncTx(engine);
    const submit = last(ASYNC_TX_XOR_ZERO_DST);
    const ordinary = pages(3) as [Uint8Array, ...Uint8Array[]];
    expect(await atx.asyncXor(ordinary[0], ordinary.slice(1), 0, 2, LEN, submit)).toBe(null);
    expect(ordinary[0]).toEqual(xorOf(ordinary.slice(1)));
    const reached = ordinary.map((page) => {
      const memory = device?.alloc(LEN) as Uint8Array;
      memory.set(page);
      return memory;
    }) as [Uint8Array, ...Uint8Array[]];
    const tx = await atx.asyncXor(reached[0], reached.slice(1), 0, 2, LEN, submit);
    expect(tx).not.toBe(null);
    await atx.dmaWaitForAsyncTx(tx);
    expect(reached[0].slice()).toEqual(ordinary[0]);
    await atx.close();
    await engine.unregister(driver);
  });
});

it("refuses what makes no sense, and says what does", async () => {
  const { atx } = await rig("no engine");
  const [a, b] = pages(2) as [Uint8Array, Uint8Array];
  const zero = last(ASYNC_TX_XOR_ZERO_DST);
  const drop = last(ASYNC_TX_XOR_DROP_DST);
  const blocks = [a, b, a, b];
  for (const [act, says] of [
    [() => atx.asyncMemcpy(a, b, 0, 1, LEN, last()), "within a page of 256 bytes, got 256 bytes at 1"],
    [() => atx.asyncMemcpy(a, b, 0, 0, 0, last()), "got 0 bytes"],
    [() => atx.asyncMemset(a, 0, -1, 8, last()), "got 8 bytes at -1"],
    [() => atx.asyncXor(a, [b], 0, 1, LEN, zero), "2 sources or more, got 1"],
    [() => atx.asyncXor(a, [b, b], 0, 3, LEN, zero), "3 pages, and an offset for each"],
    [() => atx.asyncXor(a, [b, b], 0, 2, LEN, last()), "exactly one of XOR_ZERO_DST"],
    [() => atx.asyncXor(a, [b, b], 0, 2, LEN, drop), "the destination as the first source"],
    [
      () => atx.asyncXorVal(a, [b, a], 0, 2, LEN, new SumCheck(), last()),
      "the destination as the first source",
    ],
    [() => atx.asyncGenSyndrome([a, b], 0, 2, LEN, last()), "3 to 255 blocks"],
    [() => atx.asyncGenSyndrome([a, b, null, null], 0, 4, LEN, last()), "P, Q or both"],
    [() => atx.asyncSyndromeVal(blocks, 0, 4, LEN, new SumCheck(), null, 0, last()), "a spare page"],
    [() => atx.asyncRaid62dataRecov(3, LEN, 0, 1, [a, b, a], 0, last()), "4 to 255 blocks"],
    [() => atx.asyncRaid62dataRecov(4, LEN, 0, 0, blocks, 0, last()), "got 0 twice"],
    [() => atx.asyncRaid62dataRecov(4, LEN, 0, 2, blocks, 0, last()), "from 0 to 1 that has a page, got 2"],
    [() => atx.asyncRaid6DatapRecov(4, LEN, 0, [a, b, null, a], 0, last()), "pages for P and Q"],
  ] as const) {
    const error = await refused("ERR_ASYNC_TX_ARGUMENT", act());
    expect(error.message).toContain(says);
  }
});
