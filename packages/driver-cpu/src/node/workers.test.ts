import { Worker } from "node:worker_threads";
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
import { describe, expect, it } from "vitest";
import { Ring, SLOT_BYTES } from "../wasm/slot.js";
import { type CpuOptions, cpu, type SpawnWorker, spawnWorkerThread, type WorkerTask } from "./index.js";

const OPERATIONS = ["memcpy", "memset", "xor", "xorVal", "pq", "pqVal", "interrupt"] as const;
const BLOCK_BYTES = 4096;

async function open(options: CpuOptions = {}) {
  const engine = new DmaEngine();
  const driver = cpu({ workers: 1, maxMemoryBytes: 64 * 1024 * 1024, ...options });
  await engine.register(driver);
  const chan = engine.requestChannel(OPERATIONS);
  const memory = chan.device.alloc(16 * BLOCK_BYTES, 4096);
  const base = chan.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
  const close = async (): Promise<void> => {
    chan.device.unmapSingle(base, memory.length, DmaDirection.BIDIRECTIONAL);
    chan.device.free(memory);
    chan.release();
    await engine.unregister(driver);
  };
  return { engine, chan, memory, base, close };
}

function must(tx: DmaTxDescriptor | null): DmaTxDescriptor {
  if (tx === null) throw new Error("the channel is full");
  return tx;
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** Spawns workers that a test can do away with. */
function mortal() {
  const tasks: WorkerTask[] = [];
  const spawn: SpawnWorker = (task, died) => {
    tasks.push(task);
    return spawnWorkerThread(task, died);
  };
  /** Makes the worker trap at the next transaction, whatever it is: no slot names a function any more. */
  const kill = (): void => {
    const { memory, ring, ringSize } = tasks.at(-1) as WorkerTask;
    const words = new Uint32Array(memory.buffer);
    for (let slot = 0; slot < ringSize; slot++) words[(ring + Ring.SLOTS + slot * SLOT_BYTES) / 4] = 0xffff;
  };
  return { spawn, kill, tasks };
}

describe("a worker", () => {
  it("works while the client does something else", async () => {
    const { chan, memory, base, close } = await open();
    memory.fill(0x21, 0, BLOCK_BYTES);
    const copy = must(chan.prepMemcpy(base + BLOCK_BYTES, base, BLOCK_BYTES)).submit();
    const wrong = new SumCheck();
    const check = must(chan.prepXorVal([base, base + 2 * BLOCK_BYTES], 2, BLOCK_BYTES, wrong)).submit();
    expect(chan.txStatus(copy)).toBe(DmaStatus.IN_PROGRESS);
    chan.issuePending();
    expect(await chan.syncWait(check)).toBe(DmaStatus.COMPLETE);
    expect(chan.txStatus(copy)).toBe(DmaStatus.COMPLETE);
    expect(memory.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES).every((byte) => byte === 0x21)).toBe(true);
    expect(wrong.pFailed).toBe(true);
    expect(chan.device.stats().mapping.bouncedBytes).toBe(0);
    await close();
  });

  it("calls back by interrupt, without anybody polling", async () => {
    const { chan, base, close, engine } = await open();
    const tx = must(chan.prepMemset(base, 1, BLOCK_BYTES, DMA_CTRL_ACK | DMA_PREP_INTERRUPT));
    const result = new Promise((resolve) => {
      tx.callback = resolve;
    });
    tx.submit();
    chan.issuePending();
    expect(await result).toBe(DmaTransResult.NOERROR);
    expect(engine.stats().devices["cpu"]?.channels[chan.name]?.interrupts).toBe(1);
    await close();
  });

  it("copies memory that it can't reach, when it is mapped and unmapped", async () => {
    const { chan, base, close } = await open();
    const outside = new Uint8Array(2 * BLOCK_BYTES).fill(7);
    const addr = chan.device.mapSingle(outside, DmaDirection.BIDIRECTIONAL);
    await chan.syncWait(must(chan.prepMemset(addr + BLOCK_BYTES, 9, 10)).submit());
    await chan.syncWait(must(chan.prepMemcpy(base, addr, BLOCK_BYTES)).submit());
    expect(outside[BLOCK_BYTES]).toBe(7);
    chan.device.syncSingleForCpu(addr + BLOCK_BYTES, 5, DmaDirection.BIDIRECTIONAL);
    expect([...outside.subarray(BLOCK_BYTES, BLOCK_BYTES + 10)]).toEqual([9, 9, 9, 9, 9, 7, 7, 7, 7, 7]);
    chan.device.unmapSingle(addr, outside.length, DmaDirection.BIDIRECTIONAL);
    expect(outside[BLOCK_BYTES + 9]).toBe(9);
    expect(chan.device.stats().mapping.bouncedBytes).toBe(4 * BLOCK_BYTES + 5);
    await close();
  });

  it("gets no mapping of what its memory has no room for", async () => {
    const { chan, close } = await open({ maxMemoryBytes: 4 * 1024 * 1024 });
    const addr = chan.device.mapSingle(new Uint8Array(5_000_000), DmaDirection.TO_DEVICE);
    expect(chan.device.mappingError(addr)).toBe(true);
    expect(() => chan.device.alloc(5_000_000)).toThrow("raise the driver's maxMemoryBytes");
    await close();
  });

  it("keeps memory good when it grows", async () => {
    const { chan, memory, base, close } = await open();
    const more = chan.device.alloc(40_000_000);
    expect(more.buffer).not.toBe(memory.buffer);
    const addr = chan.device.mapSingle(more, DmaDirection.BIDIRECTIONAL);
    memory.fill(3, 0, 100);
    await chan.syncWait(must(chan.prepMemcpy(addr + 39_999_900, base, 100)).submit());
    expect(more.subarray(39_999_899).join("")).toBe(`0${"3".repeat(100)}`);
    chan.device.unmapSingle(addr, more.length, DmaDirection.BIDIRECTIONAL);
    chan.device.free(more);
    expect(() => chan.device.free(more)).toThrow("or were freed already");
    for (let i = 0; i < 20; i++) {
      await turn();
      const piece = chan.device.alloc(1000);
      const at = chan.device.mapSingle(piece, DmaDirection.BIDIRECTIONAL);
      await chan.syncWait(must(chan.prepMemset(at, i, 1000)).submit());
      expect(piece[999]).toBe(i);
      chan.device.unmapSingle(at, 1000, DmaDirection.BIDIRECTIONAL);
      chan.device.free(piece);
    }
    expect(chan.device.stats().mapping.bouncedBytes).toBe(0);
    await close();
  });
});

