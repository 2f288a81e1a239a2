import {
  DMA_CTRL_ACK,
  DMA_PREP_CONTINUE,
  DMA_PREP_INTERRUPT,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  type DmaChan,
  DmaDirection,
  DmaEngine,
  DmaStatus,
  DmaTransResult,
  type DmaTxDescriptor,
  SUM_CHECK_P_RESULT,
  SumCheck,
} from "@dmaengine/core";
import { BUILT_IN_OPERATIONS, type OperationDefinition } from "@dmaengine/core/driver";
import { FAULT_KINDS, type FaultKind, FaultPlan, Platform } from "@dmaengine/sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Iop3xxOptions, iop3xx } from "./iop3xx.js";
import type { IopOperation, IopSoc } from "./variant.js";

type Chan = DmaChan<IopOperation>;
const NEVER_MAPPED = 0x10;
const SEQUENCES = process.env["DMAENGINE_LONG"] === "1" ? 1000 : 60;
/** One of each kind. */
const UNITS: readonly (readonly [IopSoc, number])[] = [
  ["iop33x", 0],
  ["iop33x", 2],
  ["iop13xx", 2],
];
const INTERRUPT = DMA_CTRL_ACK | DMA_PREP_INTERRUPT;
const DMA0 = 0;
const AAU = 2;
const ADMA2 = 2;

/** An engine with a processor's units, a channel of one of them, and memory that is mapped for as long as the test runs. */
async function rig(
  options: Iop3xxOptions & { unit?: number; arenaBytes?: number; checker?: boolean; fill?: number } = {},
) {
  const platform = options.platform ?? new Platform();
  const engine = new DmaEngine({ checker: options.checker ?? false });
  const devices = await engine.register(iop3xx({ ...options, platform }));
  const device = devices[options.unit ?? 0];
  if (device === undefined) throw new Error("no device");
  const operations = Object.keys(device.capabilities) as IopOperation[];
  // What the unit does not have is undefined at run time, and not called.
  const chan = engine.requestChannel(operations, { filter: (candidate) => candidate === device }) as Chan;
  const arena = new Uint8Array(options.arenaBytes ?? 65536);
  fillWithNoise(arena.subarray(0, options.fill ?? 0));
  const base = device.mapSingle(arena, DmaDirection.BIDIRECTIONAL);
  return {
    platform,
    engine,
    devices,
    device,
    chan,
    arena,
    base,
    unmap: () => device.unmapSingle(base, arena.length, DmaDirection.BIDIRECTIONAL),
    stats: () => Object.values(engine.stats().devices[device.name]?.channels ?? {})[0],
  };
}

/** A prepared transaction, where room is not in question. */
function ready(tx: DmaTxDescriptor | null): DmaTxDescriptor {
  if (tx === null) throw new Error("no room");
  return tx;
}

/** Issues, waits, and tells how it ended. */
function run(chan: Chan, tx: DmaTxDescriptor | null): Promise<DmaStatus> {
  return chan.syncWait(ready(tx).submit());
}

function fillWithNoise(bytes: Uint8Array): void {
  let state = 0x9e3779b9;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
}

