import { RaidError } from "../errors.js";
import type { Block } from "../member/member-io.js";
import type { Members } from "../members.js";
import type { ByteRange } from "../offload/page-op.js";
import type { Failures, StripeContext } from "./context.js";
import { runChains, type StripeTask } from "./run-chains.js";
import type { StripeHead } from "./stripe-head.js";
import { isUptodate, NOTHING, type StripePage, setUptodate } from "./stripe-page.js";
import { computeBlocks, sourcesFor } from "./syndrome.js";

/** Blocks of a stripe whose content is needed. */
export interface Wanted extends StripeTask {
  readonly slots: readonly number[];
  readonly range: ByteRange;
}

const NONE: ReadonlySet<number> = new Set();

/**
 * Makes blocks known: reads them, and computes those that can't be read from the others (`fetch_block` of drivers/md/raid5.c). A block whose member
 * reported a read error is written back with what it should hold, and read again; a member that can't do that fails.
 */
export async function fetchBlocks(
  context: StripeContext,
  wanted: readonly Wanted[],
  failures: Failures,
): Promise<void> {
  let open = wanted.filter((one) => !isKnown(one)).map((one) => new Fetch(one));
  while (open.length > 0) {
    const planned = open.filter((fetch) => fetch.plan(context, failures));
    const complete = await readSources(context, planned);
    await compute(context, complete, failures);
    const unrepaired = await repairReadErrors(context, complete);
    open = planned.filter((fetch) => !complete.includes(fetch) || unrepaired.has(fetch));
  }
}

/** One {@link Wanted}, while it is fetched. */
class Fetch {
  readonly stripe: StripeHead;
  readonly range: ByteRange;
  readonly #wanted: readonly number[];
  /** Slots whose member reported a read error. */
  readonly unreadable = new Set<number>();
  /** Slots that can't be read, by the plan. */
  missing = NONE;
  /** Those of them that have to be computed. */
  compute = NONE;
  /** Slots that are read. */
  reads: readonly number[] = [];

  constructor({ stripe, slots, range }: Wanted) {
    this.stripe = stripe;
    this.#wanted = slots;
    this.range = range;
  }

  page(slot: number): StripePage {
    return this.stripe.pages[slot] as StripePage;
  }

  isKnown(slot: number): boolean {
    return isUptodate(this.page(slot), this.range);
  }

