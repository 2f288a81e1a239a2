import {
  DMA_CTRL_ACK,
  DMA_PREP_INTERRUPT,
  type DmaChan,
  DmaDirection,
  DmaEngine,
  DmaError,
  DmaStatus,
  DmaTransResult,
  type DmaTxDescriptor,
  SumCheck,
} from "@dmaengine/core";
import { DRIVER_CONTRACT } from "@dmaengine/core/driver";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type CpuOptions, cpu } from "./cpu.js";

const OPERATIONS = ["memcpy", "memset", "xor", "xorVal", "pq", "pqVal", "interrupt"] as const;
const MEMORY_BYTES = 4096;

/** A channel of the software engine, and memory that is mapped for it. */
async function open(options?: CpuOptions) {
  const engine = new DmaEngine();
  await engine.register(cpu(options));
  const chan = engine.requestChannel(OPERATIONS);
  const memory = Uint8Array.from({ length: MEMORY_BYTES }, (_, i) => i ^ (i >> 8));
  const base = chan.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
  return { engine, chan, memory, base };
}

function must(tx: DmaTxDescriptor | null): DmaTxDescriptor {
  if (tx === null) throw new Error("the channel is full");
  return tx;
}

/** All callbacks that are due have run afterwards. */
const microtasks = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe("cpu()", () => {
  it("offers one device with every memory operation", async () => {
    const { engine } = await open({ name: "soft" });
    expect(engine.devices.map((device) => device.name)).toEqual(["soft"]);
    expect(engine.devices[0]?.capabilities).toEqual({
      memcpy: {},
      memset: {},
      xor: { maxSources: 255 },
      xorVal: { maxSources: 255 },
      pq: { maxSources: 255, continuation: true },
      pqVal: { maxSources: 255, continuation: true },
      interrupt: {},
    });
  });

  it("is built for the contract of the core beside it", () => {
    expect(cpu().contract).toBe(DRIVER_CONTRACT);
  });

  it.each([0, -1, 1.5, 65537, Number.NaN])("refuses a ring of %s", (ringSize) => {
    const refused = (): unknown => cpu({ ringSize });
    expect(refused).toThrow(DmaError);
    expect(refused).toThrow(`expected a ringSize from 1 to 65536, got ${ringSize}`);
  });

  it.each([0, -1, 1.5, 1024 * 1024 - 1, Number.NaN])("refuses %s bytes of memory", (maxMemoryBytes) => {
    expect(() => cpu({ maxMemoryBytes })).toThrow(
      `expected maxMemoryBytes to be 1048576 or more, got ${maxMemoryBytes}`,
    );
  });

  it("takes the kernels that are fastest when measured, and says which and how fast they all are", async () => {
    const driver = cpu();
    expect(driver.kernels).toBe("auto");
    expect(driver.speeds).toEqual([]);
    await new DmaEngine().register(driver);
    expect(driver.kernels).toMatch(/simd$/);
    expect(driver.speeds[0]?.kernels).toBe(driver.kernels);
    const speeds = driver.speeds.map(({ bytesPerSecond }) => bytesPerSecond);
    expect(speeds).toEqual(speeds.toSorted((a, b) => b - a));
    expect(speeds.at(-1)).toBeGreaterThan(0);
  });

  it.each(["simd", "swar"] as const)("takes %s kernels when they are asked for", async (kernels) => {
    const driver = cpu({ kernels });
    expect(driver.kernels).toBe(kernels);
    await new DmaEngine().register(driver);
    expect(driver.kernels).toBe(kernels);
    expect(driver.speeds).toEqual([]);
  });

  it("refuses kernels that the runtime doesn't have, and names those that it has", () => {
    const kernels = "gpu" as "simd";
    expect(() => cpu({ kernels })).toThrow(/expected kernels that this runtime has, one of .*swar, got gpu/);
  });
});

