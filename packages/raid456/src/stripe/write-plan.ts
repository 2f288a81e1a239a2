import type { Block } from "../member/member-io.js";
import type { Members } from "../members.js";
import type { ByteRange, DrainOp } from "../offload/page-op.js";
import type { Wanted } from "./fetch-blocks.js";
import type { Piece } from "./piece.js";
import type { StripeChain } from "./run-chains.js";
import type { StripeHead } from "./stripe-head.js";
import { NOTHING, type StripePage, setUptodate } from "./stripe-page.js";
import { NO_SLOTS } from "./syndrome.js";

/**
 * How a stripe is written. The chain, what is computed when what had to be read is there, is made when it is asked for, and not for all stripes
 * of a run beforehand: the sums of the others would drive it out of the CPU's caches.
 */
export interface WritePlan extends StripeChain {
  /** Adds what has to be read first. */
  addWanted(wanted: Wanted[]): void;
  /** Adds what has to be written to the members, now that it is computed. */
  addChanged(blocks: Block[]): void;
}

/** Which parity of a stripe has no member: it is not made. */
export function parityWithoutMember({ row: { parity } }: StripeHead, members: Members): ReadonlySet<number> {
  let gone: Set<number> | null = null;
  for (let i = 0; i < parity.length; i++) {
    const slot = parity[i] as number;
    if (members.member(slot) !== null) continue;
    gone ??= new Set();
    gone.add(slot);
  }
  return gone ?? NO_SLOTS;
}

/** What the cache had of parity that is not made is not true any more. */
export function forgetParity(stripe: StripeHead, gone: ReadonlySet<number>): void {
  if (gone.size === 0) return;
  for (const slot of gone) (stripe.pages[slot] as StripePage).valid = NOTHING;
}

/** Adds blocks that hold something new, but for those in slots of `gone`. */
export function addChangedBlocks(
  stripe: StripeHead,
  slots: readonly number[],
  range: ByteRange,
  gone: ReadonlySet<number>,
  blocks: Block[],
): void {
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] as number;
    if (gone.has(slot)) continue;
    setUptodate(stripe.pages[slot] as StripePage, range);
    blocks.push(stripe.block(slot, range));
  }
}

/** Copies a piece into the stripe. */
export function drainOf(
  stripe: StripeHead,
  { slot, pageOffset, memory, memoryOffset, lengthBytes }: Piece,
): DrainOp {
  const page = stripe.pages[slot] as StripePage;
  return { op: "drain", page, pageOffset, from: memory, fromOffset: memoryOffset, lengthBytes };
}