  /** Decides what to read and what to compute. False if that is impossible. */
  plan({ members, repairReadErrors }: StripeContext, failures: Failures): boolean {
    const end = this.stripe.memberOffset + this.range.end;
    const missing = new Set<number>();
    for (let slot = 0; slot < this.stripe.pages.length; slot++) {
      if (this.isKnown(slot)) continue;
      if (this.unreadable.has(slot) || !members.isInSync(slot, end)) missing.add(slot);
    }
    const compute = new Set(this.#wanted.filter((slot) => missing.has(slot)));
    if (repairReadErrors) for (const slot of this.unreadable) if (missing.has(slot)) compute.add(slot);
    const sources = compute.size === 0 ? [] : sourcesFor(this.stripe.row, missing, compute);
    if (sources === null) {
      failures.set(this.stripe, this.#tooManyMissing(members, missing));
      return false;
    }
    this.missing = missing;
    this.compute = compute;
    const needed = sources.length === 0 ? this.#wanted : new Set([...this.#wanted, ...sources]);
    this.reads = [...needed].filter((slot) => !missing.has(slot) && !this.isKnown(slot));
    return true;
  }

  #tooManyMissing(members: Members, missing: ReadonlySet<number>): RaidError {
    const slots = [...missing].map((slot) => {
      if (this.unreadable.has(slot)) return `${slot} (read error)`;
      return members.member(slot) === null ? `${slot} (missing)` : `${slot} (not rebuilt yet)`;
    });
    return new RaidError(
      "ERR_RAID_FAILED",
      `the blocks at byte ${this.stripe.memberOffset + this.range.start} of slots ${slots.join(", ")} can't be read, which is more than parity can make up for`,
    );
  }
}

interface FetchBlock extends Block {
  readonly fetch: Fetch;
}

/** Reads what was planned. Returns those of which everything could be read; the others have to be planned anew. */
async function readSources({ io }: StripeContext, fetches: readonly Fetch[]): Promise<readonly Fetch[]> {
  const blocks: FetchBlock[] = [];
  for (const fetch of fetches) {
    for (const slot of fetch.reads) {
      for (const range of unknownParts(fetch.page(slot), fetch.range)) {
        blocks.push({ stripe: fetch.stripe, slot, range, fetch });
      }
    }
  }
  const unread = blocks.length === 0 ? blocks : await io.readBlocks(blocks);
  for (const { fetch, slot } of unread) fetch.unreadable.add(slot);
  for (const fetch of fetches) {
    for (const slot of fetch.reads) {
      if (!fetch.unreadable.has(slot)) setUptodate(fetch.page(slot), fetch.range);
    }
  }
  if (unread.length === 0) return fetches;
  const incomplete = new Set(unread.map(({ fetch }) => fetch));
  return fetches.filter((fetch) => !incomplete.has(fetch));
}

async function compute(context: StripeContext, fetches: readonly Fetch[], failures: Failures): Promise<void> {
  const computing = fetches.filter((fetch) => fetch.compute.size > 0);
  if (computing.length === 0) return;
  const chains = computing.map(({ stripe, missing, compute, range }) => ({
    stripe,
    chain: computeBlocks(stripe, missing, compute, range),
  }));
  await runChains(context, chains, failures);
  for (const fetch of computing) {
    if (failures.has(fetch.stripe)) continue;
    context.counters.computedBlocks += fetch.compute.size;
    for (const slot of fetch.compute) setUptodate(fetch.page(slot), fetch.range);
  }
}

/**
 * Writes what could not be read, and reads it again, as md does: only then it is certain that the member holds it.
 *
 * @returns those of which a member failed in that
 */
async function repairReadErrors(
  { members, io, counters, ...context }: StripeContext,
  fetches: readonly Fetch[],
): Promise<ReadonlySet<Fetch>> {
  const failed = new Set<Fetch>();
  // The slot may have got another device meanwhile, which is rebuilt yet.
  const isRepairable = ({ stripe, range }: Fetch, slot: number): boolean =>
    members.isWritable(slot) && members.isInSync(slot, stripe.memberOffset + range.end);
  if (!context.repairReadErrors || members.stopped) return failed;
  const blocks = fetches.flatMap((fetch): FetchBlock[] =>
    [...fetch.unreadable]
      .filter((slot) => fetch.isKnown(slot) && isRepairable(fetch, slot))
      .map((slot) => ({ stripe: fetch.stripe, slot, range: fetch.range, fetch })),
  );
  if (blocks.length === 0) return failed;
  await io.writeBlocks(blocks);
  const written = blocks.filter(({ fetch, slot }) => isRepairable(fetch, slot));
  for (const { slot, fetch } of await io.readBlocks(written)) {
    const member = members.member(slot);
    if (member !== null) await members.fail(slot, member);
    fetch.page(slot).valid = NOTHING;
    failed.add(fetch);
  }
  for (const { slot, range, fetch } of written) {
    if (!fetch.isKnown(slot)) continue;
    counters.readErrorsRepaired += 1;
    context.readErrorRepaired(slot, range.end - range.start);
  }
  return failed;
}

function isKnown({ stripe, slots, range }: Wanted): boolean {
  return slots.every((slot) => isUptodate(stripe.pages[slot] as StripePage, range));
}

/** What has to be read of a range: what is known already may be newer than what the member holds. */
function unknownParts({ valid }: StripePage, range: ByteRange): ByteRange[] {
  const touching = range.start <= valid.end && valid.start <= range.end && valid.end > valid.start;
  if (!touching) return [range];
  const parts: ByteRange[] = [];
  if (range.start < valid.start) parts.push({ start: range.start, end: valid.start });
  if (valid.end < range.end) parts.push({ start: valid.end, end: range.end });
  return parts;
}