describe("any sequence of operations", () => {
  const SLOT_BYTES = 8192;
  const SLOTS = 35;

  interface Operation {
    kind: IopOperation;
    srcs: number[];
    dst: number;
    q: number;
    offsets: number[];
    coefs: number[];
    value: number;
    length: number;
    flags: number;
    issue: boolean;
  }

  function operationOf(kinds: readonly IopOperation[], maxSources: number): fc.Arbitrary<Operation> {
    const slot = fc.nat(SLOTS - 1);
    return fc
      .record({
        kind: fc.constantFrom(...kinds),
        slots: fc.shuffledSubarray([...Array(SLOTS).keys()], { minLength: SLOTS, maxLength: SLOTS }),
        count: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: maxSources })),
        /** The destination is one of the sources; of a check, one source is there twice. */
        inPlace: fc.boolean(),
        offsets: fc.array(fc.nat(7), { minLength: SLOTS, maxLength: SLOTS }),
        coefs: fc.array(fc.nat(255), { minLength: maxSources, maxLength: maxSources }),
        value: fc.nat(255),
        length: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(1023, 1024, 1025, 4096, 5000)),
        disable: fc.constantFrom(0, 0, DMA_PREP_PQ_DISABLE_P, DMA_PREP_PQ_DISABLE_Q),
        goesOn: fc.boolean(),
        interrupt: fc.boolean(),
        issue: fc.boolean(),
        other: slot,
      })
      .map((r): Operation => {
        const isPq = r.kind === "pq" || r.kind === "pqVal";
        const goesOn = r.kind === "pq" && r.goesOn;
        const most =
          r.kind === "pq" && goesOn ? maxSources - 3 : r.kind === "pqVal" ? maxSources - 2 : maxSources;
        const srcs = r.slots.slice(0, Math.min(r.count, most));
        // P and Q are to be aligned, and everything with them.
        const aligned = r.kind === "pq";
        return {
          kind: r.kind,
          srcs,
          dst: r.inPlace && r.kind !== "memcpy" ? (srcs[0] as number) : (r.slots[33] as number),
          q: r.slots[34] as number,
          offsets: aligned ? r.offsets.map(() => 0) : r.offsets,
          coefs: r.coefs,
          value: r.value,
          length: aligned ? Math.ceil(r.length / 8) * 8 : r.length,
          flags:
            DMA_CTRL_ACK |
            (isPq ? r.disable : 0) |
            (goesOn ? DMA_PREP_CONTINUE : 0) |
            (r.interrupt ? DMA_PREP_INTERRUPT : 0),
          issue: r.issue,
        };
      });
  }

  /** Where the operation works, as offsets in the arena. */
  function places({ srcs, dst, q, offsets }: Operation) {
    const at = (slot: number): number => slot * SLOT_BYTES + (offsets[slot] as number);
    return { srcs: srcs.map(at), p: at(dst), q: at(q) };
  }

  /** What the operation means, by its definition, with `memory` at bus address 0. Returns the verdict of a check. */
  function perform(op: Operation, memory: Uint8Array): number {
    const { srcs, p, q } = places(op);
    const result = new SumCheck();
    const args = {
      dst: p,
      src: srcs[0] as number,
      p,
      q,
      srcs: Float64Array.from(srcs),
      srcCnt: srcs.length,
      coefs: Uint8Array.from(op.coefs),
      value: op.value,
      lengthBytes: op.length,
      result,
    };
    definitionOf(op.kind).reference(args, op.flags, {
      read: (addr) => memory[addr] as number,
      write: (addr, value) => {
        memory[addr] = value;
      },
    });
    return result.flags;
  }

  function definitionOf<Op extends IopOperation>(name: Op): OperationDefinition<Op> {
    const definition = BUILT_IN_OPERATIONS.find((candidate) => candidate.name === name);
    return definition as unknown as OperationDefinition<Op>;
  }

  /** In front of every other check, what makes it come out right. */
  function withPreparation(op: Operation, n: number): Operation[] {
    if (n % 2 === 0) return [op];
    // P or Q may be one of the sources: then what is written changes the sum.
    if (op.kind === "pqVal" && op.srcs[0] !== op.dst && op.length % 8 === 0) {
      const aligned = { ...op, offsets: op.offsets.map(() => 0) };
      return [{ ...aligned, kind: "pq" }, aligned];
    }
    if (op.kind === "xorVal" && op.srcs.length > 1) {
      return [{ ...op, kind: "xor", srcs: op.srcs.slice(1), dst: op.srcs[0] as number }, op];
    }
    return [op];
  }

  function prepare(chan: Chan, base: number, op: Operation, result: SumCheck): DmaTxDescriptor | null {
    const { srcs, p, q } = places(op);
    const addrs = srcs.map((src) => base + src);
    // The address of what is disabled is ignored.
    const pAddr = (op.flags & DMA_PREP_PQ_DISABLE_P) === 0 ? base + p : NEVER_MAPPED;
    const qAddr = (op.flags & DMA_PREP_PQ_DISABLE_Q) === 0 ? base + q : NEVER_MAPPED;
    switch (op.kind) {
      case "memcpy":
        return chan.prepMemcpy(base + p, addrs[0] as number, op.length, op.flags);
      case "memset":
        return chan.prepMemset(base + p, op.value, op.length, op.flags);
      case "xor":
        return chan.prepXor(base + p, addrs, addrs.length, op.length, op.flags);
      case "xorVal":
        return chan.prepXorVal(addrs, addrs.length, op.length, result, op.flags);
      case "pq":
        return chan.prepPq(pAddr, qAddr, addrs, addrs.length, op.coefs, op.length, op.flags);
      case "pqVal":
        return chan.prepPqVal(pAddr, qAddr, addrs, addrs.length, op.coefs, op.length, result, op.flags);
      case "interrupt":
        return chan.prepInterrupt(op.flags);
    }
  }

  it.each<[IopSoc, number, readonly IopOperation[], number]>([
    ["iop32x", 1, ["memcpy", "interrupt"], 1],
    ["iop32x", AAU, ["xor", "memset", "interrupt"], 32],
    ["iop33x", AAU, ["xor", "xorVal", "memset", "interrupt"], 32],
    ["iop13xx", 0, ["memcpy", "xor", "xorVal", "memset", "pq", "pqVal", "interrupt"], 16],
    ["iop13xx", ADMA2, ["memcpy", "xor", "xorVal", "memset", "pq", "pqVal", "interrupt"], 16],
  ])(
    "does what it means, in order, and ends each once (%s, unit %i)",
    async (soc, unit, kinds, maxSources) => {
      const sequence = fc.array(operationOf(kinds, maxSources), { minLength: 1, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(sequence, async (operations) => {
          const arenaBytes = SLOTS * SLOT_BYTES;
          const { chan, arena, base, stats, unmap } = await rig({
            soc,
            unit,
            arenaBytes,
            fill: arenaBytes,
            checker: true,
          });
          expect(Object.keys(chan.limits).sort()).toEqual([...kinds].sort());
          const expected = arena.slice();
          const verdicts: number[] = [];
          const results: SumCheck[] = [];
          const ended: number[] = [];
          const steps = operations.flatMap(withPreparation);
          let last = 0;
          for (const [n, op] of steps.entries()) {
            const result = new SumCheck();
            let tx = prepare(chan, base, op, result);
            while (tx === null) {
              await chan.syncWait(last);
              tx = prepare(chan, base, op, result);
            }
            tx.callback = (how) => {
              expect(how).toBe(DmaTransResult.NOERROR);
              ended.push(n);
            };
            last = tx.submit();
            if (op.issue) chan.issuePending();
            results.push(result);
            verdicts.push(perform(op, expected));
          }
          expect(await chan.syncWait(last)).toBe(DmaStatus.COMPLETE);
          await Promise.resolve();
          unmap();
          expect(ended).toEqual(steps.map((_, n) => n));
          expect(results.map(({ flags }) => flags)).toEqual(verdicts);
          expect(Buffer.compare(arena, expected)).toBe(0);
          for (const counters of Object.values(stats()?.operations ?? {})) {
            expect(counters.completed).toBe(counters.submitted);
          }
        }),
        { numRuns: SEQUENCES },
      );
    },
  );
});

