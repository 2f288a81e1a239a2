import type { Block } from "../member/member-io.js";
import type { Member } from "../members.js";
import type { ByteRange, PageOp } from "../offload/page-op.js";
import { type StripeContext, throwFirst } from "./context.js";
import { fetchBlocks, type Wanted } from "./fetch-blocks.js";
import { overEngineFailures, runChains, type StripeChain } from "./run-chains.js";
import { storeBlocks } from "./store-blocks.js";
import type { StripeHead } from "./stripe-head.js";
import { type StripePage, setUptodate } from "./stripe-page.js";
import { reconstruct } from "./syndrome.js";

/** Rebuilds the blocks of the members in `targets` from the others. */
export async function recoverStripes(
  context: StripeContext,
  stripes: readonly StripeHead[],
  targets: readonly number[],
): Promise<void> {
  const works = stripes.map((stripe) => ({ stripe, slots: targets, range: stripe.wholePage }));
  const failures = await overEngineFailures(works, async (open, failed) => {
    await fetchBlocks(context, open, failed);
    await storeBlocks(context, blocksOf(failed.without(open)), failed);
  });
  throwFirst(failures);
}

/** Copies the blocks of a slot to the device that is to replace its member; those that can't be read are computed. */
export async function replaceStripes(
  context: StripeContext,
  stripes: readonly StripeHead[],
  slot: number,
  replacement: Member,
): Promise<void> {
  const slots = [slot];
  const works = stripes.map((stripe) => ({ stripe, slots, range: stripe.wholePage }));
  const failures = await overEngineFailures(works, (open, failed) => fetchBlocks(context, open, failed));
  throwFirst(failures);
  await context.io.writeBlocksTo(replacement, blocksOf(works));
}

/** Makes P and Q anew from the data, without looking at what is there: the resync of an array whose parity was never right. */
export async function resyncStripes(context: StripeContext, stripes: readonly StripeHead[]): Promise<void> {
  const works = stripes.map((stripe) => new ParityWork(stripe));
  const failures = await overEngineFailures(works, async (open, failed) => {
    await fetchBlocks(context, open, failed);
    const fetched = failed.without(open);
    await runChains(context, fetched, failed);
    const blocks: Block[] = [];
    for (const work of failed.without(fetched)) work.addParity(blocks);
    await storeBlocks(context, blocks, failed);
  });
  throwFirst(failures);
}

/** Making the parity of a stripe from all of its data. */
class ParityWork implements Wanted, StripeChain {
  readonly stripe: StripeHead;

  constructor(stripe: StripeHead) {
    this.stripe = stripe;
  }

  get slots(): readonly number[] {
    return this.stripe.row.data;
  }

  get range(): ByteRange {
    return this.stripe.wholePage;
  }

  get chain(): readonly PageOp[] {
    return reconstruct(this.stripe, this.range);
  }

  /** Adds what has to be written to the members, now that it is computed. */
  addParity(blocks: Block[]): void {
    const { stripe, range } = this;
    for (const slot of stripe.row.parity) {
      setUptodate(stripe.pages[slot] as StripePage, range);
      blocks.push(stripe.block(slot, range));
    }
  }
}

function blocksOf(works: readonly Wanted[]): Block[] {
  const blocks: Block[] = [];
  for (const { stripe, slots, range } of works) {
    for (let i = 0; i < slots.length; i++) blocks.push(stripe.block(slots[i] as number, range));
  }
  return blocks;
}
