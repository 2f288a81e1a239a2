import { RaidError } from "../errors.js";
import type { PageOp } from "../offload/page-op.js";
import { Failures, type StripeContext } from "./context.js";
import type { StripeHead } from "./stripe-head.js";
import { NOTHING, type StripePage } from "./stripe-page.js";

/** What has failed on one engine, and then on the next one that can do it, is the CPU's, which does not fail. */
const ENGINE_ATTEMPTS = 2;

/** Something that is to be done with a stripe. */
export interface StripeTask {
  readonly stripe: StripeHead;
}

/** What is to be computed in one stripe. */
export interface StripeChain extends StripeTask {
  readonly chain: readonly PageOp[];
}

/** Runs the chains of several stripes, handed in together. What pages hold that a failed chain writes, nobody knows any more. */
export async function runChains(
  { offload }: StripeContext,
  chains: readonly StripeChain[],
  failures: Failures,
): Promise<void> {
  await Promise.all(
    joined(chains).map(async ({ stripe, chain }) => {
      if (chain.length === 0) return;
      try {
        await offload.run(chain, failures.cpuOnly);
      } catch (error) {
        for (const op of chain) for (const page of pagesWrittenBy(op)) page.valid = NOTHING;
        failures.set(stripe, error);
      }
    }),
  );
}

/** What is computed in one stripe is one chain: a page may be in one at a time. */
function joined(chains: readonly StripeChain[]): readonly StripeChain[] {
  const byStripe = new Map<StripeHead, readonly PageOp[]>();
  for (const { stripe, chain } of chains) {
    const before = byStripe.get(stripe);
    byStripe.set(stripe, before === undefined ? chain : [...before, ...chain]);
  }
  return byStripe.size === chains.length
    ? chains
    : [...byStripe].map(([stripe, chain]) => ({ stripe, chain }));
}

/**
 * Does `task`, and does it again for the stripes whose engine failed: with the next engine, and then on the CPU. The task must not write to
 * members what it has not computed to its end.
 */
export async function overEngineFailures<Work extends StripeTask>(
  works: readonly Work[],
  task: (works: readonly Work[], failures: Failures) => Promise<void>,
): Promise<Failures> {
  const failures = new Failures();
  let open = works;
  for (let attempt = 1; open.length > 0; attempt++) {
    failures.cpuOnly = attempt > ENGINE_ATTEMPTS;
    await task(open, failures);
    open = open.filter(({ stripe }) => isEngineFailure(failures.get(stripe)));
    for (const { stripe } of open) failures.delete(stripe);
  }
  return failures;
}

function pagesWrittenBy(op: PageOp): readonly StripePage[] {
  switch (op.op) {
    case "drain":
      return [op.page];
    case "xor":
      return [op.dst];
    case "pq":
      return [op.p, op.q].filter((page) => page !== null);
    default:
      return [];
  }
}

function isEngineFailure(error: unknown): boolean {
  return RaidError.isInstance(error) && error.code === "ERR_RAID_ENGINE";
}