describe("a chain over several units", () => {
  it("crosses devices on iop33x, which share mappings: xor, copy, xor", async () => {
    const engine = new DmaEngine({ checker: true });
    const [dma0, , aau] = await engine.register(iop3xx({ soc: "iop33x" }));
    if (dma0 === undefined || aau === undefined) throw new Error("no devices");
    expect(aau.domain).toBe(dma0.domain);
    expect(dma0.has("xor") || aau.has("memcpy")).toBe(false);
    expect(() => engine.requestChannel(["memcpy", "xor"])).toThrow(
      expect.objectContaining({ code: "ERR_DMA_NO_CHANNEL" }),
    );
    const copies = engine.requestChannel(["memcpy"]);
    const xors = engine.requestChannel(["xor", "xorVal"]);

    const memory = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0);
    const addr = aau.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
    expect(await xors.syncWait(ready(xors.prepXor(addr + 8, [addr, addr + 4], 2, 4)).submit())).toBe(0);
    expect(await copies.syncWait(ready(copies.prepMemcpy(addr + 12, addr + 8, 4)).submit())).toBe(0);
    expect(await xors.syncWait(ready(xors.prepXor(addr, [addr, addr + 12], 2, 4)).submit())).toBe(0);
    aau.unmapSingle(addr, memory.length, DmaDirection.BIDIRECTIONAL);
    expect([...memory]).toEqual([5, 6, 7, 8, 5, 6, 7, 8, 4, 4, 4, 12, 4, 4, 4, 12]);
  });

  it("stays on one channel on iop13xx", async () => {
    const engine = new DmaEngine();
    await engine.register(iop3xx({ soc: "iop13xx" }));
    const devices = [1, 2, 3].map(
      () => engine.requestChannel(["memcpy", "xor", "xorVal", "memset", "pq", "pqVal"]).device.name,
    );
    expect(devices.sort()).toEqual(["iop-adma.0", "iop-adma.1", "iop-adma.2"]);
  });
});

