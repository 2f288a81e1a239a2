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
import { describe, expect, it, vi } from "vitest";
import { type CpuOptions, cpu, type SpawnWorker, spawnWorkerThread, type WorkerTask } from "./index.js";

const LONG = process.env["DMAENGINE_LONG"] === "1";
vi.setConfig({ testTimeout: LONG ? 1_800_000 : 60_000 });

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
    for (let slot = 0; slot < ringSize; slot++) words[(ring + 192 + slot * 1344) / 4] = 0xffff;
  };
  return { spawn, kill, tasks };
}

it("soaks: whatever dies in between, nothing is lost and nothing happens twice", async () => {
  const count = LONG ? 1_000_000 : 20_000;
  const { spawn, kill } = mortal();
  const { chan, memory, base, close } = await open({ spawn, ringSize: 64 });
  // A 32-bit xorshift generator.
  let state = 0x5eed;
  const draw = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const block = (i: number): number => base + i * BLOCK_BYTES;
  const ended = new Map<number, number>();
  let failed = 0;
  let heapBefore = 0;
  for (let done = 0; done < count; ) {
    const batch = 1 + draw(64);
    for (let i = 0; i < batch; i++) {
      const length = 1 + draw(BLOCK_BYTES);
      const flags = DMA_CTRL_ACK | (draw(2) === 0 ? DMA_PREP_INTERRUPT : 0);
      const srcs = [block(draw(8)), block(8 + draw(4))];
      const [p, q] = [block(12 + draw(2)), block(14 + draw(2))];
      const prepare = [
        () => chan.prepMemcpy(p, srcs[0] as number, length, flags),
        () => chan.prepMemset(p, draw(256), length, flags),
        () => chan.prepXor(p, srcs, 2, length, flags),
        () => chan.prepPq(p, q, srcs, 2, [draw(256), draw(256)], length, flags),
        () => chan.prepXorVal(srcs, 2, length, new SumCheck(), flags),
        () => chan.prepPqVal(p, q, srcs, 2, [1, 2], length, new SumCheck(), flags),
      ];
      const tx = must(prepare[draw(prepare.length)]?.() ?? null);
      const number = done + i;
      tx.callback = (result) => {
        ended.set(number, (ended.get(number) ?? 0) + 1);
        if (result !== DmaTransResult.NOERROR) failed += 1;
      };
      tx.submit();
    }
    done += batch;
    if (draw(100) === 0) { console.log("kill at", done); kill(); }
    chan.issuePending();
    const t0 = performance.now(); let said = false;
    while (chan.inFlight > 0) {
      if (!said && performance.now() - t0 > 3000) { said = true; console.log("stuck", done, batch, chan.inFlight, JSON.stringify(chan.stats?.() ?? null), (globalThis as any).CH()); }
      chan.txStatus(1);
      await turn();
    }
    await turn();
    expect(ended.size).toBe(batch);
    expect([...ended.values()].every((times) => times === 1)).toBe(true);
    ended.clear();
    if (heapBefore === 0 && done > count / 2) heapBefore = process.memoryUsage().heapUsed;
  }
  expect(failed).toBeGreaterThan(0);
  expect(memory.buffer.byteLength).toBe(16 * 1024 * 1024);
  if (LONG) expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(50_000_000);
  await close();
});
