import { DmaDirection } from "@dmaengine/core";
import type { Block } from "../member/member-io.js";
import type { ByteRange, PageOp } from "../offload/page-op.js";
import type { Failures, StripeContext } from "./context.js";
import { fetchBlocks } from "./fetch-blocks.js";
import type { Piece } from "./piece.js";
import { overEngineFailures, runChains, type StripeTask } from "./run-chains.js";
import { type Segment, segmentsOf } from "./segments.js";
import { storeBlocks } from "./store-blocks.js";
import type { StripeHead } from "./stripe-head.js";
import { isUptodate, NOTHING, type StripePage, setUptodate } from "./stripe-page.js";
import { addToParity, reconstruct } from "./syndrome.js";

/** What is to be written to a stripe, at least one piece. Where pieces overlap, the later one stays. */
export interface StripeWrite extends StripeTask {
  readonly pieces: readonly Piece[];
}

/** Writes pieces of stripes and brings their parity up to date (`handle_stripe_dirtying` of drivers/md/raid5.c). */
export function writeStripes(context: StripeContext, writes: readonly StripeWrite[]): Promise<Failures> {
  const { members } = context;
  return overEngineFailures(writes, async (open, failures) => {
    if (members.stopped) {
      // A stripe may be in memory because it is nowhere else.
      for (const { stripe } of open) failures.set(stripe, members.stoppedError());
      return;
    }
    try {
      await carryOut(
        context,
        open.map((write) => new WritePlan(context, write)),
        failures,
      );
    } finally {
      for (const { stripe } of open) stripe.giveBack();
    }
  });
}

async function carryOut(
  context: StripeContext,
  plans: readonly WritePlan[],
  failures: Failures,
): Promise<void> {
  await fetchBlocks(
    context,
    plans.flatMap((plan) => plan.wanted()),
    failures,
  );
  const going = plans.filter(({ stripe }) => !failures.has(stripe));
  if (context.offload.pageMemory.takesRequests) for (const plan of going) plan.borrowPages();
  await runChains(
    context,
    going.map((plan) => ({ stripe: plan.stripe, chain: plan.chain() })),
    failures,
  );
  const computed = going.filter(({ stripe }) => !failures.has(stripe));
  const blocks = computed.flatMap((plan) => plan.changed());
  for (const plan of computed) plan.forgetMissingParity();
  for (const { stripe, slot, range } of blocks) setUptodate(stripe.pages[slot] as StripePage, range);
  await storeBlocks(context, blocks, failures);
}

/** How a segment gets its parity. */
interface SegmentPlan extends Segment {
  /** Read-modify-write: the change of the data is added to parity. Otherwise parity is made from all data. */
  readonly rmw: boolean;
  /** Blocks that have to be known first. */
  readonly fetch: readonly number[];
}

/** How a stripe is written. */
class WritePlan {
  readonly stripe: StripeHead;
  readonly #pieces: readonly Piece[];
  readonly #segments: readonly SegmentPlan[];
  readonly #parityThere: readonly number[];
  readonly #parityGone: ReadonlySet<number>;

  constructor(context: StripeContext, { stripe, pieces }: StripeWrite) {
    this.stripe = stripe;
    this.#pieces = pieces;
    const parity = [stripe.row.p, stripe.row.q].filter((slot) => slot >= 0);
    this.#parityThere = parity.filter((slot) => context.members.member(slot) !== null);
    this.#parityGone = new Set(parity.filter((slot) => !this.#parityThere.includes(slot)));
    this.#segments = segmentsOf(pieces).map((segment) => this.#plan(context, segment));
  }

  /** What has to be read first. */
  wanted(): { stripe: StripeHead; slots: readonly number[]; range: ByteRange }[] {
    return this.#segments.map(({ fetch, range }) => ({ stripe: this.stripe, slots: fetch, range }));
  }

  /** Whole pages that nothing old is needed of any more are written, and parity made, from where they are. */
  borrowPages(): void {
    const { stripe } = this;
    if (this.#segments.some(({ rmw }) => rmw)) return;
    const slots = new Set<number>();
    for (const { slot } of this.#pieces) {
      if (slots.has(slot)) return;
      slots.add(slot);
    }
    for (const { slot, memory, memoryOffset, lengthBytes } of this.#pieces) {
      if (lengthBytes === stripe.stripeBytes)
        stripe.borrow(slot, memory, memoryOffset, DmaDirection.TO_DEVICE);
    }
  }

  /** Takes the old data out of parity where that is the way, puts the new data in, and makes parity. */
  chain(): PageOp[] {
    const { stripe } = this;
    const gone = this.#parityGone;
    const chain: PageOp[] = [];
    for (const { rmw, written, range } of this.#segments) {
      if (rmw) chain.push(...addToParity(stripe, written, range, gone));
    }
    for (const { slot, pageOffset, memory, memoryOffset, lengthBytes } of this.#pieces) {
      if (stripe.isBorrowed(slot)) continue;
      const page = stripe.pages[slot] as StripePage;
      chain.push({ op: "drain", page, pageOffset, from: memory, fromOffset: memoryOffset, lengthBytes });
    }
    for (const { rmw, written, range } of this.#segments) {
      chain.push(...(rmw ? addToParity(stripe, written, range, gone) : reconstruct(stripe, range, gone)));
    }
    return chain;
  }

  /** Parity without a member is not made; what the cache had of it is not true any more. */
  forgetMissingParity(): void {
    for (const slot of this.#parityGone) (this.stripe.pages[slot] as StripePage).valid = NOTHING;
  }

  /** What has to be written to the members then. */
  changed(): Block[] {
    return this.#segments.flatMap(({ written, range }) =>
      [...written, ...this.#parityThere].map((slot) => ({ stripe: this.stripe, slot, range })),
    );
  }

  #plan(context: StripeContext, segment: Segment): SegmentPlan {
    const { stripe } = this;
    const { written, covered, range } = segment;
    const { counters } = context;
    // Reconstruct-write needs all data that is not written over …
    const forRcw = stripe.row.data.filter((slot) => !covered.includes(slot));
    // … read-modify-write the old data and parity. Without any parity there is only old data around the new to be kept.
    const forRmw =
      this.#parityThere.length > 0
        ? [...written, ...this.#parityThere]
        : written.filter((slot) => !covered.includes(slot));
    if (forRcw.length === 0) {
      counters.fullWrites += 1;
      return { ...segment, rmw: false, fetch: forRcw };
    }
    const rmw =
      context.parityTrusted(stripe) &&
      readCost(context, stripe, forRmw, range) < readCost(context, stripe, forRcw, range);
    if (rmw) counters.readModifyWrites += 1;
    else counters.reconstructWrites += 1;
    return { ...segment, rmw, fetch: rmw ? forRmw : forRcw };
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
