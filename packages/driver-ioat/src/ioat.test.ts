import {
  DMA_CTRL_ACK,
  DMA_PREP_CONTINUE,
  DMA_PREP_FENCE,
  DMA_PREP_INTERRUPT,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  type DmaChan,
  DmaDirection,
  DmaEngine,
  DmaStatus,
  DmaTransResult,
  type DmaTxDescriptor,
  gfExp,
  SUM_CHECK_P_RESULT,
  SumCheck,
} from "@dmaengine/core";
import { BUILT_IN_OPERATIONS, type OperationDefinition } from "@dmaengine/core/driver";
import { Platform } from "@dmaengine/sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type IoatOptions, ioat } from "./ioat.js";
import { IOAT_VARIANTS, type IoatVersion } from "./variant.js";

const OPERATIONS = ["memcpy", "memset", "xor", "xorVal", "pq", "pqVal", "interrupt"] as const;
const VERSIONS = Object.keys(IOAT_VARIANTS) as IoatVersion[];
type Chan = DmaChan<(typeof OPERATIONS)[number]>;
const NEVER_MAPPED = 0x10;

/** An engine with one device, one channel of it with all that it can do, and memory that is mapped for as long as the test runs. */
async function rig(options: IoatOptions & { arenaBytes?: number } = {}) {
  const platform = options.platform ?? new Platform();
  const engine = new DmaEngine();
  const driver = ioat({ ...options, platform, channels: 1 });
  const [device] = await engine.register(driver);
  if (device === undefined) throw new Error("no device");
  const chan = engine.requestChannel(OPERATIONS.filter((operation) => device.has(operation))) as Chan;
  const arena = new Uint8Array(options.arenaBytes ?? 65536);
  const base = device.mapSingle(arena, DmaDirection.BIDIRECTIONAL);
  return {
    platform,
    engine,
    driver,
    device,
    chan,
    arena,
    base,
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
  const SLOTS = 20;
  const length = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(4095, 4096, 4097, 8000));
  const offset = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(7));

  interface Operation {
    kind: (typeof OPERATIONS)[number];
    /** Slots of sources, and of destination or P, and Q; each operand has an offset in its slot. */
    srcs: number[];
    dst: number;
    q: number;
    offsets: number[];
    coefs: number[];
    length: number;
    flags: number;
    /** Makes a check come out right. */
    honest: boolean;
    issue: boolean;
  }

  /** What each version can do, besides copying, in Linux 3.10. In 3.3, PQ has up to 16 sources. */
  const CAN: Record<IoatVersion, readonly Operation["kind"][]> = {
    "1.2": ["memcpy"],
    "2.0": ["memcpy"],
    "3.0": ["memcpy", "interrupt"],
    "3.2": OPERATIONS,
    "3.3": OPERATIONS,
  };

  const operationOf = (version: IoatVersion): fc.Arbitrary<Operation> =>
    fc
      .record({
        kind: fc.constantFrom(...CAN[version]),
        slots: fc.shuffledSubarray([...Array(SLOTS).keys()], { minLength: SLOTS, maxLength: SLOTS }),
        count: fc.integer({ min: 1, max: 16 }),
        /** P or Q, or the destination, is one of the sources. */
        inPlace: fc.constantFrom("no", "no", "dst", "q"),
        offsets: fc.array(offset, { minLength: SLOTS, maxLength: SLOTS }),
        coefs: fc.oneof(
          fc.constant(Array.from({ length: 16 }, (_, i) => gfExp(i))),
          fc.array(fc.nat(255), { minLength: 16, maxLength: 16 }),
        ),
        length,
        disable: fc.constantFrom(0, 0, DMA_PREP_PQ_DISABLE_P, DMA_PREP_PQ_DISABLE_Q),
        goesOn: fc.boolean(),
        fence: fc.boolean(),
        interrupt: fc.boolean(),
        honest: fc.boolean(),
        issue: fc.boolean(),
      })
      .map((r): Operation => {
        const isPq = r.kind === "pq" || r.kind === "pqVal";
        const extra = r.kind === "pq" && r.goesOn ? ((r.disable & DMA_PREP_PQ_DISABLE_P) !== 0 ? 1 : 3) : 0;
        const most = isPq && version === "3.3" ? 16 : 8;
        const srcs = r.slots.slice(0, Math.min(r.count, most - extra));
        // Checks must not read what they write, so that an honest one can be made honest.
        const inPlace = r.kind === "xor" || r.kind === "pq" ? r.inPlace : "no";
        return {
          kind: r.kind,
          srcs,
          dst: inPlace === "dst" ? (srcs[0] as number) : (r.slots[16] as number),
          q: inPlace === "q" ? (srcs.at(-1) as number) : (r.slots[17] as number),
          offsets: r.offsets,
          coefs: r.coefs,
          length: r.length,
          flags:
            DMA_CTRL_ACK |
            (isPq ? r.disable : 0) |
            (extra > 0 ? DMA_PREP_CONTINUE : 0) |
            (r.fence ? DMA_PREP_FENCE : 0) |
            (r.interrupt ? DMA_PREP_INTERRUPT : 0),
          honest: r.honest,
          issue: r.issue,
        };
      })
      // P and Q in place need two sources, or they would be the same memory.
      .filter(({ dst, q }) => dst !== q);

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
      lengthBytes: op.length,
      value: op.length & 0xff,
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

  function definitionOf<Op extends Operation["kind"]>(name: Op): OperationDefinition<Op> {
    const definition = BUILT_IN_OPERATIONS.find((candidate) => candidate.name === name);
    return definition as unknown as OperationDefinition<Op>;
  }

  /** Operations that make the check come out right, if it is to. */
  function withPreparation(op: Operation): Operation[] {
    if (!op.honest) return [op];
    if (op.kind === "pqVal") return [{ ...op, kind: "pq" }, op];
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
        return chan.prepMemset(base + p, op.length & 0xff, op.length, op.flags);
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

  const setups = VERSIONS.flatMap((version) =>
    (["msix", "intx"] as const).map((style) => [version, style] as const),
  );

  it.each(setups)(
    "does what it means, in order, and ends each once (%s, %s)",
    async (version, interruptStyle) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(operationOf(version), { minLength: 1, maxLength: 25 }),
          fc.constantFrom(3, 4, 6),
          fc.nat(2),
          async (operations, ringOrder, growth) => {
            const { chan, arena, base, stats } = await rig({
              arenaBytes: SLOTS * SLOT_BYTES,
              version,
              ringOrder,
              ringMaxOrder: ringOrder + growth,
              interruptStyle,
            });
            fillWithNoise(arena);
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
            expect(ended).toEqual(steps.map((_, n) => n));
            expect(results.map(({ flags }) => flags)).toEqual(verdicts);
            expect(Buffer.compare(arena, expected)).toBe(0);
            for (const counters of Object.values(stats()?.operations ?? {})) {
              expect(counters.completed).toBe(counters.submitted);
            }
          },
        ),
        { numRuns: version < "3.2" ? 30 : 100 },
      );
    },
  );
});

