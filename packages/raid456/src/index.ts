/**
 * A RAID-4, RAID-5 and RAID-6 engine that manages its offload channels itself, with the layouts and the parity of Linux md.
 *
 * @packageDocumentation
 */

export {
  RaidArray,
  type RaidArrayOptions,
  type RequestOptions,
} from "./array.js";
export { RaidError, type RaidErrorCode } from "./errors.js";
export { type ChunkLocation, Geometry, type GeometryOptions } from "./geometry.js";
export {
  defaultLayout,
  LEFT_SYMMETRIC,
  layoutByName,
  layoutName,
  layoutNumbers,
  parityDisks,
  type RaidLevel,
  type StripeRow,
  stripeRow,
} from "./layout.js";
export { FaultyMember, type MemberFault } from "./member/faulty-member.js";
export type { MemberDevice } from "./member/member-device.js";
export { MemberError, type MemberErrorCode } from "./member/member-error.js";
export { MemoryMember, type MemoryMemberOptions } from "./member/memory-member.js";
export type { ArrayMember, ArrayMetadata } from "./members.js";
export type { OffloadChannelStats, OffloadOptions, OffloadStats } from "./offload/offload.js";
export type { OffloadPlan, PlannedWork, Scenario } from "./offload/plan.js";
export type { StripeWork } from "./offload/stripe-work.js";
export type { RaidStats } from "./stats.js";
export type { MismatchRow } from "./stripe/check-stripes.js";
export type { SyncOptions, SyncProgress } from "./sweep.js";
export type { CheckReport } from "./sync.js";
