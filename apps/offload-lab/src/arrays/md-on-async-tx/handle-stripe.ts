/**
 * `handle_stripe` of drivers/md/raid5.c, as in Linux 4.0: decides what is to be done next with a stripe. Of its many duties those that the
 * workload needs are here: reads, writes, degraded or not, and the check of parity. Reads before a write are not put off (`STRIPE_DELAYED`).
 *
 * @module
 */

import type { OpsRequest } from "./raid-run-ops.js";
import type { R5Dev, StripeHead } from "./stripe-head.js";

/** What a pass finds: `struct stripe_head_state`. */
interface StripeState {
  /** Slots without a member. */
  readonly failed: readonly number[];
  locked: number;
  /** Blocks that are known, or being computed. */
  uptodate: number;
  toRead: boolean;
  toWrite: boolean;
  nonOverwrite: boolean;
  /** A computation was asked for in this pass. */
  reqCompute: boolean;
}

/**
 * One pass over a stripe: changes its state, and says which operations are to run for it. Reads and writes of members are marked in `wantread`
 * and `wantwrite`.
 *
 * @param inSync - whether a slot has a member
 */
export function handleStripe(sh: StripeHead, inSync: (slot: number) => boolean): OpsRequest {
  const ops: OpsRequest = {
    biofill: false,
    compute: false,
    prexor: false,
    biodrain: false,
    reconstruct: false,
    check: false,
  };
  const s = analyseStripe(sh, inSync);
  if (!sh.biofillRun && sh.devs.some(({ wantfill }) => wantfill)) {
    ops.biofill = true;
    sh.biofillRun = true;
  }
  finishReconstruct(sh);
  returnWrites(sh, s);
  const degradedWrite = sh.row.q >= 0 && s.toWrite && s.failed.length > 0;
  const syncingReads = sh.syncing && s.uptodate < sh.devs.length;
  if (s.toRead || s.nonOverwrite || degradedWrite || syncingReads) fill(sh, s, ops, inSync);
  if (s.toWrite && sh.reconstructState === "idle" && sh.checkState === "idle") dirtying(sh, s, ops, inSync);
  const checkDue = sh.syncing && s.locked === 0 && !sh.computeRun && !sh.insync;
  if (sh.checkState !== "idle" || checkDue) parityChecks(sh, s, ops);
  if (sh.syncing && s.locked === 0 && sh.insync) {
    sh.syncing = false;
    sh.onSynced?.();
    sh.onSynced = null;
  }
  return ops;
}

function analyseStripe(sh: StripeHead, inSync: (slot: number) => boolean): StripeState {
  let locked = 0;
  let uptodate = 0;
  let toRead = false;
  for (const dev of sh.devs) {
    if (dev.uptodate && dev.toread.length > 0 && !sh.biofillRun) dev.wantfill = true;
    if (dev.locked) locked += 1;
    if (dev.uptodate || dev.wantcompute) uptodate += 1;
    if (dev.toread.length > 0 && !dev.wantfill) toRead = true;
  }
  return {
    failed: [...sh.devs.keys()].filter((slot) => !inSync(slot)),
    locked,
    uptodate,
    toRead,
    toWrite: sh.devs.some(({ towrite }) => towrite.length > 0),
    nonOverwrite: sh.devs.some(({ towrite, overwrite }) => towrite.length > 0 && !overwrite),
    reqCompute: false,
  };
}

/** Parity is computed: what changed goes to the members. */
function finishReconstruct(sh: StripeHead): void {
  const { reconstructState } = sh;
  if (reconstructState !== "prexor_drain_result" && reconstructState !== "drain_result") return;
  sh.reconstructState = "idle";
  sh.devs.forEach((dev, slot) => {
    if (dev.locked && (dev.written.length > 0 || sh.paritySlots.includes(slot))) dev.wantwrite = true;
  });
}

/** `handle_stripe_clean_event`: writes whose data and parity are on the members have ended. */
function returnWrites(sh: StripeHead, { failed }: StripeState): void {
  const isSafe = (slot: number): boolean => {
    const { uptodate, locked } = sh.dev(slot);
    return failed.includes(slot) || (uptodate && !locked);
  };
  if (!sh.paritySlots.every(isSafe)) return;
  for (const dev of sh.devs) {
    if (dev.locked || dev.written.length === 0 || !(dev.uptodate || dev.skipCopy)) continue;
    // The cache's own page was not written: what it holds is not known any more, even if it was computed in the same chain (the original warns then).
    if (dev.skipCopy) dev.uptodate = false;
    dev.page = dev.origPage;
    for (const { bio } of dev.written) bio.put();
    dev.written = [];
  }
}

