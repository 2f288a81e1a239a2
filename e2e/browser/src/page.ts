/** What runs in the page. The test calls it from outside, so arguments and results are plain data. */
import { Collector, conformance } from "@dmaengine/conformance";
import { DmaDirection, DmaEngine, DmaError, type DmaStatus } from "@dmaengine/core";
import {
  type CpuOptions,
  cpu,
  type SpawnWorker,
  spawnWebWorker,
  type WorkerTask,
} from "@dmaengine/driver-cpu";

/** A test may choose these; functions don't pass from outside into the page. */
type Options = Pick<CpuOptions, "kernels" | "workers">;

/** How the conformance kit went. */
interface Conformance {
  readonly passed: number;
  /** A line for each case that failed. */
  readonly failed: readonly string[];
}

const MAX_MEMORY_BYTES = 256 * 1024 * 1024;

async function conform(options: Options): Promise<Conformance> {
  const collector = new Collector();
  const driver = () => cpu({ ...options, maxMemoryBytes: MAX_MEMORY_BYTES });
  conformance(collector, { name: "driver-cpu", driver, log: () => {} });
  const results = await collector.run();
  const failed = results.filter(({ error }) => error !== undefined);
  return {
    passed: results.length - failed.length,
    failed: failed.map(({ title, error }) => `${title}: ${error}`),
  };
}

/** The kernels that registration selects, or the code of the error that it ends with. */
async function register(options: Options): Promise<string> {
  const driver = cpu({ ...options, maxMemoryBytes: MAX_MEMORY_BYTES });
  const engine = new DmaEngine();
  try {
    await engine.register(driver);
  } catch (error) {
    return DmaError.isInstance(error) ? error.code : String(error);
  }
  await engine.unregister(driver);
  return driver.kernels;
}

/** Whether threads can share the memory that `alloc()` gives. */
async function sharesMemory(options: Options): Promise<boolean> {
  const engine = new DmaEngine();
  const driver = cpu({ ...options, maxMemoryBytes: MAX_MEMORY_BYTES });
  await engine.register(driver);
  const chan = engine.requestChannel(["memset"]);
  const memory = chan.device.alloc(64);
  const shared = !(memory.buffer instanceof ArrayBuffer);
  chan.device.free(memory);
  chan.release();
  await engine.unregister(driver);
  return shared;
}

/** How three fills end, the worker dying at the second one; and what the fill of each worker left in memory. */
async function loseWorker(): Promise<{ readonly statuses: DmaStatus[]; readonly bytes: number[] }> {
  const tasks: WorkerTask[] = [];
  const spawn: SpawnWorker = (task, died) => {
    tasks.push(task);
    return spawnWebWorker(task, died);
  };
  const engine = new DmaEngine();
  const driver = cpu({ workers: 1, spawn, maxMemoryBytes: MAX_MEMORY_BYTES });
  await engine.register(driver);
  const chan = engine.requestChannel(["memset"]);
  const memory = chan.device.alloc(64);
  const addr = chan.device.mapSingle(memory, DmaDirection.FROM_DEVICE);
  const statuses: DmaStatus[] = [];
  const bytes: number[] = [];
  for (const value of [1, 2, 3]) {
    const cookie = chan.prepMemset(addr, value, memory.length)?.submit() ?? -1;
    if (value === 2) breakSlots(tasks[0] as WorkerTask);
    chan.issuePending();
    statuses.push(await chan.syncWait(cookie));
    bytes.push(memory[63] as number);
  }
  chan.device.unmapSingle(addr, memory.length, DmaDirection.FROM_DEVICE);
  chan.device.free(memory);
  chan.release();
  await engine.unregister(driver);
  return { statuses, bytes };
}

/** No slot names a function any more: whatever the worker takes up next, it traps. */
function breakSlots({ memory, ring, ringSize }: WorkerTask): void {
  const words = new Uint32Array(memory.buffer);
  for (let slot = 0; slot < ringSize; slot++) words[(ring + 192 + slot * 1344) / 4] = 0xffff;
}

export const page = { conform, register, sharesMemory, loseWorker };
Object.assign(globalThis, { page });
