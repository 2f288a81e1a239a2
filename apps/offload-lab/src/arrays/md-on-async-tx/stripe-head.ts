import { SumCheck } from "@dmaengine/core";
import type { StripeRow } from "@dmaengine/raid456";
import type { BioSegment } from "./bio.js";

/** `STRIPE_SIZE` of drivers/md/raid5.c, and of a page. */
export const STRIPE_BYTES = 4096;

/** One member's block of a stripe, with the flags of `enum r5dev_flags` that matter here: `struct r5dev`. */
export class R5Dev {
  /** The block: the cache's own memory, or that of a request in its place while it is written (`skip_copy`). */
  page: Uint8Array;
  readonly origPage: Uint8Array;
  /** Reads that wait for the block, and those whose copy is under way. */
  toread: BioSegment[] = [];
  read: BioSegment[] = [];
  /** Writes that wait, and those that were drained into the page and are not on the member yet. */
  towrite: BioSegment[] = [];
  written: BioSegment[] = [];
  uptodate = false;
  locked = false;
  /** The pending writes cover the whole block. */
  overwrite = false;
  wantread = false;
  wantwrite = false;
  wantcompute = false;
  wantfill = false;
  wantdrain = false;

  constructor(page: Uint8Array) {
    this.page = page;
    this.origPage = page;
  }

  /** Whether a request's page stands in for the block's own (`R5_SkipCopy`). */
  get skipCopy(): boolean {
    return this.page !== this.origPage;
  }

  /** Neither of both: the block has to be read or computed before it can be used, and nobody does so yet. */
  get missing(): boolean {
    return !this.uptodate && !this.locked && !this.wantcompute;
  }
}

/** `enum check_states` */
export type CheckState = "idle" | "run" | "result";
/** `enum reconstruct_states` */
export type ReconstructState =
  | "idle"
  | "prexor_drain_run"
  | "prexor_drain_result"
  | "drain_run"
  | "drain_result";

/** One block of equal offset on every member: `struct stripe_head`. */
export class StripeHead {
  readonly devs: readonly R5Dev[];
  /** Which one it is: the offset within the members in units of {@link STRIPE_BYTES}. */
  number = -1;
  row!: StripeRow;
  /** `STRIPE_HANDLE`: raid5d is to look at it. */
  handle = false;
  /** Scrub: asked for, under way (`STRIPE_SYNCING`), and done (`STRIPE_INSYNC`). */
  syncing = false;
  insync = false;
  onSynced: (() => void) | null = null;
  biofillRun = false;
  computeRun = false;
  checkState: CheckState = "idle";
  reconstructState: ReconstructState = "idle";
  /** What the running computation is for (`sh->ops.target`, `target2`); -1: nothing. */
  target = -1;
  target2 = -1;
  readonly zeroSumResult = new SumCheck();

  constructor(disks: number) {
    this.devs = Array.from({ length: disks }, () => new R5Dev(new Uint8Array(STRIPE_BYTES)));
  }

  /** `init_stripe` */
  init(number: number, row: StripeRow): void {
    this.number = number;
    this.row = row;
    this.insync = false;
    for (const dev of this.devs) dev.uptodate = false;
  }

  dev(slot: number): R5Dev {
    return this.devs[slot] as R5Dev;
  }

  /** Slots of P and, where there is one, Q. */
  get paritySlots(): readonly number[] {
    const { p, q } = this.row;
    return q < 0 ? [p] : [p, q];
  }

  /** `stripe_operations_active` */
  get operationsActive(): boolean {
    return (
      this.checkState !== "idle" || this.reconstructState !== "idle" || this.biofillRun || this.computeRun
    );
  }

  /** Whether nobody wants anything of it any more. */
  get idle(): boolean {
    if (this.handle || this.syncing || this.operationsActive) return false;
    return this.devs.every(
      ({ locked, toread, read, towrite, written }) =>
        !locked && toread.length + read.length + towrite.length + written.length === 0,
    );
  }
}
