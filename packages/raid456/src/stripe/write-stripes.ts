import type { Block } from "../member/member-io.js";
import type { Failures, StripeContext } from "./context.js";
import { fetchBlocks, type Wanted } from "./fetch-blocks.js";
import { FullWrite } from "./full-write.js";
import { PartialWrite } from "./partial-write.js";
import { overEngineFailures, runChains, type StripeTask } from "./run-chains.js";
import { coversStripe, type Span } from "./span.js";
import { storeBlocks } from "./store-blocks.js";
import type { WritePlan } from "./write-plan.js";

/** What is to be written to a stripe: as much of these requests, one at least, as lies in it. Where they overlap, the later one stays. */
export interface StripeWrite extends StripeTask {
  readonly requests: readonly Span[];
}

/** Writes to stripes and brings their parity up to date (`handle_stripe_dirtying` of drivers/md/raid5.c). */
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
  const plans = writes.map((write) => planOf(context, write));
  const wanted = wantedBy(plans);
  if (wanted.length > 0) await fetchBlocks(context, wanted, failures);
  const going = failures.without(plans);
  try {
    await runChains(context, going, failures);
    await storeBlocks(context, changedBy(failures.without(going)), failures);
  } finally {
    giveBack(going);
  }
}

function planOf(context: StripeContext, { stripe, requests }: StripeWrite): WritePlan {
  const request = requests[0] as Span;
  // Most stripes of a long write.
  if (requests.length === 1 && coversStripe(context.geometry, stripe, request)) {
    return new FullWrite(context, stripe, request);
  }
  return new PartialWrite(context, stripe, requests);
}

function wantedBy(plans: readonly WritePlan[]): Wanted[] {
  const wanted: Wanted[] = [];
  for (let i = 0; i < plans.length; i++) (plans[i] as WritePlan).addWanted(wanted);
  return wanted;
}

function changedBy(plans: readonly WritePlan[]): Block[] {
  const blocks: Block[] = [];
  for (let i = 0; i < plans.length; i++) (plans[i] as WritePlan).addChanged(blocks);
  return blocks;
}

function giveBack(plans: readonly WritePlan[]): void {
  for (let i = 0; i < plans.length; i++) (plans[i] as WritePlan).stripe.giveBack();
}
