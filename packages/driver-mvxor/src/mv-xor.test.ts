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
  type DmaOperation,
  DmaStatus,
  DmaTransResult,
  type DmaTxDescriptor,
  dmaMaxPq,
} from "@dmaengine/core";
import { BUILT_IN_OPERATIONS, type OperationDefinition } from "@dmaengine/core/driver";
import { FAULT_KINDS, FaultPlan, Platform } from "@dmaengine/sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MvXorOptions, mvXor } from "./mv-xor.js";
import { MV_XOR_VARIANTS, type MvXorVariantName } from "./variant.js";

const VARIANTS = Object.keys(MV_XOR_VARIANTS) as MvXorVariantName[];
const GIB = 2 ** 30;

/** An engine with one unit of one channel, and memory that is mapped for as long as the test runs. */
async function rig<Op extends DmaOperation>(
  operations: readonly Op[],
  options: MvXorOptions = {},
  arenaBytes = 16384,
) {
  const { platform = new Platform() } = options;
  const engine = new DmaEngine({ checker: true });
  const driver = mvXor({ ringSize: 64, ...options, platform, channels: 1 });
  const [device] = await engine.register(driver);
  if (device === undefined) throw new Error("no device");
  const chan = engine.requestChannel(operations);
  const arena = new Uint8Array(arenaBytes);
  const base = device.mapSingle(arena, DmaDirection.BIDIRECTIONAL);
  if (device.mappingError(base)) throw new Error("not mapped");
  /** Lets the CPU change the memory. */
  const change = (by: (bytes: Uint8Array) => void): void => {
    device.syncSingleForCpu(base, arena.length, DmaDirection.BIDIRECTIONAL);
    by(arena);
    device.syncSingleForDevice(base, arena.length, DmaDirection.BIDIRECTIONAL);
  };
  const unmap = () => device.unmapSingle(base, arena.length, DmaDirection.BIDIRECTIONAL);
  const channelStats = () => Object.values(engine.stats().devices[device.name]?.channels ?? {})[0];
  return { platform, engine, driver, device, chan, arena, base, change, unmap, channelStats };
}

/** A prepared transaction, where room is not in question. */
function ready(tx: DmaTxDescriptor | null): DmaTxDescriptor {
  if (tx === null) throw new Error("no room");
  return tx;
}

function fillWithNoise(bytes: Uint8Array): void {
  let state = 0x9e3779b9;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
}

