/**
 * What is done with a stripe while a task holds it: bring blocks up to date, write, rebuild, check.
 * The decisions are those of `handle_stripe` in drivers/md/raid5.c.
 *
 * @module
 */

import { SumCheck } from "@dmaengine/core";
import { RaidError } from "../errors.js";
import type { Members } from "../members.js";
import type { Offload } from "../offload/offload.js";
import type { ByteRange, PageOp } from "../offload/page-op.js";
import type { StripeHead } from "./stripe-head.js";
import { isUptodate, type StripePage, setUptodate } from "./stripe-page.js";
import { addToParity, checkParity, computeBlocks, reconstruct, sourcesFor } from "./syndrome.js";

/** The unit in which md counts mismatches: a block of 4 KiB on each member (`RAID5_STRIPE_SIZE`). */
const MISMATCH_ROW_BYTES = 4096;

/** A piece of a request that lies in one page. */
export interface Piece {
  readonly slot: number;
  readonly pageOffset: number;
  readonly memory: Uint8Array;
  readonly memoryOffset: number;
  readonly lengthBytes: number;
}

/** Rows of a stripe whose parity does not match its data. */
export interface MismatchRow {
  /** Offset of the row within the members' data, in bytes. */
  readonly memberOffset: number;
  /** Length of the row on each member, in bytes. */
  readonly lengthBytes: number;
  readonly pMismatch: boolean;
  readonly qMismatch: boolean;
}

/** What the tasks work with. */
export interface StripeContext {
  readonly members: Members;
  readonly offload: Offload;
  /** Whether a block that can't be read is written anew. Not where looking must leave everything as it was. */
  readonly repairReadErrors: boolean;
}

/** Serves a piece of a read request from the stripe, computing the block if its member can't be read. */
export async function fillFromStripe(
  context: StripeContext,
  stripe: StripeHead,
  piece: Piece,
): Promise<void> {
  const range = { start: piece.pageOffset, end: piece.pageOffset + piece.lengthBytes };
  await bringUptodate(context, stripe, [piece.slot], range);
  await run(context, stripe, [
    {
      op: "fill",
      page: stripe.pages[piece.slot] as StripePage,
      pageOffset: piece.pageOffset,
      into: piece.memory,
      intoOffset: piece.memoryOffset,
      lengthBytes: piece.lengthBytes,
    },
  ]);
}

/**
 * Writes pieces of one stripe and brings its parity up to date (`handle_stripe_dirtying`).
 *
 * @param parityTrusted - whether the parity on the members is right now; if not, it must be made from all data
 */
export async function writeStripe(
  context: StripeContext,
  stripe: StripeHead,
  pieces: readonly Piece[],
  parityTrusted: boolean,
): Promise<void> {
  const { members } = context;
  const { row } = stripe;
  const range = hull(pieces);
  const written = [...new Set(pieces.map(({ slot }) => slot))];
  const parity = [row.p, row.q].filter((slot) => slot >= 0);
  const parityGone = new Set(parity.filter((slot) => !members.isPresent(slot)));
  const parityThere = parity.filter((slot) => !parityGone.has(slot));
  const partly = row.data.filter((slot) => !covers(pieces, slot, range));

  // Read-modify-write needs the old data and parity, reconstruct-write all data that is not written over.
  const forRmw =
    parityThere.length > 0 ? [...written, ...parityThere] : written.filter((slot) => partly.includes(slot));
  const rmwReads = readCost(context, stripe, forRmw, range);
  const rcwReads = readCost(context, stripe, partly, range);
  const rmw = parityTrusted && rcwReads > 0 && rmwReads < rcwReads;

  await bringUptodate(context, stripe, rmw ? forRmw : partly, range);
  const drains = pieces.map(
    (piece): PageOp => ({
      op: "drain",
      page: stripe.pages[piece.slot] as StripePage,
      pageOffset: piece.pageOffset,
      from: piece.memory,
      fromOffset: piece.memoryOffset,
      lengthBytes: piece.lengthBytes,
    }),
  );
  await run(
    context,
    stripe,
    rmw
      ? [
          ...addToParity(stripe, written, range, parityGone),
          ...drains,
          ...addToParity(stripe, written, range, parityGone),
        ]
      : [...drains, ...reconstruct(stripe, range, parityGone)],
  );
  const changed = [...written, ...parityThere];
  for (const slot of changed) setUptodate(stripe.pages[slot] as StripePage, range);
  await writeBlocks(context, stripe, changed, range);
}

