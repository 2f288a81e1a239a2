/**
 * A RAID-4, RAID-5 and RAID-6 engine that manages its offload channels itself, with the layouts and the parity of Linux md.
 *
 * @packageDocumentation
 */

export {
  type CheckReport,
  RaidArray,
  type RaidArrayOptions,
  type SyncOptions,
  type SyncProgress,
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
export type { MismatchRow } from "./stripe/handle-stripe.js";
