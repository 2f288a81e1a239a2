import type { ArrayMember, Geometry, MemberDevice } from "@dmaengine/raid456";
import type { Rejection } from "./rejection.js";
import type { Superblock1 } from "./superblock-1.js";

/** A device that is known to the array, with its superblock as read. */
export interface AssembledSpare {
  readonly device: MemberDevice;
  readonly superblock: Superblock1;
}

/** A device that fills a slot of the array. */
export interface AssembledMember extends AssembledSpare, ArrayMember {
  readonly slot: number;
  /**
   * Bytes, counted from dataOffsetBytes, that are rebuilt and may be used; what is above must be treated as
   * missing. Infinity for a member that is in sync.
   */
  readonly recoveredBytes: number;
}

/** An array as its members describe it. Making it has written nothing. */
export interface AssembledArray {
  /** set_uuid, in mdadm's text form. */
  readonly uuid: string;
  /** set_name; by mdadm's convention "host:name". */
  readonly name: string;
  /** Level, layout, slots, chunk and sizes. */
  readonly geometry: Geometry;
  /** Event count of the freshest member. */
  readonly events: number;
  /** Whether parity is known to match data everywhere. */
  readonly clean: boolean;
  /**
   * Bytes of each member, from the start, whose parity is known to match: a resync starts here. All of them
   * if clean.
   */
  readonly resyncedBytes: number;
  /**
   * Block size that I/O to the array has to be aligned to; 0 where the array records none (before Linux
   * 6.19).
   */
  readonly logicalBlockBytes: number;
  /** The member in each slot; null where it is missing. */
  readonly slots: readonly (AssembledMember | null)[];
  /** Accepted devices without a slot, in the order in which they were given. */
  readonly spares: readonly AssembledSpare[];
  /** Slots without a member. */
  readonly missing: readonly number[];
  /** Those of `missing` whose member the superblocks count as working: it was not given, or was rejected. */
  readonly unexpectedlyMissing: readonly number[];
  /** Slots that are missing or not fully rebuilt. */
  readonly degraded: number;
  /** Every given device that was left out, and why. */
  readonly rejected: readonly Rejection[];
  /** Why the array must not be written; null if it may be. */
  readonly readOnlyReason: string | null;
  /** What `force` has overridden, one sentence each; empty if the array assembles without it. */
  readonly forced: readonly string[];
}