describe("a zero check", () => {
  it.each([0, 1023, 1024, 5 * 1024 - 1, 47 * 1024 - 1])("of many descriptors finds byte %i", async (at) => {
    const lengthBytes = 47 * 1024;
    const { chan, arena, base } = await rig({ unit: AAU, arenaBytes: 2 * lengthBytes });
    expect(chan.limits.xorVal.maxLengthBytes).toBe(lengthBytes);
    const sources = Array.from({ length: 32 }, (_, i) => base + (i % 2) * lengthBytes);
    // The first half 17 times and the second 15 times, so that damage stays in the sum.
    sources[31] = base;
    const check = async (): Promise<number> => {
      const result = new SumCheck();
      expect(await run(chan, chan.prepXorVal(sources, 32, lengthBytes, result))).toBe(DmaStatus.COMPLETE);
      return result.flags;
    };
    expect(await check()).toBe(0);
    arena[lengthBytes + at] = 1;
    expect(await check()).toBe(SUM_CHECK_P_RESULT);
  });

  it("is not offered on iop32x, and PQ by all units of iop13xx, or those that are chosen", async () => {
    const of = async (soc: IopSoc, pqUnits?: readonly number[]): Promise<string[][]> => {
      const devices = await new DmaEngine().register(iop3xx({ soc, ...(pqUnits && { pqUnits }) }));
      return devices.map(({ capabilities }) => Object.keys(capabilities).sort());
    };
    const dma = ["interrupt", "memcpy"];
    const adma = ["interrupt", "memcpy", "memset", "xor", "xorVal"];
    expect(await of("iop32x")).toEqual([dma, dma, ["interrupt", "memset", "xor"]]);
    expect(await of("iop33x")).toEqual([dma, dma, ["interrupt", "memset", "xor", "xorVal"]]);
    const all = [...adma, "pq", "pqVal"].sort();
    expect(await of("iop13xx")).toEqual([all, all, all]);
    expect(await of("iop13xx", [2])).toEqual([adma, adma, all]);
    expect(await of("iop13xx", [])).toEqual([adma, adma, adma]);
    expect(await of("iop33x", [])).toEqual(await of("iop33x"));
  });
});

