/**
 * The software engine: a dmaengine driver that works on the CPU, inline or in workers.
 *
 * @packageDocumentation
 */

export { type CpuDriver, type CpuOptions, cpu } from "./cpu.js";
export type { KernelsSpeed } from "./kernels/measure.js";
export type { KernelsName } from "./kernels/select.js";
export type { EngineWorker, SpawnWorker, WorkerTask } from "./workers/spawn.js";
export { spawnWebWorker } from "./workers/spawn-web-worker.js";
