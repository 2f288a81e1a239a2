import type { Block } from "../member/member-io.js";
import type { ByteRange } from "../offload/page-op.js";
import type { Failures, StripeContext } from "./context.js";
import type { StripeHead } from "./stripe-head.js";
import { isUptodate, type StripePage } from "./stripe-page.js";

/**
 * Writes blocks to their members. If the array stops in the middle of it, the stripe stays in memory for good: what can't be read, because its member
 * is gone, has to be computed from blocks that belong together, and those on the members don't any more.
 */
export async function storeBlocks(
  context: StripeContext,
  blocks: readonly Block[],
  failures: Failures,
): Promise<void> {
  const { members, io, cache } = context;
  if (members.stopped) {
    // Nothing was written yet, so the members still hold what belongs together.
    for (const { stripe } of blocks) {
      stripe.forget();
      failures.set(stripe, members.stoppedError());
    }
    return;
  }
  const unwritten = await io.writeBlocks(blocks);
  if (unwritten.length === 0) return;
  for (const stripe of new Set(unwritten.map((block) => block.stripe))) {
    failures.set(stripe, members.stoppedError());
    stripe.giveBack(true);
    await completePages(
      context,
      stripe,
      blocks.filter((block) => block.stripe === stripe),
    );
    // A page is known in one range only, so of several that could not be completed all but one are lost.
    const lost = unwritten.filter(
      ({ stripe: of, slot, range }) => of === stripe && !isUptodate(stripe.pages[slot] as StripePage, range),
    );
    stripe.outdated = new Set(lost.map(({ slot }) => slot));
    cache.pin(stripe);
  }
}

/** Reads the rest of each page, so that nothing has to be read into it any more. */
async function completePages(
  { members, io }: StripeContext,
  stripe: StripeHead,
  stored: readonly Block[],
): Promise<void> {
  const end = stripe.memberOffset + stripe.stripeBytes;
  const rests = stripe.pages.flatMap((page, slot): Block[] => {
    const known = stored.filter((block) => block.slot === slot).map(({ range }) => range);
    if (known.length === 0) known.push(page.valid);
    return restOf(known, stripe.stripeBytes).map((range) => ({ stripe, slot, range }));
  });
  const unread = new Set(
    (await io.readBlocks(rests.filter(({ slot }) => members.isInSync(slot, end)))).map(({ slot }) => slot),
  );
  for (const [slot, page] of stripe.pages.entries()) {
    if (members.isInSync(slot, end) && !unread.has(slot)) {
      page.valid = stripe.wholePage;
    }
  }
}

/** The parts of a page outside these ranges, which are in order. */
function restOf(ranges: readonly ByteRange[], pageBytes: number): ByteRange[] {
  const rest: ByteRange[] = [];
  let start = 0;
  for (const range of [...ranges, { start: pageBytes, end: pageBytes }]) {
    if (range.start > start) rest.push({ start, end: range.start });
    start = Math.max(start, range.end);
  }
  return rest;
}