describe("memory", () => {
  it("can be mapped wherever it is", async () => {
    const { chan, memory, base } = await open();
    const inTheMiddle = memory.subarray(100, 200);
    const addr = chan.device.mapSingle(inTheMiddle, DmaDirection.BIDIRECTIONAL);
    expect(addr).toBe(base + 100);
  });

  it.each([
    { kernels: "simd", where: "of alloc()", bounced: 0 },
    { kernels: "simd", where: "of the client's own", bounced: 3000 },
    { kernels: "swar", where: "of alloc()", bounced: 0 },
    { kernels: "swar", where: "of the client's own", bounced: 0 },
  ] as const)(
    "$where: arithmetic with $kernels kernels copies $bounced bytes, a copy none",
    async (given) => {
      const { chan } = await open({ kernels: given.kernels });
      const memory = given.where === "of alloc()" ? chan.device.alloc(4096) : new Uint8Array(4096);
      memory.fill(3, 0, 1000).fill(5, 1000, 2000);
      const addr = chan.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
      must(chan.prepXor(addr + 2000, [addr, addr + 1000], 2, 1000)).submit();
      must(chan.prepMemcpy(addr + 3000, addr + 2000, 1000)).submit();
      chan.issuePending();
      expect(chan.device.stats().mapping.bouncedBytes).toBe(given.bounced);
      expect(memory.subarray(2000, 4000).every((byte) => byte === 6)).toBe(true);
    },
  );
});

describe("memory of alloc()", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it.each([
    { kernels: "simd", there: true, buffer: SharedArrayBuffer },
    { kernels: "simd", there: false, buffer: ArrayBuffer },
    { kernels: "swar", there: true, buffer: ArrayBuffer },
  ] as const)(
    "with $kernels kernels, where there is shared memory ($there)",
    async ({ kernels, there, buffer }) => {
      if (!there) vi.stubGlobal("SharedArrayBuffer", undefined);
      const { chan } = await open({ kernels });
      const memory = chan.device.alloc(1000);
      expect(memory.buffer).toBeInstanceOf(buffer);
      const addr = chan.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
      must(chan.prepMemset(addr, 3, 300)).submit();
      must(chan.prepMemcpy(addr + 301, addr, 300)).submit();
      must(chan.prepXor(addr + 602, [addr, addr + 301, addr], 3, 300)).submit();
      chan.issuePending();
      expect(memory.subarray(602, 903)).toEqual(new Uint8Array(301).fill(3, 0, 300));
      expect(chan.device.stats().mapping.bouncedBytes).toBe(0);
    },
  );

  it("is zeroed when it is given out again", async () => {
    const { chan } = await open({ kernels: "simd" });
    for (let i = 0; i < 3; i++) {
      const memory = chan.device.alloc(5000);
      expect(memory.every((byte) => byte === 0)).toBe(true);
      memory.fill(0xff);
      chan.device.free(memory);
    }
  });

  it("is refused to workers where there is none to share", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const spawn = (): never => {
      throw new Error("no worker is to be started");
    };
    const refused = new DmaEngine().register(cpu({ workers: 1, spawn }));
    await expect(refused).rejects.toMatchObject({ code: "ERR_DMA_CAPABILITY" });
  });
});

