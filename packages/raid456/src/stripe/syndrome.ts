/**
 * The arithmetic of a stripe, as chains of page operations: parity of all data, blocks from the others, parity brought up to date, checks
 * (H. Peter Anvin, "The mathematics of RAID-6"; `raid_run_ops` of drivers/md/raid5.c).
 *
 * Every missing block is a linear combination of blocks that are there. So one `xor`, or one `pq` with the right coefficients
 * and P left out, gives each of them; the original's three-step recovery with its scratch pages is not needed.
 *
 * @module
 */

import { gfExp, gfInv, gfMul, type SumCheck } from "@dmaengine/core";
import type { StripeRow } from "../layout.js";
import type { ByteRange, PageOp } from "../offload/page-op.js";
import type { StripePage } from "./stripe-page.js";

/** The pages of one stripe, by slot, and how they are arranged. */
export interface StripePages {
  readonly row: StripeRow;
  readonly pages: readonly StripePage[];
}

/** An empty set, made once: it is wanted for almost every stripe. */
export const NO_SLOTS: ReadonlySet<number> = new Set();

/** P, and Q where there is one, from all data ("reconstruct", rcw). Parity in slots of `leaveOut` is not written. */
export function reconstruct(
  stripe: StripePages,
  range: ByteRange,
  leaveOut: ReadonlySet<number> = NO_SLOTS,
): PageOp[] {
  const { data, coefs } = stripe.row;
  return parityOp(stripe, pagesOf(stripe, data), coefs, range, leaveOut, false);
}

/**
 * Adds the blocks in `slots` to P and Q: once before the new data is drained in ("prexor") and once after, that is a read-modify-write.
 */
export function addToParity(
  stripe: StripePages,
  slots: readonly number[],
  range: ByteRange,
  leaveOut: ReadonlySet<number>,
): PageOp[] {
  const { row } = stripe;
  const coefs = slots.map((slot) => row.coefs[row.data.indexOf(slot)] as number);
  return parityOp(stripe, pagesOf(stripe, slots), coefs, range, leaveOut, true);
}

function parityOp(
  { row, pages }: StripePages,
  srcs: readonly StripePage[],
  coefs: readonly number[],
  range: ByteRange,
  leaveOut: ReadonlySet<number>,
  goOn: boolean,
): PageOp[] {
  const p = leaveOut.has(row.p) ? null : (pages[row.p] as StripePage);
  const q = row.q < 0 || leaveOut.has(row.q) ? null : (pages[row.q] as StripePage);
  if (q !== null) return [{ op: "pq", p, q, srcs, coefs, range, goOn }];
  return p === null ? [] : [{ op: "xor", dst: p, srcs: goOn ? [p, ...srcs] : srcs, range }];
}

/** A sum of blocks, by slots. Without coefficients it is their XOR. */
interface Sum {
  readonly dst: number;
  readonly srcs: readonly number[];
  readonly coefs: readonly number[] | null;
}

/** How missing blocks of a row are computed: the same for each of its stripes. */
export class Recovery {
  /** Blocks that are computed, a part of … */
  readonly wanted: readonly number[];
  /** … those that are missing. */
  readonly missing: readonly number[];
  /** Blocks that it takes; null if too many are missing. */
  readonly sources: readonly number[] | null;
  /** Data blocks, in order: each may be a source of what is computed behind it. */
  readonly #sums: readonly Sum[];
  /** Whether parity is computed then, and which of it is not. */
  readonly #parityWanted: boolean;
  readonly #parityLeftOut: ReadonlySet<number>;

  constructor(row: StripeRow, missing: readonly number[], wanted: readonly number[]) {
    this.missing = missing;
    this.wanted = wanted;
    this.#parityWanted = row.parity.some((slot) => wanted.includes(slot));
    this.#parityLeftOut = new Set(row.parity.filter((slot) => !wanted.includes(slot)));
    const kept = row.data.filter((slot) => !missing.includes(slot));
    const lost = row.data.filter((slot) => missing.includes(slot));
    const parity = row.parity.filter((slot) => !missing.includes(slot));
    if (lost.length > parity.length) {
      this.sources = null;
      this.#sums = [];
      return;
    }
    this.sources = [...kept, ...parity.slice(0, lost.length)];
    const [first, second] = lost;
    if (first === undefined) this.#sums = [];
    else if (second !== undefined) this.#sums = twoDataBlocks(row, first, second, kept);
    else this.#sums = [oneDataBlock(row, first, kept, missing.includes(row.p))];
  }

  /** The computation, in a stripe whose {@link sources} are up to date. */
  chain(stripe: StripePages, range: ByteRange): PageOp[] {
    const chain = this.#sums.map(({ dst: slot, srcs: slots, coefs }): PageOp => {
      const dst = stripe.pages[slot] as StripePage;
      const srcs = pagesOf(stripe, slots);
      if (coefs === null) return { op: "xor", dst, srcs, range };
      return { op: "pq", p: null, q: dst, srcs, coefs, range, goOn: false };
    });
    if (this.#parityWanted) chain.push(...reconstruct(stripe, range, this.#parityLeftOut));
    return chain;
  }
}

/**
 * Here and below, `x` and `y` are the exponents of missing data blocks; P* and Q* are the sums without them.
 *
 * D_x = P + the other data; without P: D_x = g^-x (Q + Q*).
 */
function oneDataBlock(row: StripeRow, lost: number, kept: readonly number[], withoutP: boolean): Sum {
  if (!withoutP) return { dst: lost, srcs: [...kept, row.p], coefs: null };
  const x = exponentOf(row, lost);
  const coefs = kept.map((slot) => gfExp(exponentOf(row, slot) - x));
  return { dst: lost, srcs: [...kept, row.q], coefs: [...coefs, gfExp(-x)] };
}

/**
 * D_y = A (P + P*) + B (Q + Q*) with A = 1 / (g^(y-x) + 1) and B = 1 / (g^x + g^y); then D_x = P + the other data.
 */
function twoDataBlocks(row: StripeRow, slotX: number, slotY: number, kept: readonly number[]): Sum[] {
  const x = exponentOf(row, slotX);
  const y = exponentOf(row, slotY);
  const a = gfInv(gfExp(y - x) ^ 1);
  const b = gfInv(gfExp(x) ^ gfExp(y));
  const coefs = kept.map((slot) => a ^ gfMul(b, gfExp(exponentOf(row, slot))));
  return [
    { dst: slotY, srcs: [...kept, row.p, row.q], coefs: [...coefs, a, b] },
    { dst: slotX, srcs: [...kept, row.p, slotY], coefs: null },
  ];
}

/** Checks P, and Q where there is one, against all data. Parity in slots of `leaveOut` is not checked. */
export function checkParity(
  stripe: StripePages,
  range: ByteRange,
  leaveOut: ReadonlySet<number>,
  result: SumCheck,
): PageOp[] {
  const { row, pages } = stripe;
  const srcs = pagesOf(stripe, row.data);
  const p = leaveOut.has(row.p) ? null : (pages[row.p] as StripePage);
  const q = row.q < 0 || leaveOut.has(row.q) ? null : (pages[row.q] as StripePage);
  if (q !== null) return [{ op: "pqVal", p, q, srcs, coefs: row.coefs, range, result }];
  return p === null ? [] : [{ op: "xorVal", srcs: [p, ...srcs], range, result }];
}

function exponentOf(row: StripeRow, slot: number): number {
  return row.exponents[row.data.indexOf(slot)] as number;
}

function pagesOf({ pages }: StripePages, slots: readonly number[]): readonly StripePage[] {
  return slots.map((slot) => pages[slot] as StripePage);
}