describe("the pool of descriptors", () => {
  it("says no when it is full, and has room again when something is done", async () => {
    const { chan, base, stats } = await rig({ unit: AAU });
    const eight = Array.from({ length: 32 }, (_, i) => base + 64 * i);
    for (let round = 0; round < 3; round++) {
      // 384 slots, of which 8 are never promised.
      const prepared: DmaTxDescriptor[] = [];
      for (;;) {
        const tx = chan.prepXor(base + 8192, eight, 32, 64);
        if (tx === null) break;
        prepared.push(tx);
      }
      expect(prepared).toHaveLength(47);
      expect(chan.prepInterrupt()).toBeNull();
      const cookies = prepared.toReversed().map((tx) => tx.submit());
      expect(await chan.syncWait(cookies.at(-1) as number)).toBe(DmaStatus.COMPLETE);
    }
    expect(stats()?.ringFull).toBe(6);
  });

  it("takes nothing for a transaction that it has only half the room for", async () => {
    const { chan, base } = await rig({ unit: AAU });
    const check = (lengthBytes: number): DmaTxDescriptor | null =>
      chan.prepXorVal([base], 1, lengthBytes, new SumCheck());
    for (let n = 0; n < 7; n++) ready(check(47 * 1024));
    // 376 - 329 = 47 are left.
    for (let n = 0; n < 3; n++) ready(check(10 * 1024));
    expect(check(20 * 1024)).toBeNull();
    ready(check(17 * 1024));
    expect(check(1)).toBeNull();
  });

  it("goes round: 20000 transfers", async () => {
    const { chan, arena, base } = await rig({ unit: DMA0 });
    let last = 0;
    for (let n = 0; n < 20_000; n++) {
      arena[n % 4096] = n;
      let tx = chan.prepMemcpy(base + 8192 + (n % 4096), base + (n % 4096), 1);
      while (tx === null) {
        await chan.syncWait(last);
        tx = chan.prepMemcpy(base + 8192 + (n % 4096), base + (n % 4096), 1);
      }
      last = tx.submit();
    }
    expect(await chan.syncWait(last)).toBe(DmaStatus.COMPLETE);
    expect(Buffer.compare(arena.subarray(8192, 8192 + 4096), arena.subarray(0, 4096))).toBe(0);
  });

  it("lets the unit start by itself when four slots are submitted", async () => {
    const { platform, chan, arena, base } = await rig({ platform: new Platform({ clock: "stepped" }) });
    arena[0] = 7;
    platform.clock.advance(10_000);
    for (let n = 0; n < 3; n++) ready(chan.prepMemcpy(base + 64 + n, base, 1)).submit();
    platform.clock.advance(10_000);
    expect([...arena.subarray(64, 68)]).toEqual([0, 0, 0, 0]);
    ready(chan.prepMemcpy(base + 67, base, 1)).submit();
    platform.clock.advance(10_000);
    expect([...arena.subarray(64, 68)]).toEqual([7, 7, 7, 7]);
  });

  it("completes what is done although something behind it is not issued", async () => {
    const { platform, chan, base } = await rig({ platform: new Platform({ clock: "stepped" }) });
    const first = ready(chan.prepMemcpy(base, base + 64, 1)).submit();
    chan.issuePending();
    platform.clock.advance(10_000);
    const second = ready(chan.prepMemcpy(base, base + 64, 1)).submit();
    expect(chan.txStatus(first)).toBe(DmaStatus.COMPLETE);
    expect(chan.txStatus(second)).toBe(DmaStatus.IN_PROGRESS);
  });
});

describe("completion", () => {
  it.each(UNITS)(
    "by polling alone raises no interrupt, by interrupt needs no polling (%s, unit %i)",
    async (soc, unit) => {
      const { platform, chan, base, stats, device } = await rig({ soc, unit });
      const prepare = (flags: number): DmaTxDescriptor | null =>
        device.has("memcpy")
          ? chan.prepMemcpy(base, base + 64, 64, flags)
          : chan.prepXor(base, [base + 64, base + 128], 2, 64, flags);
      for (let n = 0; n < 20; n++) await run(chan, prepare(DMA_CTRL_ACK));
      expect(platform.irqs.hardIrqs).toBe(0);
      const { polls } = stats() ?? { polls: -1 };
      const done: Promise<void>[] = [];
      for (const tx of [
        prepare(INTERRUPT),
        prepare(DMA_CTRL_ACK),
        prepare(INTERRUPT),
        chan.prepInterrupt(),
      ]) {
        if ((ready(tx).flags & DMA_PREP_INTERRUPT) !== 0) done.push(ready(tx).done);
        ready(tx).submit();
      }
      chan.issuePending();
      await Promise.all(done);
      expect(stats()?.polls).toBe(polls);
      expect(stats()?.interrupts).toBe(3);
    },
  );

  it("runs callbacks in the tasklet, and lets them submit more", async () => {
    const { platform, chan, base } = await rig();
    const contexts: string[] = [];
    await new Promise<void>((resolve) => {
      const go = (): void => {
        const tx = ready(chan.prepMemcpy(base, base + 64, 64, INTERRUPT));
        tx.callback = () => {
          contexts.push(platform.irqs.context);
          if (contexts.length === 3) resolve();
          else go();
        };
        tx.submit();
        chan.issuePending();
      };
      go();
    });
    expect(contexts).toEqual(["softirq", "softirq", "softirq"]);
  });
});

