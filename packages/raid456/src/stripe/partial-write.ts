import { DmaDirection } from "@dmaengine/core";
import type { Block } from "../member/member-io.js";
import type { ByteRange, PageOp } from "../offload/page-op.js";
import type { StripeContext } from "./context.js";
import type { Wanted } from "./fetch-blocks.js";
import type { Piece } from "./piece.js";
import { haveDifferentSlots, type Segment, segmentsOf } from "./segments.js";
import { piecesIn, type Span } from "./span.js";
import type { StripeHead } from "./stripe-head.js";
import { isUptodate, type StripePage } from "./stripe-page.js";
import { addToParity, reconstruct } from "./syndrome.js";
import {
  addChangedBlocks,
  drainOf,
  forgetParity,
  parityWithoutMember,
  type WritePlan,
} from "./write-plan.js";

/** How a segment gets its parity. */
interface SegmentPlan {
  readonly range: ByteRange;
  /** Slots that are written in it. */
  readonly written: readonly number[];
  /** Read-modify-write: the change of the data is added to parity. Otherwise parity is made from all data. */
  readonly rmw: boolean;
  /** Blocks that have to be known first. */
  readonly fetch: readonly number[];
}

/** Pieces of a stripe are written, of one request or several. */
export class PartialWrite implements WritePlan {
  readonly stripe: StripeHead;
  readonly #context: StripeContext;
  readonly #pieces: readonly Piece[];
  readonly #segments: readonly SegmentPlan[];
  readonly #parityThere: readonly number[];
  readonly #parityGone: ReadonlySet<number>;
  #chain: readonly PageOp[] | null = null;

  constructor(context: StripeContext, stripe: StripeHead, requests: readonly Span[]) {
    this.#context = context;
    this.stripe = stripe;
    this.#pieces = piecesIn(context.geometry, stripe, requests);
    const { parity } = stripe.row;
    const gone = parityWithoutMember(stripe, context.members);
    this.#parityGone = gone;
    this.#parityThere = gone.size === 0 ? parity : parity.filter((slot) => !gone.has(slot));
    this.#segments = segmentsOf(this.#pieces).map((segment) => this.#plan(segment));
  }

  addWanted(wanted: Wanted[]): void {
    const { stripe } = this;
    for (const { fetch, range } of this.#segments) {
      if (fetch.length > 0) wanted.push({ stripe, slots: fetch, range });
    }
  }

  get chain(): readonly PageOp[] {
    this.#chain ??= this.#makeChain();
    return this.#chain;
  }

  addChanged(blocks: Block[]): void {
    const { stripe } = this;
    const gone = this.#parityGone;
    forgetParity(stripe, gone);
    for (const { written, range } of this.#segments) {
      addChangedBlocks(stripe, written, range, gone, blocks);
      addChangedBlocks(stripe, this.#parityThere, range, gone, blocks);
    }
  }

  /** Takes the old data out of parity where that is the way, puts the new data in, and makes parity. */
  #makeChain(): readonly PageOp[] {
    const { stripe } = this;
    if (this.#context.offload.pageMemory.takesRequests) this.#borrowPages();
    const gone = this.#parityGone;
    const chain: PageOp[] = [];
    // Adding to parity is taking out, too.
    const sums = this.#segments.map(({ rmw, written, range }) => {
      if (!rmw) return reconstruct(stripe, range, gone);
      const ops = addToParity(stripe, written, range, gone);
      chain.push(...ops);
      return ops;
    });
    for (const piece of this.#pieces) {
      if (!stripe.isBorrowed(piece.slot)) chain.push(drainOf(stripe, piece));
    }
    for (const ops of sums) chain.push(...ops);
    return chain;
  }

  /** Has whole pages of requests, where nothing old is needed any more, stand in for the stripe's own: they are written, and parity is made, from where they are. */
  #borrowPages(): void {
    const { stripe } = this;
    if (this.#segments.some(({ rmw }) => rmw) || !haveDifferentSlots(this.#pieces)) return;
    for (const { slot, memory, memoryOffset, lengthBytes } of this.#pieces) {
      if (lengthBytes === stripe.stripeBytes)
        stripe.borrow(slot, memory, memoryOffset, DmaDirection.TO_DEVICE);
    }
  }

  #plan({ written, covered, range }: Segment): SegmentPlan {
    const { stripe } = this;
    const context = this.#context;
    const { counters } = context;
    // Reconstruct-write needs all data that is not written over …
    const forRcw = stripe.row.data.filter((slot) => !covered.includes(slot));
    if (forRcw.length === 0) {
      counters.fullWrites += 1;
      return { range, written, rmw: false, fetch: forRcw };
    }
    // … read-modify-write the old data and parity. Without any parity there is only old data around the new to be kept.
    const forRmw =
      this.#parityThere.length > 0
        ? [...written, ...this.#parityThere]
        : written.filter((slot) => !covered.includes(slot));
    const rmw =
      context.parityTrusted(stripe) &&
      readCost(context, stripe, forRmw, range) < readCost(context, stripe, forRcw, range);
    if (rmw) counters.readModifyWrites += 1;
    else counters.reconstructWrites += 1;
    return { range, written, rmw, fetch: rmw ? forRmw : forRcw };
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
