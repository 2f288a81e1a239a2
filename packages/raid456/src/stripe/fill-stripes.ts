import { DmaDirection } from "@dmaengine/core";
import type { PageOp } from "../offload/page-op.js";
import type { Failures, StripeContext } from "./context.js";
import { fetchBlocks, type Wanted } from "./fetch-blocks.js";
import type { Piece } from "./piece.js";
import { overEngineFailures, runChains, type StripeTask } from "./run-chains.js";
import { grainsOf } from "./segments.js";
import type { StripePage } from "./stripe-page.js";

/** What is to be read from a stripe, at least one piece. */
export interface StripeRead extends StripeTask {
  readonly pieces: readonly Piece[];
}

/** Serves pieces of read requests from stripes, computing what can't be read. */
export function fillStripes(context: StripeContext, reads: readonly StripeRead[]): Promise<Failures> {
  return overEngineFailures(reads, async (open, failures) => {
    try {
      for (const read of open) borrowPages(context, read);
      await fetchBlocks(context, open.flatMap(wantedFor), failures);
      const copied = failures.without(open).filter(isCopied);
      const chains = copied.map((read) => ({ stripe: read.stripe, chain: fillChain(read) }));
      if (chains.length > 0) await runChains(context, chains, failures);
    } finally {
      for (const { stripe } of open) stripe.giveBack();
    }
  });
}

/**
 * Has whole pages read into, and computed in, the request's memory. Only where engines reach it as they reach the stripe's own, since
 * other memory would have to be copied to them and back, and only where the cache knows nothing of the page that would be forgotten.
 */
function borrowPages({ offload, cache }: StripeContext, { stripe, pieces }: StripeRead): void {
  if (!offload.pageMemory.takesRequests || cache.isPinned(stripe)) return;
  for (const { slot, memory, memoryOffset, lengthBytes } of pieces) {
    const { valid } = stripe.pages[slot] as StripePage;
    if (lengthBytes < stripe.stripeBytes || valid.end > valid.start || !stripe.reaches(memory)) continue;
    stripe.borrow(slot, memory, memoryOffset, DmaDirection.BIDIRECTIONAL);
  }
}

/** Whether pieces have to be copied to the request. What was borrowed is where it belongs. */
function isCopied({ stripe, pieces }: StripeRead): boolean {
  return pieces.some(({ slot }) => !stripe.isBorrowed(slot));
}

function fillChain({ stripe, pieces }: StripeRead): PageOp[] {
  const chain: PageOp[] = [];
  for (const { slot, pageOffset, memory, memoryOffset, lengthBytes } of pieces) {
    if (stripe.isBorrowed(slot)) continue;
    const page = stripe.pages[slot] as StripePage;
    chain.push({ op: "fill", page, pageOffset, into: memory, intoOffset: memoryOffset, lengthBytes });
  }
  return chain;
}

/** Pieces of the same part of their pages are wanted together: what is computed for one is read only once. */
function wantedFor({ stripe, pieces }: StripeRead): Wanted[] {
  const wanted: (Wanted & { readonly slots: number[] })[] = [];
  for (const { slot, pageOffset, lengthBytes } of pieces) {
    const range =
      lengthBytes === stripe.stripeBytes ? stripe.wholePage : grainsOf(pageOffset, pageOffset + lengthBytes);
    const last = wanted.at(-1);
    if (last?.range.start === range.start && last.range.end === range.end) last.slots.push(slot);
    else wanted.push({ stripe, slots: [slot], range });
  }
  return wanted;
}
