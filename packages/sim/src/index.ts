/**
 * A deterministic simulated platform: what hardware models and the drivers for them stand on.
 *
 * @packageDocumentation
 */

export { copyBlock } from "./arithmetic/copy.js";
export { fillBlock } from "./arithmetic/fill.js";
export { type SumMismatch, SumUnit } from "./arithmetic/sum-unit.js";
export { ClockEvent, type ClockMode, VirtualClock } from "./clock.js";
export {
  COST_KINDS,
  type CostFigure,
  type CostKind,
  CostMeter,
  DEFAULT_COSTS,
  type EngineCosts,
  type PlatformCosts,
} from "./costs.js";
export { CpuLane } from "./cpu-lane.js";
export type { CacheCare, DeviceAccess, SimDomain } from "./domain.js";
export { SimError, type SimErrorCode } from "./errors.js";
export {
  FAULT_KINDS,
  type FaultKind,
  FaultPlan,
  type PlannedFault,
  type SeededFaultOptions,
  type StruckFault,
} from "./faults.js";
export { Iommu, type IommuFault } from "./iommu.js";
export { type CpuContext, IrqController, IrqLine, Tasklet } from "./irq.js";
export { PhysicalMemory, wordIndex } from "./memory.js";
export { type MmioAddr, MmioBus, type MmioRegister, type MmioWidth } from "./mmio-bus.js";
export { type NonCoherence, NonCoherentDomain } from "./non-coherent-domain.js";
export {
  Platform,
  type PlatformDescription,
  type PlatformOptions,
  type PlatformSnapshot,
} from "./platform.js";
export { type KnownPlatform, PLATFORMS, type PlatformEngines, type PlatformName } from "./platforms.js";
export { SeededRandom } from "./random.js";
export { type ChromeTrace, type ChromeTraceEvent, TraceRecorder } from "./trace.js";
