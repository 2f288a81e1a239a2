import type { Geometry } from "../geometry.js";
import type { MemberIo } from "../member/member-io.js";
import type { Members } from "../members.js";
import type { Offload } from "../offload/offload.js";
import type { Counters } from "../stats.js";
import type { Recoveries } from "./recoveries.js";
import type { StripeCache } from "./stripe-cache.js";
import type { StripeHead } from "./stripe-head.js";

/** What everything that is done with stripes works with. */
export interface StripeContext {
  readonly geometry: Geometry;
  /** Length of a stripe's block on each member, in bytes. */
  readonly stripeBytes: number;
  /** Most neighbouring stripes that one task holds, so that their blocks on a member are one transfer. */
  readonly maxRun: number;
  readonly members: Members;
  readonly io: MemberIo;
  readonly offload: Offload;
  readonly cache: StripeCache;
  readonly recoveries: Recoveries;
  readonly counters: Counters;
  /** Whether a block that can't be read is written anew. Not where looking must leave everything as it was. */
  readonly repairReadErrors: boolean;
  /** Whether the parity on the members is right; if not, it must be made from all data. */
  parityTrusted(stripe: StripeHead): boolean;
  /** Told when a block that could not be read is on its member again. */
  readErrorRepaired(slot: number, lengthBytes: number): void;
}

/**
 * Stripes with which something could not be done, and why. The others of the same run are done: neighbours don't suffer from each
 * other's failures.
 */
export class Failures extends Map<StripeHead, unknown> {
  /** Whether engines have failed so often that the CPU is to do what is left. */
  cpuOnly = false;

  /** The works whose stripes have not failed. */
  without<Work extends { readonly stripe: StripeHead }>(works: readonly Work[]): readonly Work[] {
    return this.size === 0 ? works : works.filter(({ stripe }) => !this.has(stripe));
  }
}

/** For work that has to be done with all stripes or none. */
export function throwFirst(failures: Failures): void {
  for (const failure of failures.values()) throw failure;
}
