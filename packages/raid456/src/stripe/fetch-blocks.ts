import { RaidError } from "../errors.js";
import type { Block } from "../member/member-io.js";
import type { Members } from "../members.js";
import type { ByteRange, PageOp } from "../offload/page-op.js";
import type { Failures, StripeContext } from "./context.js";
import { runChains, type StripeChain, type StripeTask } from "./run-chains.js";
import type { StripeHead } from "./stripe-head.js";
import { isUptodate, NOTHING, type StripePage, setUptodate } from "./stripe-page.js";
import { NO_SLOTS, type Recovery } from "./syndrome.js";

/** Blocks of a stripe whose content is needed. */
export interface Wanted extends StripeTask {
  readonly slots: readonly number[];
  readonly range: ByteRange;
}

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
    const blocks: FetchBlock[] = [];
    for (const fetch of planned) fetch.addReads(blocks);
    if (blocks.length > 0) noteRead(planned, await context.io.readBlocks(blocks));
    // Those of which something could not be read have to be planned anew.
    const complete = planned.filter(({ again }) => !again);
    const computing = complete.filter(({ recovery }) => recovery !== null);
    if (computing.length > 0) await compute(context, computing, failures);
    const damaged = complete.filter(({ unreadable }) => unreadable.size > 0);
    if (damaged.length > 0) await repairReadErrors(context, damaged);
    open = planned.filter(({ again }) => again);
  }
}

/** One {@link Wanted}, while it is fetched. */
class Fetch {
  readonly stripe: StripeHead;
  readonly range: ByteRange;
  readonly #wanted: readonly number[];
  /** Slots whose member reported a read error. */
  unreadable: ReadonlySet<number> = NO_SLOTS;
  /** Slots that are read, by the plan. */
  reads: readonly number[] = [];
  /** How those are computed that can't be read; null if there are none. */
  recovery: Recovery | null = null;
  /** Whether the plan has not worked. */
  again = false;

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
  plan({ members, recoveries, repairReadErrors }: StripeContext, failures: Failures): boolean {
    const wanted = this.#wanted.filter((slot) => !this.isKnown(slot));
    const compute = wanted.filter((slot) => this.#isMissing(slot, members));
    if (repairReadErrors) {
      for (const slot of this.unreadable) {
        if (!this.isKnown(slot) && !compute.includes(slot)) compute.push(slot);
      }
    }
    this.again = false;
    this.recovery = null;
    this.reads = wanted;
    if (compute.length === 0) return true;

    const { row, pages } = this.stripe;
    const missing: number[] = [];
    for (let slot = 0; slot < pages.length; slot++) {
      if (!this.isKnown(slot) && this.#isMissing(slot, members)) missing.push(slot);
    }
    const recovery = recoveries.get(row, missing, compute);
    const { sources } = recovery;
    if (sources === null) {
      failures.set(this.stripe, this.#tooManyMissing(members, missing));
      return false;
    }
    this.recovery = recovery;
    this.reads = wanted
      .filter((slot) => !missing.includes(slot))
      .concat(sources.filter((slot) => !this.isKnown(slot) && !wanted.includes(slot)));
    return true;
  }

  /** Adds what is to be read: what is known already may be newer than what the member holds. */
  addReads(blocks: FetchBlock[]): void {
    for (const slot of this.reads) {
      for (const range of unknownParts(this.page(slot), this.range)) {
        blocks.push({ stripe: this.stripe, slot, range, fetch: this });
      }
    }
  }

  /** A member could not read a block. */
  missed(slot: number): void {
    this.unreadable = new Set([...this.unreadable, slot]);
    this.again = true;
  }

  #isMissing(slot: number, members: Members): boolean {
    const { outdated, memberOffset } = this.stripe;
    if (this.unreadable.has(slot) || outdated.has(slot)) return true;
    return !members.isInSync(slot, memberOffset + this.range.end);
  }

  #tooManyMissing(members: Members, missing: readonly number[]): RaidError {
    const slots = missing.map((slot) => {
      if (this.unreadable.has(slot)) return `${slot} (read error)`;
      if (this.stripe.outdated.has(slot)) return `${slot} (holds old bytes)`;
      return members.member(slot) === null ? `${slot} (missing)` : `${slot} (not rebuilt yet)`;
    });
    return new RaidError(
      "ERR_RAID_FAILED",
      `the blocks at byte ${this.stripe.memberOffset + this.range.start} of slots ${slots.join(", ")} can't be read, which is more than parity can make up for`,
    );
  }
}

/** What is computed in one stripe is one chain: a page may be in one at a time. */
class Computation implements StripeChain {
  readonly stripe: StripeHead;
  readonly fetches: Fetch[];
  #chain: readonly PageOp[] | null = null;