/** `handle_stripe_fill`: looks for blocks that have to be read or computed, from the highest slot down. */
function fill(sh: StripeHead, s: StripeState, ops: OpsRequest, inSync: (slot: number) => boolean): void {
  if (sh.computeRun || sh.checkState !== "idle" || sh.reconstructState !== "idle") return;
  for (let slot = sh.devs.length - 1; slot >= 0; slot--) {
    if (!sh.dev(slot).missing || !needThisBlock(sh, s, slot)) continue;
    if (computeBlock(sh, s, ops, slot)) return;
    if (inSync(slot)) readBlock(sh.dev(slot), s);
  }
}

/** `need_this_block` */
function needThisBlock(sh: StripeHead, s: StripeState, slot: number): boolean {
  const { toread, towrite, overwrite } = sh.dev(slot);
  if (toread.length > 0 || (towrite.length > 0 && !overwrite) || sh.syncing) return true;
  // RAID-6 makes P and Q from all data, so that which is missing has to be known, unless all of it is written.
  const overwritten = sh.devs.filter(({ overwrite }) => overwrite).length;
  if (sh.row.q >= 0 && s.failed.length > 0 && s.toWrite && overwritten < sh.row.data.length) return true;
  // A missing block that is read, or written in part, needs all the others.
  return s.failed.some((lost) => {
    const dev = sh.dev(lost);
    return !dev.uptodate && (dev.toread.length > 0 || (dev.towrite.length > 0 && !dev.overwrite));
  });
}

/** `fetch_block`, the part that computes. Whether something is computed now. */
function computeBlock(sh: StripeHead, s: StripeState, ops: OpsRequest, slot: number): boolean {
  const disks = sh.devs.length;
  const lost = s.failed.includes(slot);
  let second = -1;
  if (s.uptodate === disks - 2 && lost && s.failed.length === 2) {
    // Not necessarily the other one that is lost: that may be in memory, and one that is there not yet.
    second = sh.devs.findLastIndex(({ missing }, other) => missing && other !== slot);
    if (second < 0) return false;
  } else if (s.uptodate !== disks - 1 || !(lost || (sh.row.q >= 0 && slot === sh.row.p))) return false;
  ops.compute = true;
  sh.computeRun = true;
  sh.target = slot;
  sh.target2 = second;
  for (const target of [slot, second]) {
    if (target < 0) continue;
    sh.dev(target).wantcompute = true;
    s.uptodate += 1;
  }
  s.reqCompute = true;
  return true;
}

function readBlock(dev: R5Dev, s: StripeState): void {
  dev.locked = true;
  dev.wantread = true;
  s.locked += 1;
}

/** `handle_stripe_dirtying`: read-modify-write or reconstruct-write, whichever reads less. RAID-6 reconstructs always. */
function dirtying(sh: StripeHead, s: StripeState, ops: OpsRequest, inSync: (slot: number) => boolean): void {
  const { p, q } = sh.row;
  const disks = sh.devs.length;
  const forRmw: number[] = [];
  const forRcw: number[] = [];
  sh.devs.forEach((dev, slot) => {
    if (!dev.missing) return;
    if (dev.towrite.length > 0 || slot === p) forRmw.push(slot);
    if (!dev.overwrite && slot !== p && slot !== q) forRcw.push(slot);
  });
  const cost = (slots: readonly number[]): number =>
    slots.reduce((sum, slot) => sum + (inSync(slot) ? 1 : 2 * disks), 0);
  const rcw = q < 0 ? cost(forRcw) : Math.min(cost(forRcw), 1);
  const rmw = q < 0 ? cost(forRmw) : 2 * disks;
  if (rmw > 0 && rcw > 0) {
    for (const slot of rmw < rcw ? forRmw : forRcw) if (inSync(slot)) readBlock(sh.dev(slot), s);
  }
  const computes = !s.reqCompute && sh.computeRun;
  if (!computes && s.locked === 0 && (rcw === 0 || rmw === 0)) scheduleReconstruction(sh, ops, rcw === 0);
}

/** `schedule_reconstruction` */
function scheduleReconstruction(sh: StripeHead, ops: OpsRequest, rcw: boolean): void {
  for (const dev of sh.devs) {
    if (dev.towrite.length === 0) continue;
    dev.locked = true;
    dev.wantdrain = true;
    dev.uptodate = false;
  }
  for (const slot of sh.paritySlots) {
    const dev = sh.dev(slot);
    dev.locked = true;
    dev.uptodate = false;
  }
  sh.reconstructState = rcw ? "drain_run" : "prexor_drain_run";
  ops.prexor = !rcw;
  ops.biodrain = true;
  ops.reconstruct = true;
}

/** `handle_parity_checks5`, `handle_parity_checks6`, for an array with all of its members. */
function parityChecks(sh: StripeHead, s: StripeState, ops: OpsRequest): void {
  if (sh.checkState === "idle" && s.failed.length === 0) {
    sh.checkState = "run";
    ops.check = true;
  } else if (sh.checkState === "result") {
    sh.checkState = "idle";
    sh.insync = true;
  }
}