describe("completion", () => {
  it("comes with issuePending and not before", async () => {
    const { chan, memory, base } = await open();
    memory[0] = 77;
    const cookie = must(chan.prepMemcpy(base + 9, base, 1)).submit();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.IN_PROGRESS);
    expect(memory[9]).toBe(9);
    chan.issuePending();
    expect(memory[9]).toBe(77);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
  });

  it("follows the order of submission, not of preparation", async () => {
    const { chan, memory, base } = await open();
    const one = must(chan.prepMemset(base, 1, 10));
    const two = must(chan.prepMemset(base, 2, 10));
    const copy = must(chan.prepMemcpy(base + 10, base, 10));
    two.submit();
    copy.submit();
    one.submit();
    chan.issuePending();
    expect([memory[0], memory[10]]).toEqual([1, 2]);
  });

  it("calls back later, in order, and lets a callback submit", async () => {
    const { chan, memory, base } = await open();
    const calls: string[] = [];
    for (const name of ["first", "second"]) {
      const tx = must(chan.prepMemset(base, 5, 1));
      tx.callback = (result, param) => {
        calls.push(`${param}: ${result}`);
        if (name === "first") {
          const next = must(chan.prepMemset(base + 1, 6, 1, DMA_CTRL_ACK | DMA_PREP_INTERRUPT));
          next.callback = () => calls.push("third");
          next.submit();
          chan.issuePending();
        }
      };
      tx.callbackParam = name;
      tx.submit();
    }
    chan.issuePending();
    expect(calls).toEqual([]);
    await microtasks();
    expect(calls).toEqual(["first: 0", "second: 0", "third"]);
    expect(memory[1]).toBe(6);
  });

  it("settles done, with and without an interrupt", async () => {
    const { chan, base } = await open();
    for (const flags of [DMA_CTRL_ACK, DMA_CTRL_ACK | DMA_PREP_INTERRUPT]) {
      const tx = must(chan.prepMemset(base, 1, 1, flags));
      const { done } = tx;
      tx.submit();
      // A waiter must not depend on the order of these: it is issued only when the event loop has turned.
      await microtasks();
      chan.issuePending();
      await done;
    }
    const nothing = must(chan.prepInterrupt());
    const { done } = nothing;
    nothing.submit();
    chan.issuePending();
    await done;
  });

  it("needs no waiting in syncWait", async () => {
    const { chan, memory, base } = await open();
    const cookie = must(chan.prepMemset(base, 3, MEMORY_BYTES)).submit();
    expect(await chan.syncWait(cookie)).toBe(DmaStatus.COMPLETE);
    expect(memory.every((byte) => byte === 3)).toBe(true);
  });
});

describe("an address that is not mapped", () => {
  it.each([
    ["memcpy source", DmaTransResult.READ_FAILED],
    ["memcpy destination", DmaTransResult.WRITE_FAILED],
    ["memset", DmaTransResult.WRITE_FAILED],
    ["xor source", DmaTransResult.READ_FAILED],
    ["xor destination", DmaTransResult.WRITE_FAILED],
    ["xorVal", DmaTransResult.READ_FAILED],
    ["pq source", DmaTransResult.READ_FAILED],
    ["p", DmaTransResult.WRITE_FAILED],
    ["q", DmaTransResult.WRITE_FAILED],
    ["pqVal source", DmaTransResult.READ_FAILED],
    ["pqVal p", DmaTransResult.READ_FAILED],
    ["pqVal q", DmaTransResult.READ_FAILED],
  ])("fails one transaction and no other: %s", async (operand, expected) => {
    const { chan, memory, base } = await open();
    const before = memory.slice();
    const verdict = new SumCheck();
    // The mapping ends within the operand.
    const stray = base + MEMORY_BYTES - 99;
    const good = [base, base + 100];
    const bad = [base, stray];
    const coefs = [1, 2];
    const [d, e, length] = [base + 200, base + 300, 100];
    const prepare: Record<string, () => DmaTxDescriptor | null> = {
      "memcpy source": () => chan.prepMemcpy(d, stray, length),
      "memcpy destination": () => chan.prepMemcpy(stray, base, length),
      memset: () => chan.prepMemset(stray, 1, length),
      "xor source": () => chan.prepXor(d, bad, 2, length),
      "xor destination": () => chan.prepXor(stray, good, 2, length),
      xorVal: () => chan.prepXorVal(bad, 2, length, verdict),
      "pq source": () => chan.prepPq(d, e, bad, 2, coefs, length),
      p: () => chan.prepPq(stray, e, good, 2, coefs, length),
      q: () => chan.prepPq(d, stray, good, 2, coefs, length),
      "pqVal source": () => chan.prepPqVal(d, e, bad, 2, coefs, length, verdict),
      "pqVal p": () => chan.prepPqVal(stray, e, good, 2, coefs, length, verdict),
      "pqVal q": () => chan.prepPqVal(d, stray, good, 2, coefs, length, verdict),
    };
    const tx = must(prepare[operand]?.() ?? null);
    const endings: unknown[] = [];
    tx.callback = (result, _param, residueBytes) => endings.push({ result, residueBytes });
    const failing = tx.submit();
    const copy = must(chan.prepMemcpy(base + 400, base, 1)).submit();
    before[400] = before[0] as number;

    chan.issuePending();

    expect(chan.txStatus(failing)).toBe(DmaStatus.ERROR);
    expect(chan.txStatus(copy)).toBe(DmaStatus.COMPLETE);
    expect(memory).toEqual(before);
    await microtasks();
    expect(endings).toEqual([{ result: expected, residueBytes: length }]);
  });

  it("rejects done", async () => {
    const { chan, base } = await open();
    const tx = must(chan.prepMemcpy(base, 0, 1, DMA_CTRL_ACK | DMA_PREP_INTERRUPT));
    const { done } = tx;
    tx.submit();
    chan.issuePending();
    await expect(done).rejects.toMatchObject({ code: "ERR_DMA_TRANSFER" });
  });

  it("is what memory has after it was unmapped", async () => {
    const { chan, base } = await open();
    const memory = new Uint8Array(10);
    const addr = chan.device.mapSingle(memory, DmaDirection.FROM_DEVICE);
    chan.device.unmapSingle(addr, 10, DmaDirection.FROM_DEVICE);
    const cookie = must(chan.prepMemcpy(addr, base, 10)).submit();
    chan.issuePending();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.ERROR);
  });
});