describe("failures", () => {
  const COUNT = 16;
  const { NOERROR, READ_FAILED, WRITE_FAILED, ABORTED } = DmaTransResult;

  type Kind = "memcpy" | "memset" | "xor" | "xorVal" | "pq" | "pqVal";
  const kinds: [IopSoc, number, Kind, DmaTransResult][] = [
    ["iop33x", DMA0, "memcpy", READ_FAILED],
    ["iop33x", DMA0, "memcpy", WRITE_FAILED],
    ["iop33x", AAU, "xor", READ_FAILED],
    ["iop33x", AAU, "xor", WRITE_FAILED],
    ["iop33x", AAU, "xorVal", READ_FAILED],
    ["iop33x", AAU, "memset", WRITE_FAILED],
    ["iop13xx", ADMA2, "memcpy", READ_FAILED],
    ["iop13xx", ADMA2, "memcpy", WRITE_FAILED],
    ["iop13xx", ADMA2, "xor", WRITE_FAILED],
    ["iop13xx", ADMA2, "xorVal", READ_FAILED],
    ["iop13xx", ADMA2, "memset", WRITE_FAILED],
    ["iop13xx", ADMA2, "pq", READ_FAILED],
    ["iop13xx", ADMA2, "pq", WRITE_FAILED],
    ["iop13xx", ADMA2, "pqVal", READ_FAILED],
  ];
  const bursts = kinds.flatMap(([soc, unit, kind, how]) =>
    [0, 7, COUNT - 2, COUNT - 1].map((position) => [soc, unit, kind, position, how] as const),
  );

  it.each(bursts)(
    "%s unit %i: %s at position %i of a burst ends with %i, those behind are aborted, and the channel works on",
    async (soc, unit, kind, position, how) => {
      const { chan, arena, base, stats, device } = await rig({ soc, unit });
      arena.fill(5, 0, 64);
      const [dst, src] = how === READ_FAILED ? [base + 512, NEVER_MAPPED] : [NEVER_MAPPED, base];
      const prepareBad = (): DmaTxDescriptor | null => {
        if (kind === "memcpy") return chan.prepMemcpy(dst, src, 64);
        if (kind === "memset") return chan.prepMemset(dst, 1, 64);
        if (kind === "xor") return chan.prepXor(dst, [base, base, base, base, src], 5, 64);
        if (kind === "xorVal") return chan.prepXorVal([base, base, src], 3, 64, new SumCheck());
        if (kind === "pq") return chan.prepPq(base + 576, dst, [base, src], 2, [1, 2], 64);
        return chan.prepPqVal(base + 576, src, [base, base], 2, [1, 2], 64, new SumCheck());
      };
      const prepareGood = (to: number): DmaTxDescriptor | null =>
        device.has("memcpy") ? chan.prepMemcpy(to, base, 64) : chan.prepXor(to, [base], 1, 64);
      const endings: [number, DmaTransResult][] = [];
      const cookies: number[] = [];
      for (let n = 0; n < COUNT; n++) {
        const tx = ready(n === position ? prepareBad() : prepareGood(base + 1024 + 64 * n));
        tx.callback = (result) => endings.push([n, result]);
        cookies.push(tx.submit());
      }
      await chan.syncWait(cookies.at(-1) as number);
      await Promise.resolve();
      const expected = (n: number): DmaTransResult =>
        n < position ? NOERROR : n === position ? how : ABORTED;
      expect(endings).toEqual(cookies.map((_, n) => [n, expected(n)]));
      for (let n = 0; n < COUNT; n++) {
        if (n !== position) expect(arena[1024 + 64 * n]).toBe(n < position ? 5 : 0);
      }
      expect(await run(chan, prepareGood(base + 4096))).toBe(DmaStatus.COMPLETE);
      expect(arena[4096]).toBe(5);
      const counters = Object.values(stats()?.operations ?? {});
      const sum = (key: "submitted" | "completed" | "failed" | "aborted"): number =>
        counters.reduce((total, counter) => total + counter[key], 0);
      expect(sum("submitted")).toBe(sum("completed") + sum("failed") + sum("aborted"));
      expect(sum("failed")).toBe(1);
    },
  );

  it("of an interrupt-driven transfer are told without polling", async () => {
    const { chan, base, stats } = await rig();
    const tx = ready(chan.prepMemcpy(base, NEVER_MAPPED, 64, INTERRUPT));
    const { done } = tx;
    tx.submit();
    chan.issuePending();
    await expect(done).rejects.toThrow(expect.objectContaining({ code: "ERR_DMA_TRANSFER" }));
    expect(stats()?.polls).toBe(0);
    expect(await run(chan, chan.prepInterrupt())).toBe(DmaStatus.COMPLETE);
  });

  it("of a long check end it once, whichever piece fails, and keep what is only prepared", async () => {
    const { chan, base, device } = await rig({ unit: AAU });
    const short = device.mapSingle(new Uint8Array(3000), DmaDirection.BIDIRECTIONAL);
    const endings: DmaTransResult[] = [];
    const tx = ready(chan.prepXorVal([base, short], 2, 5000, new SumCheck()));
    const kept = ready(chan.prepXor(base, [base + 64], 1, 64));
    tx.callback = (result) => endings.push(result);
    expect(await chan.syncWait(tx.submit())).toBe(DmaStatus.ERROR);
    await Promise.resolve();
    expect(endings).toEqual([READ_FAILED]);
    expect(await run(chan, kept)).toBe(DmaStatus.COMPLETE);
  });

  it("leave room to start again, and what is only prepared its own", async () => {
    // The start, then the first copy, behind which the unit's register goes wrong.
    const faults = new FaultPlan([{ kind: "wrongCompletion", unit: "iop-adma.0", at: 1 }]);
    const { chan, base, platform } = await rig({ platform: new Platform({ clock: "stepped", faults }) });
    platform.clock.advance(10_000);
    const cookie = ready(chan.prepMemcpy(base, base + 64, 64)).submit();
    chan.issuePending();
    const prepared: DmaTxDescriptor[] = [];
    for (;;) {
      const tx = chan.prepMemcpy(base, base + 64, 64);
      if (tx === null) break;
      prepared.push(tx);
    }
    expect(prepared).toHaveLength(126);
    platform.clock.advance(10_000);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.ERROR);
    prepared.push(ready(chan.prepInterrupt()));
    expect(chan.prepInterrupt()).toBeNull();
    let last = 0;
    for (const tx of prepared) last = tx.submit();
    chan.issuePending();
    platform.clock.advance(100_000);
    expect(chan.txStatus(last)).toBe(DmaStatus.COMPLETE);
  });

  const planned = FAULT_KINDS.flatMap((kind) =>
    UNITS.flatMap(([soc, unit]) =>
      Array.from({ length: COUNT }, (_, position) => [kind, soc, unit, position] as const),
    ),
  );

  it.each(planned)(
    "of the fault plan: %s in %s unit %i at position %i",
    async (kind, soc, unit, position) => {
      // The first occasion is the descriptor that starts the chain; interrupts are counted from the first.
      const at = kind === "lostInterrupt" ? position : position + 1;
      const faults = new FaultPlan([{ kind, unit: `iop-adma.${unit}`, at }]);
      const { chan, arena, base, device } = await rig({ soc, unit, platform: new Platform({ faults }) });
      arena.fill(5, 0, 64);
      const prepare = (to: number): DmaTxDescriptor | null =>
        device.has("memcpy")
          ? chan.prepMemcpy(to, base, 64, INTERRUPT)
          : chan.prepXor(to, [base], 1, 64, INTERRUPT);
      const endings: [number, DmaTransResult][] = [];
      let last = 0;
      for (let n = 0; n < COUNT; n++) {
        const tx = ready(prepare(base + 1024 + 64 * n));
        tx.callback = (result) => endings.push([n, result]);
        last = tx.submit();
      }
      const status = await chan.syncWait(last);
      // A unit that says nothing is the client's to give up.
      if (kind === "stuckChannel") await chan.terminate();
      await Promise.resolve();
      expect(faults.struck).toHaveLength(1);
      const survives: FaultKind[] = ["lostInterrupt", "lateCompletion"];
      expect(status).toBe(survives.includes(kind) ? DmaStatus.COMPLETE : DmaStatus.ERROR);
      // Of what was done just before the processor was gone nobody could hear any more.
      const unharmed = kind === "unplug" ? position - 1 : position;
      const ended = kind === "stuckChannel" ? position : COUNT;
      expect(endings.map(([n]) => n)).toEqual(Array.from({ length: ended }, (_, n) => n));
      for (const [n, result] of endings) {
        if (n < unharmed) expect(result).toBe(NOERROR);
        if (result === NOERROR) expect(arena[1024 + 64 * n]).toBe(5);
      }
      const after = await run(chan, prepare(base + 8192));
      expect(after).toBe(kind === "unplug" ? DmaStatus.ERROR : DmaStatus.COMPLETE);
      expect(arena[8192]).toBe(kind === "unplug" ? 0 : 5);
    },
  );
});

