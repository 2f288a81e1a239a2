import type { Block } from "../member/member-io.js";
import type { Member } from "../members.js";
import { type StripeContext, throwFirst } from "./context.js";
import { fetchBlocks, type Wanted } from "./fetch-blocks.js";
import { overEngineFailures, runChains } from "./run-chains.js";
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
    const blocks = failed.without(open).flatMap(blocksOf);
    await storeBlocks(context, blocks, failed);
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
  const works = stripes.map((stripe) => ({ stripe, slots: [slot], range: stripe.wholePage }));
  const failures = await overEngineFailures(works, (open, failed) => fetchBlocks(context, open, failed));
  throwFirst(failures);
  await context.io.writeBlocksTo(replacement, works.flatMap(blocksOf));
}

/** Makes P and Q anew from the data, without looking at what is there: the resync of an array whose parity was never right. */
export async function resyncStripes(context: StripeContext, stripes: readonly StripeHead[]): Promise<void> {
  const works = stripes.map((stripe) => ({ stripe, slots: stripe.row.data, range: stripe.wholePage }));
  const failures = await overEngineFailures(works, async (open, failed) => {
    await fetchBlocks(context, open, failed);
    const chains = failed.without(open).map(({ stripe, range }) => ({
      stripe,
      chain: reconstruct(stripe, range),
    }));
    await runChains(context, chains, failed);
    const blocks = failed
      .without(chains)
      .flatMap(({ stripe }) => blocksOf({ stripe, slots: stripe.row.parity, range: stripe.wholePage }));
    for (const { stripe, slot, range } of blocks) setUptodate(stripe.pages[slot] as StripePage, range);
    await storeBlocks(context, blocks, failed);
  });
  throwFirst(failures);
}

function blocksOf({ stripe, slots, range }: Wanted): Block[] {
  return slots.map((slot) => ({ stripe, slot, range }));
}
