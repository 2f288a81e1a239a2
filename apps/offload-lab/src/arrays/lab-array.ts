import type { ArrayShape } from "../workload/workload.js";

/** What both sides' arrays are opened with. */
export interface LabArrayOptions {
  readonly shape: ArrayShape;
  /** The members' bytes, by slot. */
  readonly members: readonly Uint8Array[];
  /** How much of each member the stripe cache holds. */
  readonly cacheBytes: number;
  /** Whether md lets whole pages of a request stand in for its own (`skip_copy`, off by default). raid456 decides for itself. */
  readonly mdSkipCopy: boolean;
}

/** An array under test: one of the two ways of doing the work. */
export interface LabArray {
  /** The scenario that the plan is for; null where there is no plan. */
  readonly scenario: number | null;
  /** How it uses the machine, a sentence a line. */
  explain(): readonly string[];
  /** How often one chain of operations went on to another channel so far. */
  readonly channelSwitches: number;
  /** How often a page of the stripe cache was mapped so far, which is not the memory of a request. */
  readonly stripePageMaps: number;
  write(offsetBytes: number, from: Uint8Array): Promise<void>;
  read(offsetBytes: number, into: Uint8Array): Promise<void>;
  /** Compares data with parity, everywhere. Returns how many rows of 4 KiB don't match. */
  scrub(): Promise<number>;
  /** Takes a member out. */
  fail(slot: number): Promise<void>;
  /** Gives channels and mappings back. */
  close(): Promise<void>;
}