  constructor(fetch: Fetch) {
    this.stripe = fetch.stripe;
    this.fetches = [fetch];
  }

  get chain(): readonly PageOp[] {
    // Made when it is wanted: see WritePlan.
    this.#chain ??= this.fetches.flatMap(({ recovery, range }) => recovery?.chain(this.stripe, range) ?? []);
    return this.#chain;
  }
}

interface FetchBlock extends Block {
  readonly fetch: Fetch;
}

/** Everything that was planned was read but for these blocks. */
function noteRead(fetches: readonly Fetch[], unread: readonly FetchBlock[]): void {
  for (const { fetch, slot } of unread) fetch.missed(slot);
  for (const fetch of fetches) {
    for (const slot of fetch.reads) {
      if (!fetch.unreadable.has(slot)) setUptodate(fetch.page(slot), fetch.range);
    }
  }
}

async function compute(context: StripeContext, fetches: readonly Fetch[], failures: Failures): Promise<void> {
  const computations: Computation[] = [];
  for (const fetch of fetches) {
    const last = computations.at(-1);
    if (last?.stripe === fetch.stripe) last.fetches.push(fetch);
    else computations.push(new Computation(fetch));
  }
  await runChains(context, computations, failures);
  for (const fetch of fetches) {
    if (failures.has(fetch.stripe)) continue;
    const computed = fetch.recovery?.wanted ?? [];
    context.counters.computedBlocks += computed.length;
    for (const slot of computed) setUptodate(fetch.page(slot), fetch.range);
  }
}

/**
 * Writes what could not be read, and reads it again, as md does: only then it is certain that the member holds it. Where a member fails in that,
 * its fetch has to be planned anew.
 */
async function repairReadErrors(context: StripeContext, fetches: readonly Fetch[]): Promise<void> {
  const { members, io, counters } = context;
  // The slot may have got another device meanwhile, which is rebuilt yet.
  const isRepairable = ({ stripe, range }: Fetch, slot: number): boolean =>
    members.isWritable(slot) && members.isInSync(slot, stripe.memberOffset + range.end);
  if (!context.repairReadErrors || members.stopped) return;
  const blocks = fetches.flatMap((fetch): FetchBlock[] =>
    [...fetch.unreadable]
      .filter((slot) => fetch.isKnown(slot) && isRepairable(fetch, slot))
      .map((slot) => ({ stripe: fetch.stripe, slot, range: fetch.range, fetch })),
  );
  if (blocks.length === 0) return;
  await io.writeBlocks(blocks);
  const written = blocks.filter(({ fetch, slot }) => isRepairable(fetch, slot));
  for (const { slot, fetch } of await io.readBlocks(written)) {
    const member = members.member(slot);
    if (member !== null) await members.fail(slot, member);
    fetch.page(slot).valid = NOTHING;
    fetch.again = true;
  }
  for (const { slot, range, fetch } of written) {
    if (!fetch.isKnown(slot)) continue;
    counters.readErrorsRepaired += 1;
    context.readErrorRepaired(slot, range.end - range.start);
  }
}

function isKnown({ stripe, slots, range }: Wanted): boolean {
  return slots.every((slot) => isUptodate(stripe.pages[slot] as StripePage, range));
}

/** The parts of a range that are not known. */
function unknownParts({ valid }: StripePage, range: ByteRange): readonly ByteRange[] {
  const touching = range.start <= valid.end && valid.start <= range.end && valid.end > valid.start;
  if (!touching) return [range];
  const parts: ByteRange[] = [];
  if (range.start < valid.start) parts.push({ start: range.start, end: valid.start });
  if (valid.end < range.end) parts.push({ start: valid.end, end: range.end });
  return parts;
}
