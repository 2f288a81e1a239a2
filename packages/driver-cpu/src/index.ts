/**
 * The software engine: a dmaengine driver whose one channel works on the CPU, inside `issuePending`.
 *
 * @packageDocumentation
 */

export { type CpuOptions, cpu } from "./cpu.js";
