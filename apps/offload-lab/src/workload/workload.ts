import type { RaidLevel } from "@dmaengine/raid456";

/** One request to the array. */
export type LabRequest =
  | {
      readonly kind: "write";
      readonly offsetBytes: number;
      readonly lengthBytes: number;
      /** Of the bytes that are written. */
      readonly contentSeed: number;
    }
  | { readonly kind: "read"; readonly offsetBytes: number; readonly lengthBytes: number }
  /** Reads every member whole and compares data with parity. */
  | { readonly kind: "scrub" };

/** Requests of one kind. */
export interface Phase {
  readonly name: PhaseName;
  /** Slots whose members are taken out before the phase, and stay out. */
  readonly failing: readonly number[];
  readonly requests: readonly LabRequest[];
}

export const PHASE_NAMES = ["full-stripe writes", "partial writes", "scrub", "degraded reads"] as const;
export type PhaseName = (typeof PHASE_NAMES)[number];

/** What an array has to do, as data: both sides of the laboratory get the same. */
export interface Workload {
  readonly array: ArrayShape;
  /** Of the array's content before the first request. */
  readonly contentSeed: number;
  readonly phases: readonly Phase[];
}

/** The array that the workload is for. */
export interface ArrayShape {
  readonly level: RaidLevel;
  readonly raidDisks: number;
  readonly chunkBytes: number;
  /** Bytes of each member, a multiple of the chunk. */
  readonly memberBytes: number;
}
