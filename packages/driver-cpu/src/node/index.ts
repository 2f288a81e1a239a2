/**
 * The software engine for Node, with worker threads at hand.
 *
 * @packageDocumentation
 */

import { type CpuDriver, type CpuOptions, cpu as cpuAnywhere } from "../cpu.js";
import { spawnWorkerThread } from "./spawn-worker-thread.js";

export type { CpuDriver, CpuOptions } from "../cpu.js";
export type { KernelsSpeed } from "../kernels/measure.js";
export type { KernelsName } from "../kernels/select.js";
export type { EngineWorker, SpawnWorker, WorkerTask } from "../workers/spawn.js";
export { spawnWorkerThread } from "./spawn-worker-thread.js";

/** The software engine, as the package's root exports it, with worker threads as its workers. */
export function cpu(options: CpuOptions = {}): CpuDriver {
  return cpuAnywhere({ spawn: spawnWorkerThread, ...options });
}
