/**
 * The software engine: a dmaengine driver whose one channel works on the CPU, inside `issuePending`.
 *
 * @packageDocumentation
 */

export { type CpuDriver, type CpuOptions, cpu } from "./cpu.js";
export type { KernelsName } from "./kernels/select.js";