describe("transfers longer than one descriptor", () => {
  const MIB = 1 << 20;

  it("are split, to the byte", async () => {
    const lengthBytes = 2 * MIB + 12345;
    const { chan, arena, base } = await rig({ arenaBytes: 3 * lengthBytes });
    fillWithNoise(arena.subarray(0, 2 * lengthBytes));
    const expected = arena.slice();
    expected.copyWithin(2 * lengthBytes, 1, 1 + lengthBytes - 1);
    expect(await run(chan, chan.prepMemcpy(base + 2 * lengthBytes, base + 1, lengthBytes - 1))).toBe(0);
    expect(Buffer.compare(arena, expected)).toBe(0);

    for (let i = 0; i < lengthBytes; i++) {
      expected[2 * lengthBytes + i] = (expected[i] as number) ^ (expected[lengthBytes + i] as number);
    }
    const sources = [base, base + lengthBytes];
    expect(await run(chan, chan.prepXor(base + 2 * lengthBytes, sources, 2, lengthBytes))).toBe(0);
    expect(Buffer.compare(arena, expected)).toBe(0);
  });

  it.each([0, MIB - 1, MIB, 3 * MIB - 1])("a mismatch at byte %i of a check is found", async (at) => {
    const lengthBytes = 3 * MIB;
    const { chan, arena, base } = await rig({ arenaBytes: 2 * lengthBytes });
    const good = new SumCheck();
    const sources = [base, base + lengthBytes];
    expect(await run(chan, chan.prepXorVal(sources, 2, lengthBytes, good))).toBe(DmaStatus.COMPLETE);
    expect(good.flags).toBe(0);
    arena[at] = 1;
    const bad = new SumCheck();
    expect(await run(chan, chan.prepXorVal(sources, 2, lengthBytes, bad))).toBe(DmaStatus.COMPLETE);
    expect(bad.flags).toBe(SUM_CHECK_P_RESULT);
    // Behind the restart, the channel is as good as new.
    arena[at] = 0;
    expect(await run(chan, chan.prepXorVal(sources, 2, lengthBytes, good))).toBe(DmaStatus.COMPLETE);
    expect(good.flags).toBe(0);
  });

  it("are refused when they would never find room in the ring", async () => {
    const { chan, base } = await rig({ ringOrder: 3, ringMaxOrder: 3, arenaBytes: 7 * MIB });
    expect(chan.limits.memcpy.maxLengthBytes).toBe(4 * MIB);
    expect(chan.limits.xor.maxLengthBytes).toBe(MIB);
    expect(() => chan.prepMemcpy(base, base, 4 * MIB + 1)).toThrow(
      expect.objectContaining({ code: "ERR_DMA_LIMIT" }),
    );
    // Room for the longest there is from the start, and after a restart.
    expect(await run(chan, chan.prepMemcpy(base, base + MIB, 4 * MIB))).toBe(DmaStatus.COMPLETE);
    await chan.terminate();
    expect(await run(chan, chan.prepMemcpy(base, base + MIB, 4 * MIB))).toBe(DmaStatus.COMPLETE);
    const sources = Array.from({ length: 8 }, () => base);
    expect(await run(chan, chan.prepXor(base + 2 * MIB, sources, 8, MIB))).toBe(DmaStatus.COMPLETE);
  });
});