describe("terminate", () => {
  it("ends everything, and nothing is written afterwards", async () => {
    const platform = new Platform({ clock: "stepped" });
    const { chan, arena, base, stats } = await rig({ platform });
    arena.fill(5, 0, 64);
    const rejections: Promise<void>[] = [];
    for (let n = 0; n < 8; n++) {
      const tx = ready(chan.prepMemcpy(base + 1024 + 64 * n, base, 64));
      rejections.push(expect(tx.done).rejects.toThrow(expect.objectContaining({ code: "ERR_DMA_TRANSFER" })));
      tx.submit();
    }
    ready(chan.prepMemcpy(base, base + 64, 64));
    chan.issuePending();
    // The first descriptors are done; nobody has looked.
    platform.clock.advance(500);
    const before = arena.slice();
    expect(before[1024]).toBe(5);
    expect(before[1024 + 7 * 64]).toBe(0);
    await chan.terminate();
    await Promise.all(rejections);
    platform.clock.advance(100_000);
    expect(Buffer.compare(arena, before)).toBe(0);
    expect(stats()?.operations["memcpy"]?.aborted).toBe(8);

    const cookie = ready(chan.prepMemcpy(base + 4096, base, 64)).submit();
    chan.issuePending();
    platform.clock.advance(100_000);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
    expect(arena[4096]).toBe(5);
  });

  it("works on a unit that has stopped and nobody has noticed", async () => {
    const platform = new Platform({ clock: "stepped" });
    const { chan, base } = await rig({ platform });
    ready(chan.prepMemcpy(base, NEVER_MAPPED, 64)).submit();
    chan.issuePending();
    platform.clock.runNext();
    platform.clock.runNext();
    await chan.terminate();
    const cookie = ready(chan.prepMemcpy(base, base + 64, 64)).submit();
    chan.issuePending();
    platform.clock.advance(100_000);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
  });
});

