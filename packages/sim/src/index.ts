/**
 * A deterministic simulated platform: what hardware models and the drivers for them stand on.
 *
 * @packageDocumentation
 */

export { copyBlock } from "./arithmetic/copy.js";
export { fillBlock } from "./arithmetic/fill.js";
export { type SumMismatch, SumUnit } from "./arithmetic/sum-unit.js";
export { ClockEvent, type ClockMode, VirtualClock } from "./clock.js";
export { SimError, type SimErrorCode } from "./errors.js";
export { type CpuContext, IrqController, IrqLine, Tasklet } from "./irq.js";
export { PhysicalMemory, wordIndex } from "./memory.js";
export { type MmioAddr, MmioBus, type MmioRegister, type MmioWidth } from "./mmio-bus.js";
export { Platform, type PlatformOptions } from "./platform.js";