describe("the ring", () => {
  const eight = (base: number): number[] => Array.from({ length: 8 }, (_, i) => base + 64 * i);

  it("says no when it is full, and has room again when something is done", async () => {
    // 16 entries, of which 4 are not for clients.
    const { chan, base, stats } = await rig({ ringOrder: 4, ringMaxOrder: 4 });
    for (let n = 0; n < 6; n++) ready(chan.prepMemcpy(base + 1024, base, 64)).submit();
    // Descriptor, extension, null descriptor: three entries each.
    const first = ready(chan.prepXor(base + 1024, eight(base), 8, 64));
    const second = ready(chan.prepXor(base + 1088, eight(base), 8, 64));
    expect(chan.prepInterrupt()).toBeNull();
    expect(stats()?.ringFull).toBe(1);
    // Submitted in the other order.
    second.submit();
    const cookie = first.submit();
    expect(chan.prepInterrupt()).toBeNull();
    expect(await chan.syncWait(cookie)).toBe(DmaStatus.COMPLETE);
    expect(await run(chan, chan.prepXor(base + 1024, eight(base), 8, 64))).toBe(DmaStatus.COMPLETE);
  });

  it("says no when all transactions are in use", async () => {
    const { chan, stats } = await rig({ ringSize: 2 });
    ready(chan.prepInterrupt());
    ready(chan.prepInterrupt());
    expect(chan.prepInterrupt()).toBeNull();
    expect(stats()?.descriptorsFull).toBe(1);
  });

  it.each([4, 16])("goes round: 70000 transfers through 2^%i descriptors", async (ringOrder) => {
    const { chan, arena, base, stats } = await rig({ ringOrder, ringSize: 1024 });
    let last = 0;
    for (let n = 0; n < 70_000; n++) {
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
    expect(stats()?.operations["memcpy"]?.completed).toBe(70_000);
  });

  it("starts by itself when enough is submitted", async () => {
    const { platform, chan, arena, base } = await rig({ platform: new Platform({ clock: "stepped" }) });
    arena[0] = 7;
    platform.clock.advance(10_000);
    for (let n = 0; n < 4; n++) ready(chan.prepMemcpy(base + 64 + n, base, 1)).submit();
    platform.clock.advance(10_000);
    expect([...arena.subarray(64, 69)]).toEqual([0, 0, 0, 0, 0]);
    ready(chan.prepMemcpy(base + 68, base, 1)).submit();
    platform.clock.advance(10_000);
    expect([...arena.subarray(64, 69)]).toEqual([7, 7, 7, 7, 7]);
  });
});

describe("completion", () => {
  it("by polling alone raises no interrupt", async () => {
    const { platform, chan, base, stats } = await rig();
    for (let n = 0; n < 20; n++) {
      await run(chan, chan.prepXor(base, [base + 64, base + 128], 2, 64));
      await ready(chan.prepMemcpy(base, base + 64, 64)).submit();
      await run(chan, chan.prepPq(base, base + 64, [base + 128, base + 256], 2, [1, 2], 64));
    }
    expect(platform.irqs.hardIrqs).toBe(0);
    expect(stats()?.interrupts).toBe(0);
  });

  it.each(["msix", "intx"] as const)("by interrupt needs no polling (%s)", async (interruptStyle) => {
    const { chan, base, stats } = await rig({ interruptStyle });
    const flags = DMA_CTRL_ACK | DMA_PREP_INTERRUPT;
    for (let n = 0; n < 3; n++) {
      const done: Promise<void>[] = [];
      for (const tx of [
        chan.prepMemcpy(base, base + 64, 64, flags),
        chan.prepXor(base, [base + 64, base + 128], 2, 64, flags),
        chan.prepInterrupt(),
      ]) {
        done.push(ready(tx).done);
        ready(tx).submit();
      }
      chan.issuePending();
      await Promise.all(done);
    }
    expect(stats()?.polls).toBe(0);
    expect(stats()?.interrupts).toBeGreaterThanOrEqual(3);
  });

  it("of the first is not waited for until the last", async () => {
    const { chan, base } = await rig({ arenaBytes: 2 << 20 });
    const flags = DMA_CTRL_ACK | DMA_PREP_INTERRUPT;
    const first = ready(chan.prepMemcpy(base, base + 64, 64, flags)).submit();
    const last = ready(chan.prepMemcpy(base, base + (1 << 20), 1 << 20, flags)).submit();
    chan.issuePending();
    const wait = chan.syncWait(first);
    expect(chan.txStatus(first)).toBe(DmaStatus.COMPLETE);
    expect(chan.txStatus(last)).toBe(DmaStatus.IN_PROGRESS);
    expect(await wait).toBe(DmaStatus.COMPLETE);
  });

  it("runs callbacks in the tasklet, and lets them submit more", async () => {
    const { platform, chan, base } = await rig();
    const contexts: string[] = [];
    const flags = DMA_CTRL_ACK | DMA_PREP_INTERRUPT;
    await new Promise<void>((resolve) => {
      const again = (): void => {
        contexts.push(platform.irqs.context);
        if (contexts.length === 3) resolve();
        else go();
      };
      const go = (): void => {
        const tx = ready(chan.prepMemcpy(base, base + 64, 64, flags));
        tx.callback = again;
        tx.submit();
        chan.issuePending();
      };
      go();
    });
    expect(contexts).toEqual(["softirq", "softirq", "softirq"]);
  });

  it("waits, on a stepped platform, for whoever moves the clock", async () => {
    const platform = new Platform({ clock: "stepped" });
    const { chan, arena, base } = await rig({ platform });
    arena.fill(9, 64, 128);
    let status: DmaStatus | null = null;
    const cookie = ready(chan.prepMemcpy(base, base + 64, 64)).submit();
    const wait = chan.syncWait(cookie).then((result) => {
      status = result;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(status).toBeNull();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.IN_PROGRESS);
    platform.clock.advance(100_000);
    await wait;
    expect(status).toBe(DmaStatus.COMPLETE);
    expect(arena[0]).toBe(9);
  });
});

describe("interrupts", () => {
  /** A burst that asks for an interrupt each; how many there were. */
  async function interruptsOf(options: IoatOptions): Promise<number> {
    const { platform, chan, base } = await rig({ ...options, platform: new Platform({ clock: "stepped" }) });
    platform.clock.advance(10_000);
    const flags = DMA_CTRL_ACK | DMA_PREP_INTERRUPT;
    const ended: DmaTransResult[] = [];
    for (let n = 0; n < 32; n++) {
      const tx = ready(chan.prepMemcpy(base, base + 4096, 4096, flags));
      tx.callback = (how) => ended.push(how);
      tx.submit();
    }
    chan.issuePending();
    while (platform.clock.runNext());
    expect(ended).toEqual(new Array(32).fill(DmaTransResult.NOERROR));
    return platform.irqs.hardIrqs;
  }

  it("are fewer when they are held up", async () => {
    expect(await interruptsOf({})).toBe(32);
    const coalesced = await interruptsOf({ interruptCoalesceMicros: 5 });
    expect(coalesced).toBeGreaterThan(0);
    expect(coalesced).toBeLessThan(8);
  });

  it("are held up only by hardware that can", async () => {
    expect(await interruptsOf({ version: "2.0", interruptCoalesceMicros: 5 })).toBe(32);
  });
});

describe("checks that do not match", () => {
  it.each(["3.2", "3.3"] as const)("hold up nothing behind them (%s)", async (version) => {
    const reports: string[] = [];
    const { chan, arena, base, platform } = await rig({ version, log: (line) => reports.push(line) });
    arena[0] = 1;
    const [xorResult, pqResult] = [new SumCheck(), new SumCheck()];
    ready(chan.prepXorVal([base, base + 64, base + 128], 3, 64, xorResult)).submit();
    ready(chan.prepPqVal(base + 64, base, [base + 128, base + 192], 2, [1, 2], 64, pqResult)).submit();
    const before = platform.meter.count("mmioWrite");
    expect(await run(chan, chan.prepMemcpy(base + 1024, base, 64))).toBe(DmaStatus.COMPLETE);
    expect([xorResult.flags, pqResult.flags, arena[1024]]).toEqual([1, 2, 1]);
    expect(reports).toEqual([]);
    // 3.2 halts, and has to be started again; 3.3 leaves the verdict in the descriptor, and only hears of its door bell.
    const writes = platform.meter.count("mmioWrite") - before;
    if (version === "3.2") expect(writes).toBeGreaterThan(6);
    else expect(writes).toBe(1);
  });
});

describe("failures", () => {
  const COUNT = 12;

  interface Ending {
    n: number;
    how: DmaTransResult;
  }

  const raid = ["xor", "xorVal", "pq", "pqVal"] as const;
  const bursts: [string, number, DmaTransResult][] = [0, 5, COUNT - 2, COUNT - 1].flatMap((position) =>
    (["memcpy", ...raid] as const).flatMap((kind) => [
      [kind, position, DmaTransResult.READ_FAILED] as [string, number, DmaTransResult],
      ...(kind === "xorVal" || kind === "pqVal"
        ? []
        : [[kind, position, DmaTransResult.WRITE_FAILED] as [string, number, DmaTransResult]]),
    ]),
  );

  it.each(bursts)(
    "%s at position %i of a burst ends with %i, those behind are aborted, and the channel works on",
    async (kind, position, how) => {
      const { chan, arena, base, stats } = await rig();
      arena.fill(5, 0, 64);
      const bad = how === DmaTransResult.READ_FAILED ? [base + 512, NEVER_MAPPED] : [NEVER_MAPPED, base];
      const [dst, src] = bad as [number, number];
      const prepareBad = (): DmaTxDescriptor | null => {
        if (kind === "memcpy") return chan.prepMemcpy(dst, src, 64);
        if (kind === "xor") return chan.prepXor(dst, [base, src, base], 3, 64);
        if (kind === "xorVal")
          return chan.prepXorVal([base, base, base, base, base, base, base, src], 8, 64, new SumCheck());
        if (kind === "pq") return chan.prepPq(base + 576, dst, [base, src, base, base], 4, [1, 2, 4, 8], 64);
        return chan.prepPqVal(base + 576, dst, [base, src], 2, [1, 2], 64, new SumCheck());
      };
      const endings: Ending[] = [];
      const cookies: number[] = [];
      for (let n = 0; n < COUNT; n++) {
        const tx = ready(n === position ? prepareBad() : chan.prepMemcpy(base + 1024 + 64 * n, base, 64));
        tx.callback = (result) => endings.push({ n, how: result });
        cookies.push(tx.submit());
      }
      await chan.syncWait(cookies.at(-1) as number);
      await Promise.resolve();
      expect(endings).toEqual(
        cookies.map((_, n) => ({
          n,
          how: n < position ? DmaTransResult.NOERROR : n === position ? how : DmaTransResult.ABORTED,
        })),
      );
      expect(cookies.map((cookie) => chan.txStatus(cookie))).toEqual(
        cookies.map((_, n) => (n < position ? DmaStatus.COMPLETE : DmaStatus.ERROR)),
      );
      for (let n = 0; n < COUNT; n++) {
        if (n !== position) expect(arena[1024 + 64 * n]).toBe(n < position ? 5 : 0);
      }
      expect(await run(chan, chan.prepMemcpy(base + 4096, base, 64))).toBe(DmaStatus.COMPLETE);
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
    const tx = ready(chan.prepMemcpy(base, NEVER_MAPPED, 64, DMA_CTRL_ACK | DMA_PREP_INTERRUPT));
    const { done } = tx;
    tx.submit();
    chan.issuePending();
    await expect(done).rejects.toThrow(expect.objectContaining({ code: "ERR_DMA_TRANSFER" }));
    expect(stats()?.polls).toBe(0);
    expect(await run(chan, chan.prepInterrupt())).toBe(DmaStatus.COMPLETE);
  });

  it("keep the room of what is prepared and not submitted", async () => {
    const { chan, base } = await rig({ ringOrder: 3, ringMaxOrder: 3 });
    const bad = ready(chan.prepMemcpy(base, NEVER_MAPPED, 64));
    const prepared = Array.from({ length: 3 }, (_, n) => ready(chan.prepMemcpy(base + n, base + 64, 1)));
    expect(await chan.syncWait(bad.submit())).toBe(DmaStatus.ERROR);
    let last = 0;
    for (const tx of prepared) last = tx.submit();
    expect(await chan.syncWait(last)).toBe(DmaStatus.COMPLETE);
  });

  it("of a long transfer end it once, whichever piece fails", async () => {
    const MIB = 1 << 20;
    const { chan, base, device } = await rig({ arenaBytes: 3 * MIB });
    const short = device.mapSingle(new Uint8Array(2 * MIB), DmaDirection.BIDIRECTIONAL);
    const endings: DmaTransResult[] = [];
    const tx = ready(chan.prepMemcpy(base, short, 3 * MIB));
    tx.callback = (result) => endings.push(result);
    expect(await chan.syncWait(tx.submit())).toBe(DmaStatus.ERROR);
    await Promise.resolve();
    expect(endings).toEqual([DmaTransResult.READ_FAILED]);
  });
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
    // The start-up null descriptor and some copies are done; nobody has looked.
    platform.clock.advance(400);
    const before = arena.slice();
    expect(before[1024]).toBe(5);
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

  it("works on a channel that has halted and nobody has noticed", async () => {
    const platform = new Platform({ clock: "stepped" });
    const { chan, base } = await rig({ platform });
    ready(chan.prepMemcpy(base, NEVER_MAPPED, 64)).submit();
    chan.issuePending();
    platform.clock.advance(100_000);
    await chan.terminate();
    const cookie = ready(chan.prepMemcpy(base, base + 64, 64)).submit();
    chan.issuePending();
    platform.clock.advance(100_000);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
  });

  it("gives the room of prepared transactions back", async () => {
    const { chan, base } = await rig({ ringOrder: 3, ringMaxOrder: 3 });
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 4; n++) ready(chan.prepMemcpy(base, base + 64, 64));
      expect(chan.prepInterrupt()).toBeNull();
      await chan.terminate();
    }
  });
});

