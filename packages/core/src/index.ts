/**
 * What clients of an offload engine see: engine instances, channels, descriptors, mapping. Driver authors want `@dmaengine/core/driver`.
 *
 * @packageDocumentation
 */

export type { ChannelPreps, DmaChan, DmaChanControl, DmaSlaveControl } from "./chan.js";
export type { DmaTxState } from "./channel.js";
export type { DmaCookie } from "./cookie.js";
export type { DmaCallback, DmaTxDescriptor } from "./descriptor.js";
export type { DmaDevice } from "./device.js";
export type { Capabilities, DmaDriver, IfSlave } from "./driver-contract.js";
export {
  type ChannelQuery,
  type DepartureOptions,
  type DeviceEvent,
  DmaEngine,
  type DmaEngineOptions,
} from "./engine.js";
export { DmaError, type DmaErrorCode } from "./errors.js";
export * from "./flags.js";
export { gfExp, gfInv, gfLog, gfMul, gfMulTable } from "./gf256.js";
export type { DmaCheckerOptions } from "./mapping/checker/checker.js";
export { type DmaCheck, DmaCheckError } from "./mapping/checker/checks.js";
export { DmaDirection } from "./mapping/direction.js";
export {
  type CoherentMemory,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  type DmaDomain,
  dmaMappingError,
} from "./mapping/domain.js";
export type { MappingDevice, MappingLimits } from "./mapping/mapping-device.js";
export { Scatterlist, type ScatterlistEntry } from "./mapping/scatterlist.js";
export type { DmaUnmapData } from "./mapping/unmap-data.js";
export type { CyclicLimits, PrepCyclic } from "./operations/cyclic.js";
export type { ImmDataLimits, PrepImmData } from "./operations/imm-data.js";
export type {
  InterleavedChunk,
  InterleavedLimits,
  InterleavedTemplate,
  PrepInterleaved,
} from "./operations/interleaved.js";
export type { PrepInterrupt } from "./operations/interrupt.js";
export type { PrepMemcpy } from "./operations/memcpy.js";
export type { PrepMemset } from "./operations/memset.js";
export type { PrepMemsetSg } from "./operations/memset-sg.js";
export type * from "./operations/operation.js";
export { dmaMaxPq, dmaPqCoefsFit, type PqLimits, type PrepPq } from "./operations/pq.js";
export type { PrepPqVal } from "./operations/pq-val.js";
export type { DmaSegments, SegmentLimits } from "./operations/segments.js";
export type { PrepSlaveSg } from "./operations/slave-sg.js";
export type { PrepXor, XorLimits } from "./operations/xor.js";
export type { PrepXorVal } from "./operations/xor-val.js";
export {
  OffloadPool,
  type OffloadPoolOptions,
  type PoolChannelStats,
  type PoolRequest,
  type PoolRest,
  type PoolVerdict,
} from "./selection/offload-pool.js";
export {
  type Candidate,
  leastLoaded,
  type MeasuredOptions,
  measured,
  roundRobin,
  type SelectionPolicy,
} from "./selection/policy.js";
export {
  DmaResidueGranularity,
  type DmaSlaveBuswidth,
  type DmaSlaveCaps,
  type DmaSlaveConfig,
  DmaTransferDirection,
  type SlaveCapabilities,
} from "./slave.js";
export type {
  ChannelStats,
  DeviceStats,
  EngineStats,
  MappingStats,
  OperationStats,
  UnmapPoolStats,
} from "./stats.js";
export {
  DmaStatus,
  DmaTransResult,
  SUM_CHECK_P_RESULT,
  SUM_CHECK_Q_RESULT,
  SumCheck,
} from "./status.js";
export type { DmaTraceEvent } from "./trace.js";
