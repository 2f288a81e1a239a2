import { DmaDirection } from "@dmaengine/core";
import type { PageOp } from "../offload/page-op.js";
import type { Failures, StripeContext } from "./context.js";
import { fetchBlocks, type Wanted } from "./fetch-blocks.js";
import type { Piece } from "./piece.js";
import { overEngineFailures, runChains, type StripeTask } from "./run-chains.js";
import { grainsOf } from "./segments.js";
import { coversStripe, firstPageOffset, piecesIn, type Span } from "./span.js";
import type { StripeHead } from "./stripe-head.js";
import type { StripePage } from "./stripe-page.js";

/** What is to be read from a stripe: as much of these requests, one at least, as lies in it. */
export interface StripeRead extends StripeTask {
  readonly requests: readonly Span[];
}

/** Serves read requests from stripes, computing what can't be read. */
export function fillStripes(context: StripeContext, reads: readonly StripeRead[]): Promise<Failures> {
  return overEngineFailures(reads, async (open, failures) => {
    try {
      const wanted: Wanted[] = [];
      // What was borrowed is where it belongs, the rest is copied to the request.
      const copied: StripeRead[] = [];
      for (let i = 0; i < open.length; i++) {
        const read = open[i] as StripeRead;
        if (!prepare(context, read, wanted)) copied.push(read);
      }
      await fetchBlocks(context, wanted, failures);
      const chains = failures
        .without(copied)
        .map((read) => ({ stripe: read.stripe, chain: fillChain(context, read) }));
      if (chains.length > 0) await runChains(context, chains, failures);
    } finally {
      for (const { stripe } of open) stripe.giveBack();
    }
  });
}

/** Borrows pages for a read, and adds what has to be known. Returns whether all of it is borrowed. */
function prepare(context: StripeContext, { stripe, requests }: StripeRead, wanted: Wanted[]): boolean {
  const request = requests[0] as Span;
  // Most stripes of a long read.
  if (requests.length === 1 && coversStripe(context.geometry, stripe, request)) {
    wanted.push({ stripe, slots: stripe.row.data, range: stripe.wholePage });
    return borrowData(context, stripe, request);
  }
  const pieces = piecesIn(context.geometry, stripe, requests);
  addWanted(stripe, pieces, wanted);
  let borrowed = 0;
  for (const { slot, memory, memoryOffset, lengthBytes } of pieces) {
    const isWhole = lengthBytes === stripe.stripeBytes;
    if (isWhole && borrowPage(context, stripe, slot, memory, memoryOffset)) borrowed += 1;
  }
  return borrowed === pieces.length;
}

/** Borrows the pages of all data, of which a request wants every byte. Returns whether that was possible. */
function borrowData(context: StripeContext, stripe: StripeHead, { offset, memory }: Span): boolean {
  const { geometry } = context;
  const { data } = stripe.row;
  let at = firstPageOffset(geometry, stripe.stripeBytes, stripe.number) - offset;
  let borrowed = 0;
  for (let i = 0; i < data.length; i++) {
    if (borrowPage(context, stripe, data[i] as number, memory, at)) borrowed += 1;
    at += geometry.chunkBytes;
  }
  return borrowed === data.length;
}

/**
 * Has a whole page read into, or computed in, the request's memory. Only where engines reach it as they reach the stripe's own, since
 * other memory would have to be copied to them and back, and only where the cache knows nothing of the page that would be forgotten.
 */
function borrowPage(
  { offload, cache }: StripeContext,
  stripe: StripeHead,
  slot: number,
  memory: Uint8Array,
  memoryOffset: number,
): boolean {
  if (!offload.pageMemory.takesRequests || cache.isPinned(stripe)) return false;
  const { valid } = stripe.pages[slot] as StripePage;
  if (valid.end > valid.start || !stripe.reaches(memory)) return false;
  stripe.borrow(slot, memory, memoryOffset, DmaDirection.BIDIRECTIONAL);
  return true;
}

function fillChain({ geometry }: StripeContext, { stripe, requests }: StripeRead): PageOp[] {
  const chain: PageOp[] = [];
  for (const { slot, pageOffset, memory, memoryOffset, lengthBytes } of piecesIn(
    geometry,
    stripe,
    requests,
  )) {
    if (stripe.isBorrowed(slot)) continue;
    const page = stripe.pages[slot] as StripePage;
    chain.push({ op: "fill", page, pageOffset, into: memory, intoOffset: memoryOffset, lengthBytes });
  }
  return chain;
}

/** Pieces of the same part of their pages are wanted together: what is computed for one is read only once. */
function addWanted(stripe: StripeHead, pieces: readonly Piece[], wanted: Wanted[]): void {
  let last: (Wanted & { readonly slots: number[] }) | null = null;
  for (const { slot, pageOffset, lengthBytes } of pieces) {
    const range =
      lengthBytes === stripe.stripeBytes ? stripe.wholePage : grainsOf(pageOffset, pageOffset + lengthBytes);
    if (last?.range.start === range.start && last.range.end === range.end) last.slots.push(slot);
    else {
      last = { stripe, slots: [slot], range };
      wanted.push(last);
    }
  }
}