describe("devices", () => {
  it("are three of one channel each, with names of their own, and addresses of 32 bits", async () => {
    const platform = new Platform();
    const engine = new DmaEngine();
    const first = await engine.register(iop3xx({ platform }));
    const second = await engine.register(iop3xx({ platform, name: "other", soc: "iop13xx" }));
    expect([...first, ...second].map(({ name }) => name)).toEqual([
      "iop-adma.0",
      "iop-adma.1",
      "iop-adma.2",
      "other.0",
      "other.1",
      "other.2",
    ]);
    expect(first.map((device) => Object.keys(device.stats().channels).length)).toEqual([1, 1, 1]);
    expect(second[0]?.domain).toBe(first[0]?.domain);
  });

  it("can go, and come again", async () => {
    const platform = new Platform();
    const engine = new DmaEngine();
    for (let round = 0; round < 2; round++) {
      const driver = iop3xx({ platform });
      await engine.register(driver);
      const chan = engine.requestChannel(["interrupt"]);
      expect(await chan.syncWait(ready(chan.prepInterrupt()).submit())).toBe(DmaStatus.COMPLETE);
      chan.release();
      await engine.unregister(driver);
      expect(engine.devices).toHaveLength(0);
    }
  });

  it("have addresses of their own behind an IOMMU", async () => {
    const engine = new DmaEngine();
    const [dma0, dma1] = await engine.register(iop3xx({ platform: new Platform({ iommu: true }) }));
    expect(dma0?.domain).not.toBe(dma1?.domain);
  });

  it("refuse P+Q where there is none", () => {
    const refused = (options: Iop3xxOptions) => () => iop3xx(options);
    expect(refused({ soc: "iop13xx", pqUnits: [2, 3] })).toThrow(
      /units of iop13xx that have P\+Q \(0, 1, 2\), got 3/,
    );
    expect(refused({ soc: "iop33x", pqUnits: [2] })).toThrow(
      /units of iop33x that have P\+Q \(none\), got 2/,
    );
  });

  it("refuse a processor that is not known", () => {
    expect(() => iop3xx({ soc: "iop34x" as IopSoc })).toThrow(
      expect.objectContaining({
        code: "ERR_DMA_LIMIT",
        message: "iop3xx: expected one of iop32x, iop33x, iop13xx as soc, got iop34x",
      }),
    );
  });
});