/** Rebuilds the blocks of the members in `targets` from the others. */
export async function recoverStripe(
  context: StripeContext,
  stripe: StripeHead,
  targets: readonly number[],
): Promise<void> {
  const range = wholePage(stripe);
  await bringUptodate(context, stripe, targets, range);
  await writeBlocks(context, stripe, targets, range);
}

/**
 * Checks the parity of a stripe as it is on the members. With `repair`, parity that does not match is made anew from the data, as md does it.
 *
 * @returns the rows that do not match, as they were found
 */
export async function checkStripe(
  context: StripeContext,
  stripe: StripeHead,
  repair: boolean,
): Promise<readonly MismatchRow[]> {
  const { members } = context;
  const { row } = stripe;
  const range = wholePage(stripe);
  stripe.forget();
  const inSync = (slot: number): boolean => members.isInSync(slot, stripe.memberOffset + range.end);
  const unchecked = new Set([row.p, row.q].filter((slot) => slot >= 0 && !inSync(slot)));
  // A missing data block is computed from P (or else Q), which then has nothing more to tell.
  if (row.data.some((slot) => !inSync(slot))) unchecked.add(unchecked.has(row.p) ? row.q : row.p);
  const checked = [row.p, row.q].filter((slot) => slot >= 0 && !unchecked.has(slot));
  if (checked.length === 0) return [];

  await bringUptodate(context, stripe, [...row.data, ...checked], range);
  const result = new SumCheck();
  await run(context, stripe, checkParity(stripe, range, unchecked, result));
  if (result.flags === 0) return [];

  const rows: MismatchRow[] = [];
  for (let start = range.start; start < range.end; start += MISMATCH_ROW_BYTES) {
    const end = Math.min(start + MISMATCH_ROW_BYTES, range.end);
    await run(context, stripe, checkParity(stripe, { start, end }, unchecked, result));
    if (result.flags === 0) continue;
    rows.push({
      memberOffset: stripe.memberOffset + start,
      lengthBytes: end - start,
      pMismatch: row.q < 0 || result.pFailed,
      qMismatch: result.qFailed,
    });
  }
  if (repair) {
    await run(context, stripe, reconstruct(stripe, range, unchecked));
    await writeBlocks(context, stripe, checked, range);
  }
  return rows;
}

/** Makes P and Q anew from the data, without looking at what is there: the resync of an array whose parity was never right. */
export async function resyncStripe(context: StripeContext, stripe: StripeHead): Promise<void> {
  const { row } = stripe;
  const range = wholePage(stripe);
  const parity = [row.p, row.q].filter((slot) => slot >= 0 && context.members.isPresent(slot));
  const gone = new Set([row.p, row.q].filter((slot) => !parity.includes(slot)));
  await bringUptodate(context, stripe, row.data, range);
  await run(context, stripe, reconstruct(stripe, range, gone));
  for (const slot of parity) setUptodate(stripe.pages[slot] as StripePage, range);
  await writeBlocks(context, stripe, parity, range);
}

/**
 * Makes the blocks in `wanted` known: reads them, and computes those that can't be read from the others (`fetch_block`).
 * A block whose member reported a read error is written back with what it should hold; a member that doesn't take it fails.
 */
