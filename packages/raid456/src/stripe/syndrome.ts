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

/** P, and Q where there is one, from all data ("reconstruct", rcw). Parity in slots of `leaveOut` is not written. */
export function reconstruct(stripe: StripePages, range: ByteRange, leaveOut: ReadonlySet<number>): PageOp[] {
  const { row } = stripe;
  return parityOp(stripe, row.data, range, leaveOut, false);
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
  return parityOp(stripe, slots, range, leaveOut, true);
}

function parityOp(
  { row, pages }: StripePages,
  slots: readonly number[],
  range: ByteRange,
  leaveOut: ReadonlySet<number>,
  goOn: boolean,
): PageOp[] {
  const srcs = slots.map((slot) => page(pages, slot));
  const p = leaveOut.has(row.p) ? null : page(pages, row.p);
  const q = row.q < 0 || leaveOut.has(row.q) ? null : page(pages, row.q);
  if (q !== null) {
    const coefs = slots.map((slot) => gfExp(exponentOf(row, slot)));
    return [{ op: "pq", p, q, srcs, coefs, range, goOn }];
  }
  return p === null ? [] : [{ op: "xor", dst: p, srcs: goOn ? [p, ...srcs] : srcs, range }];
}

/**
 * The blocks that {@link computeBlocks} needs to compute `wanted`, or null if they can't be computed because too many are missing.
 * `wanted` is a part of `missing`.
 */
export function sourcesFor(
  row: StripeRow,
  missing: ReadonlySet<number>,
  wanted: ReadonlySet<number>,
): number[] | null {
  const kept = row.data.filter((slot) => !missing.has(slot));
  const lost = row.data.length - kept.length;
  const parity = [row.p, row.q].filter((slot) => slot >= 0 && !missing.has(slot));
  if (lost > parity.length) return null;
  // Only parity is wanted, and all data is there.
  if (wanted.size === 0 || lost === 0) return kept;
  return [...kept, ...parity.slice(0, lost)];
}

/**
 * Computes the blocks in `wanted`, a part of `missing`, from what {@link sourcesFor} names, which must be up to date.
 * `x` and `y` are the exponents of missing data blocks; P* and Q* are the sums without them.
 */
export function computeBlocks(
  stripe: StripePages,
  missing: ReadonlySet<number>,
  wanted: ReadonlySet<number>,
  range: ByteRange,
): PageOp[] {
  const { row } = stripe;
  const kept = row.data.filter((slot) => !missing.has(slot));
  const [first, second] = row.data.filter((slot) => missing.has(slot));
  const chain: PageOp[] = [];
  if (first !== undefined && second !== undefined) {
    chain.push(...twoDataBlocks(stripe, first, second, kept, range));
  } else if (first !== undefined) {
    chain.push(oneDataBlock(stripe, first, kept, missing.has(row.p), range));
  }
  const unwantedParity = new Set([row.p, row.q].filter((slot) => !wanted.has(slot)));
  chain.push(...reconstruct(stripe, range, unwantedParity));
  return chain;
}

/** D_x = P + the other data; without P: D_x = g^-x (Q + Q*). */
function oneDataBlock(
  { row, pages }: StripePages,
  lost: number,
  kept: readonly number[],
  withoutP: boolean,
  range: ByteRange,
): PageOp {
  const dst = page(pages, lost);
  if (!withoutP) return { op: "xor", dst, srcs: [...kept, row.p].map((slot) => page(pages, slot)), range };
  const x = exponentOf(row, lost);
  return combination(
    dst,
    [
      ...kept.map((slot): Term => [page(pages, slot), gfExp(exponentOf(row, slot) - x)]),
      [page(pages, row.q), gfExp(-x)],
    ],
    range,
  );
}

/**
 * D_y = A (P + P*) + B (Q + Q*) with A = 1 / (g^(y-x) + 1) and B = 1 / (g^x + g^y); then D_x = P + the other data.
 */
function twoDataBlocks(
  { row, pages }: StripePages,
  slotX: number,
  slotY: number,
  kept: readonly number[],
  range: ByteRange,
): PageOp[] {
  const x = exponentOf(row, slotX);
  const y = exponentOf(row, slotY);
  const a = gfInv(gfExp(y - x) ^ 1);
  const b = gfInv(gfExp(x) ^ gfExp(y));
  const p = page(pages, row.p);
  const dX = page(pages, slotX);
  const dY = page(pages, slotY);
  const survivors = kept.map((slot) => page(pages, slot));
  return [
    combination(
      dY,
      [
        ...kept.map((slot): Term => [page(pages, slot), a ^ gfMul(b, gfExp(exponentOf(row, slot)))]),
        [p, a],
        [page(pages, row.q), b],
      ],
      range,
    ),
    { op: "xor", dst: dX, srcs: [...survivors, p, dY], range },
  ];
}

type Term = readonly [block: StripePage, coefficient: number];

/** `dst = Σ coefficient * block`. */
function combination(dst: StripePage, terms: readonly Term[], range: ByteRange): PageOp {
  return {
    op: "pq",
    p: null,
    q: dst,
    srcs: terms.map(([block]) => block),
    coefs: terms.map(([, coefficient]) => coefficient),
    range,
    goOn: false,
  };
}

/** Checks P, and Q where there is one, against all data. Parity in slots of `leaveOut` is not checked. */
export function checkParity(
  { row, pages }: StripePages,
  range: ByteRange,
  leaveOut: ReadonlySet<number>,
  result: SumCheck,
): PageOp[] {
  const srcs = row.data.map((slot) => page(pages, slot));
  const p = leaveOut.has(row.p) ? null : page(pages, row.p);
  const q = row.q < 0 || leaveOut.has(row.q) ? null : page(pages, row.q);
  if (q !== null) {
    const coefs = row.exponents.map((exponent) => gfExp(exponent));
    return [{ op: "pqVal", p, q, srcs, coefs, range, result }];
  }
  return p === null ? [] : [{ op: "xorVal", srcs: [p, ...srcs], range, result }];
}

function exponentOf(row: StripeRow, slot: number): number {
  return row.exponents[row.data.indexOf(slot)] as number;
}

function page(pages: readonly StripePage[], slot: number): StripePage {
  return pages[slot] as StripePage;
}
