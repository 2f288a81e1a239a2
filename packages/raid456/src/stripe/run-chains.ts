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

/** What is to be computed in one stripe. The chain is asked for when its turn comes. */
export interface StripeChain extends StripeTask {
  readonly chain: readonly PageOp[];
}

/** Runs the chains of several stripes, one of each, handed in together. What pages hold that a failed chain writes, nobody knows any more. */
export async function runChains(
  { offload }: StripeContext,
  chains: readonly StripeChain[],
  failures: Failures,
): Promise<void> {
  const failed = await offload.run(chains, failures.cpuOnly);
  if (failed.size === 0) return;
  for (const [{ stripe, chain }, error] of failed) {
    for (const op of chain) for (const page of pagesWrittenBy(op)) page.valid = NOTHING;
    failures.set(stripe, error);
  }
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
    if (failures.size === 0) break;
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
