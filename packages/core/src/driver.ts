/**
 * What the author of a driver sees: the contract that a plugin fills in, and what helps to fill it in.
 *
 * @packageDocumentation
 */

export type { DmaTx } from "./descriptor.js";
export {
  type AnyDeviceDefinition,
  type Capabilities,
  type ChannelHost,
  type DeviceDefinition,
  type DmaDriver,
  DRIVER_CONTRACT,
  type DriverChannel,
  type DriverChannelControl,
  type DriverPreps,
  type DriverSlaveControl,
  defineDevice,
  type IfSlave,
} from "./driver-contract.js";
export { AddressSpace, type AddressWindow } from "./mapping/address-space.js";
export { BounceDomain } from "./mapping/bounce-domain.js";
export { DirectDomain } from "./mapping/direct-domain.js";
export { DmaDirection } from "./mapping/direction.js";
export { type CoherentMemory, DMA_MAPPING_ERROR, type DmaAddr, type DmaDomain } from "./mapping/domain.js";
export type { CyclicArgs, CyclicLimits } from "./operations/cyclic.js";
export type { ImmDataArgs, ImmDataLimits } from "./operations/imm-data.js";
export { BUILT_IN_OPERATIONS } from "./operations/index.js";
export type { InterleavedArgs, InterleavedLimits } from "./operations/interleaved.js";
export type { InterruptArgs } from "./operations/interrupt.js";
export { checkAddr, checkLength, checkSources } from "./operations/limits.js";
export type { MemcpyArgs } from "./operations/memcpy.js";
export type { MemsetArgs } from "./operations/memset.js";
export type { MemsetSgArgs } from "./operations/memset-sg.js";
export {
  type AnyOperationDefinition,
  type BlockLimits,
  type DmaOperation,
  type DmaOperations,
  type OperationArgs,
  type OperationDefinition,
  type OperationLimits,
  type OperationPort,
  type PrepName,
  prepName,
  type RangeVisitor,
  type ReferenceMemory,
  type ReferencePeripheral,
  type SlaveOperation,
} from "./operations/operation.js";
export type { PqArgs, PqLimits } from "./operations/pq.js";
export type { PqValArgs } from "./operations/pq-val.js";
export type { SegmentArgs, SegmentLimits } from "./operations/segments.js";
export type { SlaveSgArgs } from "./operations/slave-sg.js";
export type { XorArgs, XorLimits } from "./operations/xor.js";
export type { XorValArgs } from "./operations/xor-val.js";
export {
  DmaResidueGranularity,
  type DmaSlaveBuswidth,
  type DmaSlaveConfig,
  DmaTransferDirection,
  type SlaveCapabilities,
} from "./slave.js";