describe("workers that are asked for wrongly", () => {
  it.each([-1, 0.5, 65, Number.NaN])("%s of them", (workers) => {
    expect(() => cpu({ workers })).toThrow(`expected 0 to 64 workers, got ${workers}`);
  });

  it("without SIMD", () => {
    expect(() => cpu({ workers: 1, kernels: "swar" })).toThrow("workers need SIMD kernels");
  });

  it("with no patience", () => {
    expect(() => cpu({ workers: 1, hangTimeoutMillis: 0 })).toThrow(
      "expected hangTimeoutMillis above 0, got 0",
    );
  });

  it("that don't start", async () => {
    const spawn: SpawnWorker = (task, died) => spawnWorkerThread({ ...task, ring: -1 }, died);
    const refused = new DmaEngine().register(cpu({ workers: 1, spawn }));
    await expect(refused).rejects.toBeInstanceOf(DmaError);
    await expect(refused).rejects.toThrow("its worker does not start");
  });
});

describe("a worker that dies", () => {
  it("fails what it had to do once, and another one takes over", async () => {
    const { spawn, kill, tasks } = mortal();
    const { chan, base, memory, close } = await open({ spawn });
    const endings: number[][] = [];
    const cookies = [1, 2, 3].map((value, i) => {
      const tx = must(chan.prepMemset(base, value, 10, DMA_CTRL_ACK | DMA_PREP_INTERRUPT));
      endings.push([]);
      tx.callback = (result) => endings[i]?.push(result);
      return tx.submit();
    });
    kill();
    chan.issuePending();
    expect(await chan.syncWait(cookies[2] as number)).toBe(DmaStatus.ERROR);
    expect(cookies.map((cookie) => chan.txStatus(cookie))).toEqual(new Array(3).fill(DmaStatus.ERROR));
    await turn();
    expect(endings).toEqual(new Array(3).fill([DmaTransResult.WRITE_FAILED]));

    const next = must(chan.prepMemset(base, 4, 10)).submit();
    expect(await chan.syncWait(next)).toBe(DmaStatus.COMPLETE);
    expect(memory[0]).toBe(4);
    expect(tasks.length).toBe(2);
    await close();
  });

  it("is no concern of the other workers", async () => {
    const { spawn, kill } = mortal();
    const { engine, chan: second, base, close } = await open({ workers: 2, spawn });
    const first = engine.findChannel(["memset"]) as DmaChan<"memset">;
    expect(first.name).not.toBe(second.name);
    const one = must(first.prepMemset(base + 100, 1, 10)).submit();
    const other = must(second.prepMemset(base, 1, 10)).submit();
    // The one that was started last.
    kill();
    const statuses = await Promise.all([first.syncWait(one), second.syncWait(other)]);
    expect(statuses.toSorted()).toEqual([DmaStatus.COMPLETE, DmaStatus.ERROR]);
    first.release();
    await close();
  });
});

describe("a worker that hangs", () => {
  /** Workers of which every second one does nothing, for ever; they are terminated like any other. */
  const lazy = (): SpawnWorker => {
    let spawned = 0;
    return (task, died) => {
      spawned += 1;
      if (spawned % 2 === 1) return spawnWorkerThread(task, died);
      const worker = new Worker("for (;;);", { eval: true });
      worker.unref();
      return {
        async terminate() {
          await worker.terminate();
        },
      };
    };
  };

  it("is replaced, and what it had to do fails", async () => {
    const { kill, spawn: watched } = mortal();
    const idle = lazy();
    const spawn: SpawnWorker = (task, died) => {
      watched(task, () => {}).terminate();
      return idle(task, died);
    };
    const { chan, base, close } = await open({ spawn, hangTimeoutMillis: 2000 });
    const lost = must(chan.prepMemset(base, 1, 10)).submit();
    kill();
    expect(await chan.syncWait(lost)).toBe(DmaStatus.ERROR);
    // This one hangs.
    expect(await chan.syncWait(must(chan.prepMemset(base, 1, 10)).submit())).toBe(DmaStatus.ERROR);
    expect(await chan.syncWait(must(chan.prepMemset(base, 1, 10)).submit())).toBe(DmaStatus.COMPLETE);
    await close();
  });
});