describe("devices", () => {
  it("have as many channels as asked for, which share a domain", async () => {
    const engine = new DmaEngine();
    const [device] = await engine.register(ioat({ channels: 3 }));
    expect(Object.keys(device?.stats().channels ?? {})).toEqual(["dma0chan0", "dma0chan1", "dma0chan2"]);
    const arena = new Uint8Array(256).fill(3, 0, 64);
    const base = device?.mapSingle(arena, DmaDirection.BIDIRECTIONAL) ?? 0;
    for (let n = 1; n <= 3; n++) {
      const chan = engine.requestChannel(["memcpy"]);
      expect(await chan.syncWait(ready(chan.prepMemcpy(base + 64 * n, base, 64)).submit())).toBe(0);
    }
    expect(arena.every((byte) => byte === 3)).toBe(true);
  });

  it("on one platform share mappings, with different names", async () => {
    const platform = new Platform();
    const engine = new DmaEngine();
    const [first] = await engine.register(ioat({ platform }));
    const [second] = await engine.register(ioat({ platform, name: "ioat1" }));
    expect(second?.domain).toBe(first?.domain);
    expect(second?.name).toBe("ioat1");
  });

  it("offer no checks when told not to", async () => {
    const engine = new DmaEngine();
    const [device] = await engine.register(ioat({ validate: false }));
    expect(Object.keys(device?.capabilities ?? {}).sort()).toEqual([
      "interrupt",
      "memcpy",
      "memset",
      "pq",
      "xor",
    ]);
  });

  it("can go, and come again", async () => {
    const platform = new Platform();
    const engine = new DmaEngine();
    for (let round = 0; round < 2; round++) {
      const driver = ioat({ platform });
      const [device] = await engine.register(driver);
      const chan = engine.requestChannel(["interrupt"]);
      expect(await chan.syncWait(ready(chan.prepInterrupt()).submit())).toBe(DmaStatus.COMPLETE);
      chan.release();
      await engine.unregister(driver);
      expect(engine.devices).not.toContain(device);
    }
    expect(() => platform.bus.read8(0xfe00_0000)).toThrow(/no register/);
  });

  it.each([
    ["channels", { channels: 0 }],
    ["channels", { channels: 5 }],
    ["channels", { channels: 1.5 }],
    ["ringSize", { ringSize: 0 }],
    ["ringOrder", { ringOrder: 2 }],
    ["ringOrder", { ringOrder: 17 }],
    ["ringMaxOrder", { ringOrder: 8, ringMaxOrder: 7 }],
    ["ringMaxOrder", { ringMaxOrder: 17 }],
    ["interruptCoalesceMicros", { interruptCoalesceMicros: 0x4000 }],
  ] as const)("refuse %s out of range", (option, options) => {
    expect(() => ioat(options)).toThrow(
      expect.objectContaining({
        code: "ERR_DMA_LIMIT",
        message: expect.stringContaining(`expected ${option} from`),
      }),
    );
  });
});