describe("memory that was transferred to a worker", () => {
  it("fails the transaction, mapped or not", async () => {
    const { chan, base } = await open();
    const memory = new Uint8Array(10);
    const addr = chan.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    const copy = must(chan.prepMemcpy(addr, base, 10)).submit();
    chan.issuePending();
    expect(chan.txStatus(copy)).toBe(DmaStatus.ERROR);
  });
});

describe("the ring", () => {
  it("is full when every descriptor is in use, and usable again after completion", async () => {
    const { chan, base } = await open({ ringSize: 3 });
    const held = [1, 2, 3].map((value) => must(chan.prepMemset(base, value, 1)));
    expect(chan.prepMemset(base, 4, 1)).toBeNull();
    for (const tx of held) tx.submit();
    expect(chan.prepMemset(base, 4, 1)).toBeNull();
    chan.issuePending();
    expect(chan.prepMemset(base, 4, 1)).not.toBeNull();
  });

  it("goes round and round", async () => {
    const { chan, memory, base } = await open({ ringSize: 5 });
    for (let i = 0; i < 1000; i++) {
      const batch = 1 + (i % 5);
      for (let k = 0; k < batch; k++) must(chan.prepMemset(base + k, i & 0xff, 1)).submit();
      chan.issuePending();
      for (let k = 0; k < batch; k++) expect(memory[k]).toBe(i & 0xff);
    }
  });

  it("forgets what was queued when the channel is terminated", async () => {
    const { chan, memory, base } = await open({ ringSize: 4 });
    const before = memory.slice();
    // One first, so that the queue does not start at its beginning.
    must(chan.prepMemcpy(base, base + 1, 1)).submit();
    chan.issuePending();
    before[0] = before[1] as number;
    const cookies = [1, 2, 3].map(() => must(chan.prepMemset(base, 99, 10)).submit());
    chan.terminate();
    chan.issuePending();
    expect(memory).toEqual(before);
    expect(cookies.map((cookie) => chan.txStatus(cookie))).toEqual(new Array(3).fill(DmaStatus.ERROR));

    must(chan.prepMemset(base, 98, 1)).submit();
    chan.issuePending();
    expect(memory[0]).toBe(98);
  });

  it("counts what it did", async () => {
    const { chan, base, engine } = await open();
    must(chan.prepMemset(base, 1, 10)).submit();
    must(chan.prepMemset(0, 1, 10)).submit();
    chan.issuePending();
    const stats = engine.stats().devices["cpu"]?.channels[chan.name]?.operations["memset"];
    expect(stats).toMatchObject({ submitted: 2, completed: 1, failed: 1 });
  });
});

describe("a shared channel", () => {
  it("executes for each client what the others issued", async () => {
    const engine = new DmaEngine();
    await engine.register(cpu());
    const mine: DmaChan<"memset"> | null = engine.findChannel(["memset"]);
    const theirs = engine.findChannel(["memset"]);
    const memory = new Uint8Array(2);
    const addr = mine?.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL) ?? 0;
    const cookie = mine?.prepMemset(addr, 8, 2)?.submit() ?? 0;
    theirs?.issuePending();
    expect(mine?.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
    expect(memory).toEqual(Uint8Array.of(8, 8));
  });
});
