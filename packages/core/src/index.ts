/**
 * What clients of an offload engine see: engine instances, channels, descriptors, mapping. Driver authors want `@dmaengine/core/driver`.
 *
 * @packageDocumentation
 */

export type { ChannelPreps, DmaChan, DmaChanControl } from "./chan.js";
export type { DmaTxState } from "./channel.js";
export type { DmaCookie } from "./cookie.js";
export type { DmaCallback, DmaTxDescriptor } from "./descriptor.js";
export type { DmaDevice } from "./device.js";
export type { Capabilities, DmaDriver } from "./driver-contract.js";
export { type ChannelQuery, DmaEngine, type DmaEngineOptions } from "./engine.js";
export { DmaError, type DmaErrorCode } from "./errors.js";
export * from "./flags.js";
export { gfExp, gfInv, gfLog, gfMul, gfMulTable } from "./gf256.js";
export { DmaDirection } from "./mapping/direction.js";
export { DMA_MAPPING_ERROR, type DmaAddr, type DmaDomain, dmaMappingError } from "./mapping/domain.js";
export type { DmaUnmapData } from "./mapping/unmap-data.js";
export type { PrepInterrupt } from "./operations/interrupt.js";
export type { PrepMemcpy } from "./operations/memcpy.js";
export type { PrepMemset } from "./operations/memset.js";
export type * from "./operations/operation.js";
export { dmaMaxPq, type PqLimits, type PrepPq } from "./operations/pq.js";
export type { PrepPqVal } from "./operations/pq-val.js";
export type { PrepXor, XorLimits } from "./operations/xor.js";
export type { PrepXorVal } from "./operations/xor-val.js";
export type { ChannelStats, DeviceStats, EngineStats, MappingStats, OperationStats } from "./stats.js";
export {
  DmaStatus,
  DmaTransResult,
  SUM_CHECK_P_RESULT,
  SUM_CHECK_Q_RESULT,
  SumCheck,
} from "./status.js";
