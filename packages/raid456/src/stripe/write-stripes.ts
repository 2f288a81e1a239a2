import { DmaDirection } from "@dmaengine/core";
import type { Block } from "../member/member-io.js";
import type { ByteRange, PageOp } from "../offload/page-op.js";
import type { Failures, StripeContext } from "./context.js";
import { fetchBlocks, type Wanted } from "./fetch-blocks.js";
import type { Piece } from "./piece.js";
import { overEngineFailures, runChains, type StripeChain, type StripeTask } from "./run-chains.js";
import { haveDifferentSlots, type Segment, segmentsOf } from "./segments.js";
import { storeBlocks } from "./store-blocks.js";
import type { StripeHead } from "./stripe-head.js";
import { isUptodate, NOTHING, type StripePage, setUptodate } from "./stripe-page.js";
import { addToParity, NO_SLOTS, reconstruct } from "./syndrome.js";

/** What is to be written to a stripe, at least one piece. Where pieces overlap, the later one stays. */
export interface StripeWrite extends StripeTask {
  readonly pieces: readonly Piece[];
}

/** Writes pieces of stripes and brings their parity up to date (`handle_stripe_dirtying` of drivers/md/raid5.c). */
export function writeStripes(context: StripeContext, writes: readonly StripeWrite[]): Promise<Failures> {
  return overEngineFailures(writes, (open, failures) => carryOut(context, open, failures));
}

async function carryOut(
  context: StripeContext,
  writes: readonly StripeWrite[],
  failures: Failures,
): Promise<void> {
  const { members } = context;
  if (members.stopped) {
    // A stripe may be in memory because it is nowhere else.
    for (const { stripe } of writes) failures.set(stripe, members.stoppedError());
    return;
  }
  const plans = writes.map((write) => new WritePlan(context, write));
  const wanted: Wanted[] = [];
  for (const plan of plans) plan.addWanted(wanted);
  if (wanted.length > 0) await fetchBlocks(context, wanted, failures);
  const going = failures.without(plans);
  try {
    await runChains(context, going, failures);
    const blocks: Block[] = [];
    for (const plan of failures.without(going)) plan.addChanged(blocks);
    await storeBlocks(context, blocks, failures);
  } finally {
    for (const { stripe } of going) stripe.giveBack();
  }
}

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

/** How a stripe is written. */
class WritePlan implements StripeChain {
  readonly stripe: StripeHead;
  readonly #context: StripeContext;
  readonly #pieces: readonly Piece[];
  readonly #segments: readonly SegmentPlan[];
  readonly #parityThere: readonly number[];
  readonly #parityGone: ReadonlySet<number>;
  #chain: readonly PageOp[] | null = null;

  constructor(context: StripeContext, { stripe, pieces }: StripeWrite) {
    this.#context = context;
    this.stripe = stripe;
    this.#pieces = pieces;
    const { parity } = stripe.row;
    const gone = parity.filter((slot) => context.members.member(slot) === null);
    this.#parityGone = gone.length === 0 ? NO_SLOTS : new Set(gone);
    this.#parityThere = gone.length === 0 ? parity : parity.filter((slot) => !gone.includes(slot));
    this.#segments = segmentsOf(pieces).map((segment) => this.#plan(segment));
  }

  /** Adds what has to be read first. */
  addWanted(wanted: Wanted[]): void {
    const { stripe } = this;
    for (const { fetch, range } of this.#segments) {
      if (fetch.length > 0) wanted.push({ stripe, slots: fetch, range });
    }
  }

  /** What is computed, when what had to be read is there. */
  get chain(): readonly PageOp[] {
    // Made when it is wanted, and not for all stripes of a run beforehand: the sums of the others would drive it out of the CPU's caches.
    this.#chain ??= this.#makeChain();
    return this.#chain;
  }

  /** Adds what has to be written to the members, now that it is computed. */
  addChanged(blocks: Block[]): void {
    const { stripe } = this;
    // Parity without a member is not made; what the cache had of it is not true any more.
    for (const slot of this.#parityGone) (stripe.pages[slot] as StripePage).valid = NOTHING;
    for (const { written, range } of this.#segments) {
      this.#addBlocks(written, range, blocks);
      this.#addBlocks(this.#parityThere, range, blocks);
    }
  }

  #addBlocks(slots: readonly number[], range: ByteRange, blocks: Block[]): void {
    const { stripe } = this;
    for (const slot of slots) {
      setUptodate(stripe.pages[slot] as StripePage, range);
      blocks.push({ stripe, slot, range });
    }
  }

  /** Has whole pages of the request, where nothing old is needed any more, stand in for the stripe's own: they are written, and parity is made, from where they are. */
  #borrowPages(): void {
    const { stripe } = this;
    if (this.#segments.some(({ rmw }) => rmw) || !haveDifferentSlots(this.#pieces)) return;
    for (const { slot, memory, memoryOffset, lengthBytes } of this.#pieces) {
      if (lengthBytes === stripe.stripeBytes)
        stripe.borrow(slot, memory, memoryOffset, DmaDirection.TO_DEVICE);
    }
  }

  /** Takes the old data out of parity where that is the way, puts the new data in, and makes parity. */
  #makeChain(): readonly PageOp[] {
    const { stripe } = this;
    if (this.#context.offload.pageMemory.takesRequests) this.#borrowPages();
    const gone = this.#parityGone;
    const before: PageOp[] = [];
    const after: PageOp[] = [];
    for (const { rmw, written, range } of this.#segments) {
      if (rmw) {
        // Adding is taking out, too.
        const ops = addToParity(stripe, written, range, gone);
        before.push(...ops);
        after.push(...ops);
      } else after.push(...reconstruct(stripe, range, gone));
    }
    for (const { slot, pageOffset, memory, memoryOffset, lengthBytes } of this.#pieces) {
      if (stripe.isBorrowed(slot)) continue;
      const page = stripe.pages[slot] as StripePage;
      before.push({ op: "drain", page, pageOffset, from: memory, fromOffset: memoryOffset, lengthBytes });
    }
    return before.length === 0 ? after : [...before, ...after];
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
