import type { PageMapping } from "../stripe/stripe-page.js";
import type { PageOp } from "./page-op.js";

/** Who carries out page operations: one implementation for each scenario that the plan can find. */
export interface Offload {
  /** The scenario's number: 0 for the CPU alone, else as in the plan. */
  readonly scenario: 0 | 1;
  /** The plan in words, a sentence a line. */
  explain(): readonly string[];
  /** Memory for stripe pages. */
  alloc(sizeBytes: number): Uint8Array;
  /** Gives memory of {@link alloc} back. */
  free(memory: Uint8Array): void;
  /** Maps a page of {@link alloc}ed memory for its life; null where no engine takes part. */
  map(memory: Uint8Array, offsetBytes: number, lengthBytes: number): PageMapping | null;
  /**
   * Carries a chain out, in order. Resolves when the last operation is complete; chains handed in together are batched.
   * Rejects with `ERR_RAID_ENGINE` when an engine failed; pages that the chain writes are undefined then.
   */
  run(chain: readonly PageOp[]): Promise<void>;
  /** Gives up what the offload holds. */
  close(): void;
}
