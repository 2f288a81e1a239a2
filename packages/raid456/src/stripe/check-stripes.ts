import { SumCheck } from "@dmaengine/core";
import type { Block } from "../member/member-io.js";
import type { ByteRange, PageOp } from "../offload/page-op.js";
import { type Failures, type StripeContext, throwFirst } from "./context.js";
import { fetchBlocks, type Wanted } from "./fetch-blocks.js";
import { locateWrongBlock } from "./locate.js";
import { overEngineFailures, runChains, type StripeChain } from "./run-chains.js";
import { storeBlocks } from "./store-blocks.js";
import type { StripeHead } from "./stripe-head.js";
import { checkParity, NO_SLOTS, Recovery, reconstruct } from "./syndrome.js";

/** The unit in which md counts mismatches: a block of 4 KiB on each member (`RAID5_STRIPE_SIZE`). */
const MISMATCH_ROW_BYTES = 4096;

/** A row of blocks whose parity does not match its data. */
export interface MismatchRow {
  /** Offset of the row within the members' data, in bytes. */
  readonly memberOffset: number;
  /** Length of the row on each member, in bytes. */
  readonly lengthBytes: number;
  readonly pMismatch: boolean;
  readonly qMismatch: boolean;
  /**
   * Slot of the one block that explains the mismatch if it is wrong. Null if no single block does, and where only one syndrome is left to ask: on
   * RAID-4 and 5, and with a member missing.
   */
  readonly wrongSlot: number | null;
  /** Whether it was written anew, parity or the wrong block, as asked. */
  readonly repaired: boolean;
}

/**
 * What is done where parity does not match the data:
 * - `none`: it is reported.
 * - `parity`: P and Q are made anew from the data, as md does. If a data block is wrong, it stays wrong, and nobody can find out any more.
 * - `located`: the wrong block, if one explains the mismatch, is computed anew from the others. Anything else is left alone.
 */
export type MismatchRepair = "none" | "parity" | "located";

/**
 * Checks the parity of stripes as it is on the members.
 *
 * @returns the rows that do not match, as they were found
 */
export async function checkStripes(
  context: StripeContext,
  stripes: readonly StripeHead[],
  repair: MismatchRepair,
): Promise<readonly MismatchRow[]> {
  const found: MismatchRow[] = [];
  const checks = stripes
    .map((stripe) => new StripeCheck(context, stripe))
    .filter(({ checked }) => checked.length > 0);
  const failures = await overEngineFailures(checks, async (open, failed) => {
    for (const { stripe } of open) stripe.forget();
    await fetchBlocks(context, open, failed);
    const fetched = failed.without(open);
    await runChains(context, fetched, failed);
    for (const check of fetched) {
      if (failed.has(check.stripe) || check.result.flags === 0) continue;
      const rows = await check.mismatches(failed);
      found.push(...(await check.repair(rows, repair, failed)));
    }
  });
  throwFirst(failures);
  return found;
}

/** The check of one stripe. */
class StripeCheck implements Wanted, StripeChain {
  readonly stripe: StripeHead;
  /** Parity that can be checked. */
  readonly checked: readonly number[];
  /** What has to be known for that. */
  readonly slots: readonly number[];
  readonly result = new SumCheck();
  readonly #context: StripeContext;
  readonly #unchecked: ReadonlySet<number>;

  constructor(context: StripeContext, stripe: StripeHead) {
    const { row } = stripe;
    this.#context = context;
    this.stripe = stripe;
    const unchecked = uncheckedParity(context, stripe);
    this.#unchecked = unchecked;
    const isWhole = unchecked.size === 0;
    this.checked = isWhole ? row.parity : row.parity.filter((slot) => !unchecked.has(slot));
    this.slots = isWhole ? row.slots : [...row.data, ...this.checked];
  }

  get range(): ByteRange {
    return this.stripe.wholePage;
  }

  get chain(): readonly PageOp[] {
    return checkParity(this.stripe, this.range, this.#unchecked, this.result);
  }

  /** Looks at a stripe that does not match row by row. */
  async mismatches(failures: Failures): Promise<readonly MismatchRow[]> {
    const { stripe } = this;
    const rows: MismatchRow[] = [];
    const result = new SumCheck();
    for (let start = 0; start < this.range.end; start += MISMATCH_ROW_BYTES) {
      const range = { start, end: start + MISMATCH_ROW_BYTES };
      const chain = checkParity(stripe, range, this.#unchecked, result);
      await runChains(this.#context, [{ stripe, chain }], failures);
      if (failures.has(stripe)) return [];
      if (result.flags === 0) continue;
      rows.push({
        memberOffset: stripe.memberOffset + start,
        lengthBytes: MISMATCH_ROW_BYTES,
        pMismatch: stripe.row.q < 0 || result.pFailed,
        qMismatch: result.qFailed,
        wrongSlot: this.checked.length === 2 ? locateWrongBlock(stripe, range) : null,
        repaired: false,
      });
    }
    return rows;
  }

  /** Repairs rows that don't match, as asked. */
  async repair(
    rows: readonly MismatchRow[],
    how: MismatchRepair,
    failures: Failures,
  ): Promise<readonly MismatchRow[]> {
    const { stripe } = this;
    const chain: PageOp[] = [];
    const blocks: Block[] = [];
    const outcome = rows.map((row): MismatchRow => {
      const wrong = how === "parity" ? this.checked : how === "located" ? slotsOf(row.wrongSlot) : [];
      const start = row.memberOffset - stripe.memberOffset;
      const range = { start, end: start + row.lengthBytes };
      chain.push(...this.#makeAnew(wrong, how, range));
      blocks.push(...wrong.map((slot) => stripe.block(slot, range)));
      return { ...row, repaired: wrong.length > 0 };
    });
    await runChains(this.#context, [{ stripe, chain }], failures);
    if (failures.has(stripe)) return [];
    await storeBlocks(this.#context, blocks, failures);
    return outcome;
  }

  #makeAnew(wrong: readonly number[], how: MismatchRepair, range: ByteRange): PageOp[] {
    if (wrong.length === 0) return [];
    if (how === "parity") return reconstruct(this.stripe, range, this.#unchecked);
    return new Recovery(this.stripe.row, wrong, wrong).chain(this.stripe, range);
  }
}

/** Slots of parity that can't be checked, because of what is missing. */
function uncheckedParity(
  { members }: StripeContext,
  { row, memberOffset, stripeBytes }: StripeHead,
): ReadonlySet<number> {
  const missing = (slot: number): boolean => !members.isInSync(slot, memberOffset + stripeBytes);
  if (!row.slots.some(missing)) return NO_SLOTS;
  const unchecked = new Set(row.parity.filter(missing));
  // A missing data block is computed from P (or else Q), which then has nothing more to tell.
  if (row.data.some(missing)) unchecked.add(unchecked.has(row.p) ? row.q : row.p);
  return unchecked;
}

function slotsOf(wrongSlot: number | null): readonly number[] {
  return wrongSlot === null ? [] : [wrongSlot];
}
