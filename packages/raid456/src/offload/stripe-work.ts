/**
 * What there is to do with stripes, and the page operations that it takes: what a plan is made for.
 *
 * @module
 */

import { SumCheck } from "@dmaengine/core";
import type { Geometry } from "../geometry.js";
import { NOTHING, type StripePage } from "../stripe/stripe-page.js";
import { addToParity, checkParity, Recovery, reconstruct } from "../stripe/syndrome.js";
import type { PageOp } from "./page-op.js";

/** The work of a stripe, by the names that drivers/md/raid5.c has for it (`STRIPE_OP_…`), in words. */
export const STRIPE_WORK = {
  fill: "fill a read",
  computeOne: "compute one block",
  computeTwo: "compute two blocks",
  prexor: "add to parity",
  drain: "drain a write",
  reconstruct: "reconstruct parity",
  checkP: "check P",
  checkPq: "check P and Q",
} as const;
export type StripeWork = keyof typeof STRIPE_WORK;

/** Work that makes sums; the rest copies or checks. */
export const SUM_WORK: readonly StripeWork[] = ["computeOne", "computeTwo", "prexor", "reconstruct"];

/**
 * Every page operation that an array of this geometry takes, by the work that it is for: on pages without content, and on whole pages. The chains are
 * those that stripes of this array run, so they have its numbers of sources and its coefficients.
 */
export function workOf(geometry: Geometry, pageBytes: number): ReadonlyMap<StripeWork, readonly PageOp[]> {
  const { raidDisks, level } = geometry;
  const row = geometry.row(0);
  const pages = Array.from(
    { length: raidDisks },
    (): StripePage => ({ bytes: new Uint8Array(0), mapping: null, valid: NOTHING }),
  );
  const stripe = { row, pages };
  const range = { start: 0, end: pageBytes };
  const request = { from: new Uint8Array(0), into: new Uint8Array(0) };
  const copy = { page: pages[0] as StripePage, pageOffset: 0, lengthBytes: pageBytes };
  const without = (...missing: number[]): PageOp[] =>
    new Recovery(row, missing, missing).chain(stripe, range);
  const slots = pages.map((_, slot) => slot);
  const all = new Set<number>();
  const check = (leaveOut: ReadonlySet<number>): PageOp[] =>
    checkParity(stripe, range, leaveOut, new SumCheck());

  const work = new Map<StripeWork, readonly PageOp[]>([
    ["fill", [{ op: "fill", ...copy, into: request.into, intoOffset: 0 }]],
    ["computeOne", slots.flatMap((slot) => without(slot))],
    ["prexor", addToParity(stripe, row.data, range, all)],
    ["drain", [{ op: "drain", ...copy, from: request.from, fromOffset: 0 }]],
    ["reconstruct", reconstruct(stripe, range, all)],
    ["checkP", check(new Set([row.q]))],
  ]);
  if (level !== 6) return work;
  // With P, with Q, and with a data block: the other one may be any.
  const ones = [row.p, row.q, row.data[0] as number];
  work.set(
    "computeTwo",
    ones.flatMap((one) => slots.filter((other) => other !== one).flatMap((other) => without(one, other))),
  );
  work.set("checkPq", [...check(all), ...check(new Set([row.p]))]);
  return work;
}