describe.each(VARIANTS)("any sequence of operations (%s)", (variant) => {
  const SLOT_BYTES = 1024;
  const SLOTS = 12;
  const kinds = MV_XOR_VARIANTS[variant].operations;

  const operation = fc
    .record({
      kind: fc.constantFrom<(typeof kinds)[number]>(...kinds),
      slots: fc.shuffledSubarray([...Array(SLOTS).keys()], { minLength: SLOTS, maxLength: SLOTS }),
      count: fc.integer({ min: 1, max: 8 }),
      inPlace: fc.boolean(),
      offset: fc.nat(7),
      coefs: fc.shuffledSubarray([1, 2, 4, 8, 16, 32, 64, 128], { minLength: 8, maxLength: 8 }),
      value: fc.nat(255),
      lengthBytes: fc.integer({ min: 128, max: 1000 }),
      disable: fc.constantFrom(0, 0, DMA_PREP_PQ_DISABLE_P, DMA_PREP_PQ_DISABLE_Q),
      flags: fc.constantFrom(0, DMA_PREP_FENCE, DMA_PREP_INTERRUPT),
      wait: fc.nat(9),
    })
    .map(({ slots, inPlace, disable, flags, kind, ...rest }) => ({
      ...rest,
      kind,
      srcs: slots.slice(0, rest.count),
      dst: inPlace ? (slots[0] as number) : (slots[8] as number),
      q: slots[9] as number,
      flags: DMA_CTRL_ACK | flags | (kind === "pq" ? disable : 0),
    }));
  type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

  /** What a prep call is given, with `base` as the address of the first slot. */
  function args(op: Operation, base: number) {
    const at = (slot: number): number => base + slot * SLOT_BYTES + op.offset;
    const srcs = Float64Array.from(op.srcs, at);
    return {
      dst: at(op.dst),
      src: srcs[0] as number,
      p: at(op.dst),
      q: at(op.q),
      srcs,
      srcCnt: srcs.length,
      coefs: Uint8Array.from(op.coefs),
      value: op.value,
      lengthBytes: op.lengthBytes,
    };
  }

  function prepare(chan: DmaChan<Operation["kind"]>, op: Operation, base: number): DmaTxDescriptor | null {
    const { dst, src, p, q, srcs, srcCnt, coefs, value, lengthBytes } = args(op, base);
    switch (op.kind) {
      case "memcpy":
        return chan.prepMemcpy(dst, op.srcs[0] === op.dst ? q : src, lengthBytes, op.flags);
      case "memset":
        return chan.prepMemset(dst, value, lengthBytes, op.flags);
      case "xor":
        return chan.prepXor(dst, srcs, srcCnt, lengthBytes, op.flags);
      case "pq":
        return chan.prepPq(p, q, srcs, srcCnt, coefs, lengthBytes, op.flags);
      case "interrupt":
        return chan.prepInterrupt(op.flags);
    }
  }

  /** What the operation means, by its definition. */
  function perform(op: Operation, memory: Uint8Array): void {
    const definition = BUILT_IN_OPERATIONS.find(({ name }) => name === op.kind);
    const { reference } = definition as unknown as OperationDefinition<"memcpy">;
    const given = args(op, 0);
    if (op.kind === "memcpy" && op.srcs[0] === op.dst) given.src = given.q;
    reference(given, op.flags, {
      read: (addr) => memory[addr] as number,
      write: (addr, value) => {
        memory[addr] = value;
      },
    });
  }

  it("does what it means, in order, and ends each once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        async (ops, ringSize) => {
          const { chan, arena, base, change, channelStats } = await rig(
            kinds,
            { variant, ringSize },
            SLOTS * SLOT_BYTES,
          );
          const anyChan = chan as unknown as DmaChan<Operation["kind"]>;
          change(fillWithNoise);
          const expected = arena.slice();
          const ended: number[] = [];
          let last = 0;
          for (const [n, op] of ops.entries()) {
            let tx = prepare(anyChan, op, base);
            while (tx === null) {
              await chan.syncWait(last);
              tx = prepare(anyChan, op, base);
            }
            tx.callback = (how) => {
              expect(how).toBe(DmaTransResult.NOERROR);
              ended.push(n);
            };
            last = tx.submit();
            perform(op, expected);
            // Some time passes, without anybody looking: the engine may have left the end of its chain when the next one comes.
            for (let i = 5; i < op.wait; i++) await Promise.resolve();
          }
          expect(await chan.syncWait(last)).toBe(DmaStatus.COMPLETE);
          await Promise.resolve();
          expect(ended).toEqual(ops.map((_, n) => n));
          expect(Buffer.compare(arena, expected)).toBe(0);
          for (const counters of Object.values(channelStats()?.operations ?? {})) {
            expect(counters.completed).toBe(counters.submitted);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("what the engine can't do is said, and refused", () => {
  it("has lengths from 128 bytes to 16 MiB less 1, and 8 sources", async () => {
    const { device, chan, base } = await rig(["memcpy", "xor"]);
    const block = { minLengthBytes: 128, maxLengthBytes: 16 * 2 ** 20 - 1 };
    expect(device.capabilities.memcpy).toEqual(block);
    expect(device.capabilities.xor).toEqual({ ...block, maxSources: 8 });
    expect(() => chan.prepMemcpy(base, base + 512, 127)).toThrow(/expected a length from 128 to 16777215/);
    expect(() => chan.prepXor(base, new Array(9).fill(base + 512), 9, 128)).toThrow(/1 to 8 sources/);
  });

  it("moves the longest block", async () => {
    const lengthBytes = 16 * 2 ** 20 - 1;
    const { chan, arena, base, change } = await rig(["memcpy"], {}, 2 * lengthBytes);
    change((bytes) => bytes.fill(0xa5, 0, lengthBytes));
    const tx = ready(chan.prepMemcpy(base + lengthBytes, base, lengthBytes));
    expect(await chan.syncWait(tx.submit())).toBe(DmaStatus.COMPLETE);
    expect(Buffer.compare(arena.subarray(0, lengthBytes), arena.subarray(lengthBytes))).toBe(0);
  });

  it("has PQ with wired coefficients and without continuation, on Armada 38x alone", async () => {
    const { device, chan, base } = await rig(["pq"]);
    const { pq } = device.capabilities;
    expect(pq).toMatchObject({
      maxSources: 8,
      continuation: false,
      fixedCoefs: [1, 2, 4, 8, 16, 32, 64, 128],
    });
    expect(dmaMaxPq(pq as NonNullable<typeof pq>, DMA_PREP_CONTINUE)).toBe(0);
    const pqOf = (coefs: number[], flags = DMA_CTRL_ACK) =>
      chan.prepPq(
        base,
        base + 512,
        coefs.map((_, i) => base + 1024 + 512 * i),
        coefs.length,
        coefs,
        128,
        flags,
      );
    expect(() => pqOf([0x1d])).toThrow(/expected coefficients from 1, 2, 4/);
    expect(() => pqOf([2, 2])).toThrow(/each at most once/);
    expect(() => pqOf([1], DMA_CTRL_ACK | DMA_PREP_CONTINUE)).toThrow(/sources/);
    expect(pqOf([128, 1, 64])).not.toBeNull();
    for (const variant of ["orion", "armada-xp"] as const) {
      expect((await rig(["xor"], { variant })).device.has("pq")).toBe(false);
    }
  });

  it("offers what Linux offers for each kind, one device for each channel", async () => {
    const offers: Record<string, unknown> = {};
    for (const variant of VARIANTS) {
      const devices = await new DmaEngine().register(mvXor({ variant }));
      offers[variant] = devices.map(({ name, capabilities, ringSize }) => [
        name,
        Object.keys(capabilities),
        ringSize,
      ]);
    }
    const both = (operations: string[], size: number) =>
      ["xor0.0", "xor0.1"].map((name) => [name, operations, size]);
    expect(offers).toEqual({
      orion: both(["memcpy", "xor", "memset"], 64),
      "armada-xp": both(["memcpy", "xor", "interrupt"], 3072),
      "armada-38x": both(["memcpy", "xor", "pq", "interrupt"], 3072),
    });
  });

  it.each<[string, MvXorOptions]>([
    ["channels from 1 to 2, got 3", { channels: 3 }],
    ["ringSize from 1 to 65536, got 0", { ringSize: 0 }],
    ["the number of banks in dram from 1 to 4, got 0", { dram: [] }],
    ["banks of whole 65536 bytes within 4 GiB, got 4096", { dram: [{ baseAddr: 0, sizeBytes: 4096 }] }],
    ["banks of whole 65536 bytes within 4 GiB", { dram: [{ baseAddr: 3 * GIB, sizeBytes: 2 * GIB }] }],
  ])("expects %s", (message, options) => {
    expect(() => mvXor(options)).toThrow(message);
  });
});

describe("chains", () => {
  it("make a full ring of one chain, and null when there is no more room", async () => {
    const { chan, base, platform } = await rig(["memcpy", "xor"], {
      ringSize: 16,
      platform: new Platform({ clock: "stepped" }),
    });
    let last = 0;
    for (let i = 0; i < 16; i++) last = ready(chan.prepMemcpy(base + 128 * (i + 1), base, 128)).submit();
    expect(chan.prepXor(base, [base], 1, 128)).toBeNull();
    platform.clock.runNext();
    const tx = ready(chan.prepXor(base, [base], 1, 128));
    expect([chan.txStatus(last), chan.inFlight]).toEqual([DmaStatus.IN_PROGRESS, 15]);
    const cookie = tx.submit();
    platform.clock.advance(1_000_000);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
  });

  it.each(["orion", "armada-xp", "armada-38x"] as const)(
    "of different types wait for an idle channel where the type is the channel's (%s)",
    async (variant) => {
      const { chan, base, platform } = await rig(["memcpy", "xor"], {
        variant,
        platform: new Platform({ clock: "stepped" }),
      });
      const configs: number[] = [];
      const { bus } = platform;
      const write32 = bus.write32.bind(bus);
      bus.write32 = (addr, value) => {
        if ((addr & 0xff) === 0x10) configs.push(value);
        write32(addr, value);
      };
      const copy = () => ready(chan.prepMemcpy(base + 4096, base, 128)).submit();
      const xor = () => ready(chan.prepXor(base + 8192, [base], 1, 128)).submit();
      copy();
      copy();
      xor();
      xor();
      const last = copy();
      expect(configs).toEqual([{ orion: 2, "armada-xp": 0, "armada-38x": 7 }[variant]]);
      platform.clock.advance(1_000_000);
      expect(configs).toEqual({ orion: [2, 0, 2], "armada-xp": [0], "armada-38x": [7] }[variant]);
      expect(chan.txStatus(last)).toBe(DmaStatus.COMPLETE);
    },
  );

  it("are extended while they run, and run on", async () => {
    const { chan, base, platform, channelStats } = await rig(["memcpy"], {
      platform: new Platform({ clock: "stepped" }),
    });
    let called = 0;
    const submit = () => {
      const tx = ready(chan.prepMemcpy(base + 512, base, 128, DMA_CTRL_ACK | DMA_PREP_INTERRUPT));
      tx.callback = () => {
        called += 1;
      };
      tx.submit();
    };
    submit();
    // The engine has fetched the first one already, with nothing behind it.
    submit();
    submit();
    platform.clock.advance(1_000_000);
    expect(called).toBe(3);
    expect(channelStats()?.polls).toBe(0);
    expect(chan.inFlight).toBe(0);
  });

  it("interrupt when they end, whoever asks; nobody has to poll", async () => {
    const { chan, base, channelStats, platform } = await rig(["memcpy"], {
      platform: new Platform({ clock: "stepped" }),
    });
    const cookies = [1, 2, 3].map((n) => ready(chan.prepMemcpy(base + 512 * n, base, 128)).submit());
    platform.clock.advance(1_000_000);
    expect(channelStats()).toMatchObject({ interrupts: 2, polls: 0, inFlight: 0 });
    expect(cookies.map((cookie) => chan.txStatus(cookie))).toEqual(cookies.map(() => DmaStatus.COMPLETE));
    expect(platform.clock.pendingEvents).toBe(0);
  });
});

describe("failures", () => {
  const BURST = 16;

  /** A burst of copies, each to a place of its own; how each ended. */
  async function burst(
    chan: DmaChan<"memcpy">,
    base: number,
    copies = BURST,
    dst = (n: number) => base + 128 * (n + 1),
  ) {
    const results: DmaTransResult[][] = [];
    let last = 0;
    for (let n = 0; n < copies; n++) {
      const tx = ready(chan.prepMemcpy(dst(n), base, 128, DMA_CTRL_ACK | DMA_PREP_INTERRUPT));
      const ended: DmaTransResult[] = [];
      tx.callback = (result) => {
        ended.push(result);
      };
      results.push(ended);
      last = tx.submit();
    }
    await chan.syncWait(last);
    await Promise.resolve();
    return results;
  }

  const { NOERROR, ABORTED, READ_FAILED } = DmaTransResult;

  describe.each(VARIANTS)("planned for %s", (variant) => {
    const positions = Array.from({ length: BURST }, (_, at) => at);
    const kinds = FAULT_KINDS.filter((kind) => kind !== "unplug");

    it.each(kinds)("%s: every transaction ends once, and the channel works afterwards", async (kind) => {
      for (const at of positions) {
        const faults = new FaultPlan([{ kind, at, unit: "xor0.0" }]);
        const { chan, base, arena, change, platform } = await rig(["memcpy"], {
          variant,
          platform: new Platform({ faults }),
        });
        change((bytes) => bytes.fill(0x77, 0, 128));
        const results = await burst(chan, base);
        expect(results.map((ended) => ended.length)).toEqual(positions.map(() => 1));
        const harmless = kind === "lostInterrupt" || kind === "lateCompletion";
        const first = kind === "busError" ? READ_FAILED : ABORTED;
        const want = positions.map((n) => (harmless || n < at ? NOERROR : n === at ? first : ABORTED));
        expect(results.flat()).toEqual(want);
        expect(faults.struck).toEqual([{ kind, at, unit: "xor0.0" }]);
        change((bytes) => bytes.fill(0, 128));
        expect((await burst(chan, base)).flat()).toEqual(positions.map(() => NOERROR));
        expect(arena.subarray(0, 128 * (BURST + 1)).every((byte) => byte === 0x77)).toBe(true);
        expect(platform.clock.pendingEvents).toBe(0);
      }
    });

    it("unplug: every transaction ends once, and the driver can be taken out", async () => {
      for (const at of positions) {
        const faults = new FaultPlan([{ kind: "unplug", at }]);
        const { chan, base, unmap, engine, driver } = await rig(["memcpy"], {
          variant,
          platform: new Platform({ faults }),
        });
        const results = await burst(chan, base);
        expect(results.flat()).toEqual(positions.map((n) => (n < at ? NOERROR : ABORTED)));
        const removed = engine.remove(driver);
        unmap();
        chan.release();
        await removed;
      }
    });
  });

  it("an interrupt that is lost is found, without anybody polling", async () => {
    const faults = new FaultPlan([{ kind: "lostInterrupt", at: 0 }]);
    const { chan, base, platform } = await rig(["memcpy"], {
      platform: new Platform({ clock: "stepped", faults }),
    });
    let called = false;
    const tx = ready(chan.prepMemcpy(base + 512, base, 128, DMA_CTRL_ACK | DMA_PREP_INTERRUPT));
    tx.callback = () => {
      called = true;
    };
    tx.submit();
    platform.clock.advance(1_000_000_000);
    expect([called, faults.struck.length]).toEqual([false, 1]);
    platform.clock.advance(10_000_000_000);
    expect(called).toBe(true);
  });

  it.each([
    ["memcpy", "read", (chan: Chan, bad: number, base: number) => chan.prepMemcpy(base, bad, 128)],
    ["memcpy", "write", (chan: Chan, bad: number, base: number) => chan.prepMemcpy(bad, base, 128)],
    ["xor", "read", (chan: Chan, bad: number, base: number) => chan.prepXor(base, [base, bad], 2, 128)],
    ["xor", "write", (chan: Chan, bad: number, base: number) => chan.prepXor(bad, [base], 1, 128)],
    [
      "pq",
      "read",
      (chan: Chan, bad: number, base: number) => chan.prepPq(base, base + 512, [bad], 1, [2], 128),
    ],
    ["pq P", "write", (chan: Chan, bad: number, base: number) => chan.prepPq(bad, base, [base], 1, [2], 128)],
    ["pq Q", "write", (chan: Chan, bad: number, base: number) => chan.prepPq(base, bad, [base], 1, [2], 128)],
  ])("%s tells a failed %s from the other, outside the windows too", async (_, which, prep) => {
    for (const bad of [0x3fff_0000, 0xf000_0000]) {
      const platform = new Platform();
      const engine = new DmaEngine({ checker: false });
      const [device] = await engine.register(mvXor({ platform, ringSize: 8 }));
      const chan = engine.requestChannel(["memcpy", "xor", "pq"]);
      const base = device!.mapSingle(new Uint8Array(4096), DmaDirection.BIDIRECTIONAL);
      const tx = ready(prep(chan, bad, base));
      const results: DmaTransResult[] = [];
      tx.callback = (result) => results.push(result);
      expect(await chan.syncWait(tx.submit())).toBe(DmaStatus.ERROR);
      await Promise.resolve();
      expect(results).toEqual([which === "read" ? DmaTransResult.READ_FAILED : DmaTransResult.WRITE_FAILED]);
      expect(await chan.syncWait(ready(chan.prepMemcpy(base, base + 512, 128)).submit())).toBe(
        DmaStatus.COMPLETE,
      );
    }
  });
  type Chan = DmaChan<"memcpy" | "xor" | "pq">;

  it("memory outside the machine's is an error, and memory inside is not", async () => {
    const { chan, base } = await rig(["memcpy"], { dram: [{ baseAddr: 0, sizeBytes: 65536 }] }, 2 ** 18);
    const far = base + 2 ** 17;
    expect((await burst(chan, base)).flat().every((result) => result === NOERROR)).toBe(true);
    expect((await burst(chan, base, 1, () => far)).flat()).toEqual([DmaTransResult.WRITE_FAILED]);
  });

  it("a fill that fails says so, and what is queued behind it too", async () => {
    const faults = new FaultPlan([{ kind: "busError", at: 0 }]);
    const { chan, base } = await rig(["memset"], { variant: "orion", platform: new Platform({ faults }) });
    const results: DmaTransResult[] = [];
    for (const value of [1, 2]) {
      const tx = ready(chan.prepMemset(base, value, 128));
      tx.callback = (result) => results.push(result);
      tx.submit();
    }
    chan.issuePending();
    while (chan.inFlight > 0) await Promise.resolve();
    await Promise.resolve();
    expect(results).toEqual([DmaTransResult.WRITE_FAILED, ABORTED]);
  });

  it("terminate ends what is running and what waits for another mode, and nothing touches memory afterwards", async () => {
    const { chan, base, arena, change, platform } = await rig(["memcpy", "xor", "memset"], {
      variant: "orion",
      platform: new Platform({ clock: "stepped" }),
    });
    change(fillWithNoise);
    const before = arena.slice();
    ready(chan.prepMemcpy(base + 512, base, 256)).submit();
    ready(chan.prepXor(base + 1024, [base], 1, 256)).submit();
    ready(chan.prepMemset(base + 2048, 1, 256)).submit();
    chan.terminate();
    platform.clock.advance(1_000_000_000);
    expect(chan.inFlight).toBe(0);
    expect(Buffer.compare(arena, before)).toBe(0);
    const cookie = ready(chan.prepXor(base + 1024, [base], 1, 256)).submit();
    platform.clock.advance(1_000_000);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
  });
});