async function bringUptodate(
  context: StripeContext,
  stripe: StripeHead,
  wanted: readonly number[],
  range: ByteRange,
): Promise<void> {
  const { members } = context;
  const known = (slot: number): boolean => isUptodate(stripe.pages[slot] as StripePage, range);
  const unreadable = new Set<number>();
  const end = stripe.memberOffset + range.end;
  for (;;) {
    const missing = new Set(
      [...stripe.pages.keys()].filter(
        (slot) => !known(slot) && (unreadable.has(slot) || !members.isInSync(slot, end)),
      ),
    );
    const compute = new Set(wanted.filter((slot) => missing.has(slot)));
    const sources = compute.size === 0 ? [] : sourcesFor(stripe.row, missing, compute);
    if (sources === null) throw tooManyMissing(context, stripe, missing, unreadable);
    const reads = [...new Set([...wanted, ...sources])].filter((slot) => !missing.has(slot) && !known(slot));
    const failures = await readBlocks(context, stripe, reads, range);
    if (failures.length > 0) {
      // Whatever can't be read has to be computed like a missing one, from other blocks than planned.
      for (const slot of failures) unreadable.add(slot);
      continue;
    }
    if (compute.size > 0) {
      await run(context, stripe, computeBlocks(stripe, missing, compute, range));
      for (const slot of compute) setUptodate(stripe.pages[slot] as StripePage, range);
    }
    break;
  }
  if (!context.repairReadErrors) return;
  const repaired = [...unreadable].filter((slot) => known(slot) && members.isPresent(slot));
  if (repaired.length > 0) await writeBlocks(context, stripe, repaired, range);
}

/** Reads blocks side by side. Returns the slots of those that could not be read. */
async function readBlocks(
  { members }: StripeContext,
  stripe: StripeHead,
  slots: readonly number[],
  range: ByteRange,
): Promise<number[]> {
  const failures: number[] = [];
  await Promise.all(
    slots.map(async (slot) => {
      try {
        await members.readBlock(stripe, slot, range);
        setUptodate(stripe.pages[slot] as StripePage, range);
      } catch {
        failures.push(slot);
      }
    }),
  );
  return failures;
}

/** Writes blocks side by side to the members that are there. A member that doesn't take its block fails; the array must survive that. */
async function writeBlocks(
  { members }: StripeContext,
  stripe: StripeHead,
  slots: readonly number[],
  range: ByteRange,
): Promise<void> {
  await Promise.all(
    slots.map(async (slot) => {
      if (!members.isPresent(slot)) return;
      try {
        await members.writeBlock(stripe, slot, range);
      } catch {
        await members.fail(slot);
      }
    }),
  );
  members.checkAlive();
}

/** Runs a chain. If an engine fails, nobody knows any more what the pages hold. */
async function run({ offload }: StripeContext, stripe: StripeHead, chain: readonly PageOp[]): Promise<void> {
  try {
    await offload.run(chain);
  } catch (error) {
    stripe.forget();
    throw error;
  }
}

/** Blocks that have to be read. One that can't be costs more than all others together. */
function readCost(
  { members }: StripeContext,
  stripe: StripeHead,
  slots: readonly number[],
  range: ByteRange,
): number {
  let cost = 0;
  for (const slot of slots) {
    if (isUptodate(stripe.pages[slot] as StripePage, range)) continue;
    cost += members.isInSync(slot, stripe.memberOffset + range.end) ? 1 : 2 * stripe.pages.length;
  }
  return cost;
}

function wholePage(stripe: StripeHead): ByteRange {
  return { start: 0, end: stripe.stripeBytes };
}

/** The smallest range that has all pieces in it. Parity changes in no other. */
function hull(pieces: readonly Piece[]): ByteRange {
  return {
    start: Math.min(...pieces.map(({ pageOffset }) => pageOffset)),
    end: Math.max(...pieces.map(({ pageOffset, lengthBytes }) => pageOffset + lengthBytes)),
  };
}

/** Whether a piece writes over the whole range of this slot's page. (A request has one piece for each page.) */
function covers(pieces: readonly Piece[], slot: number, range: ByteRange): boolean {
  return pieces.some(
    (piece) =>
      piece.slot === slot &&
      piece.pageOffset <= range.start &&
      piece.pageOffset + piece.lengthBytes >= range.end,
  );
}

function tooManyMissing(
  { members }: StripeContext,
  stripe: StripeHead,
  missing: ReadonlySet<number>,
  unreadable: ReadonlySet<number>,
): RaidError {
  const slots = [...missing].map((slot) => {
    if (unreadable.has(slot)) return `${slot} (read error)`;
    return members.isPresent(slot) ? `${slot} (not rebuilt yet)` : `${slot} (missing)`;
  });
  return new RaidError(
    "ERR_RAID_FAILED",
    `the blocks at byte ${stripe.memberOffset} of slots ${slots.join(", ")} can't be read, which is more than parity can make up for`,
  );
}
