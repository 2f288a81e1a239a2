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
  defineDevice,
} from "./driver-contract.js";
export { AddressSpace, type AddressWindow } from "./mapping/address-space.js";
export { DirectDomain } from "./mapping/direct-domain.js";
export { DmaDirection } from "./mapping/direction.js";
export { DMA_MAPPING_ERROR, type DmaAddr, type DmaDomain } from "./mapping/domain.js";
export type { InterruptArgs } from "./operations/interrupt.js";
export type { MemcpyArgs } from "./operations/memcpy.js";
export type { MemsetArgs } from "./operations/memset.js";
export type {
  DmaOperation,
  DmaOperations,
  OperationDefinition,
  OperationPort,
  RangeVisitor,
  ReferenceMemory,
} from "./operations/operation.js";
export type { PqArgs, PqLimits } from "./operations/pq.js";
export type { PqValArgs } from "./operations/pq-val.js";
export type { XorArgs, XorLimits } from "./operations/xor.js";
export type { XorValArgs } from "./operations/xor-val.js";
