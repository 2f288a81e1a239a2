import { RaidError } from "../errors.js";
import type { Block } from "../member/member-io.js";
import type { Member, Members } from "../members.js";
import { type ByteRange, NO_OPS, type PageOp } from "../offload/page-op.js";
import type { Failures, StripeContext } from "./context.js";
import { runChains, type StripeChain, type StripeTask } from "./run-chains.js";
import { SlotList } from "./slot-list.js";
import type { StripeHead } from "./stripe-head.js";
import { isUptodate, NOTHING, type StripePage, setUptodate } from "./stripe-page.js";
import type { Recovery } from "./syndrome.js";

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
  let open: Fetch[] = [];
  for (let i = 0; i < wanted.length; i++) {
    const one = wanted[i] as Wanted;
    if (!isKnown(one)) open.push(new Fetch(one));
  }
  while (open.length > 0) {
    const blocks: Block[] = [];
    const planned = open.filter((fetch) => fetch.plan(context, blocks, failures));
    if (blocks.length > 0) {
      const asked = devicesOf(context);
      noteRead(planned, blocks, await context.io.readBlocks(blocks), asked);
    }
    // Those of which something could not be read have to be planned anew.
    const complete = planned.filter(({ again }) => !again);
    const computing = complete.filter(({ recovery }) => recovery !== null);
    if (computing.length > 0) await compute(context, computing, failures);
    const damaged = complete.filter(({ unreadable }) => unreadable.size > 0);
    if (damaged.length > 0) await repairReadErrors(context, damaged);
    open = planned.filter(({ again }) => again);
  }
}

/** What the plan at hand finds out. Planning does not wait for anything, so one of each is enough. */
const computed = new SlotList();
const missing = new SlotList();

const NO_BLOCKS: ReadonlySet<Block> = new Set();
const NO_SOURCES: readonly number[] = [];
const NO_READ_ERRORS: ReadonlyMap<number, Member | null> = new Map();

/** One {@link Wanted}, while it is fetched. Its chain is what is computed in the stripe. */
class Fetch implements StripeChain {
  readonly stripe: StripeHead;
  readonly range: ByteRange;
  readonly #wanted: readonly number[];
  /** Slots whose member reported a read error, and which one that was. */
  unreadable = NO_READ_ERRORS;
  /** How those are computed that can't be read; null if there are none. */
  recovery: Recovery | null = null;
  /** Whether the plan has not worked. */
  again = false;
  /** Which of the blocks that are read, by the plan, are read for this one. */
  #firstBlock = 0;
  #endBlock = 0;
  /** Others of the same stripe: a page may be in one chain at a time, so they are all computed in the chain of the first. */
  #joined: Fetch[] | null = null;

  constructor({ stripe, slots, range }: Wanted) {
    this.stripe = stripe;
    this.range = range;
    this.#wanted = slots;
  }

  /** What is computed. Made when it is asked for: see WritePlan. */
  get chain(): readonly PageOp[] {
    const chain = this.recovery?.chain(this.stripe, this.range) ?? NO_OPS;
    return this.#joined === null ? chain : [...chain, ...this.#joined.flatMap((other) => other.chain)];
  }

  page(slot: number): StripePage {
    return this.stripe.pages[slot] as StripePage;
  }

  isKnown(slot: number): boolean {
    return isUptodate(this.page(slot), this.range);
  }

  /** Decides what to read, which is added to `blocks`, and what to compute. False if that is impossible. */
  plan(
    { members, recoveries, repairReadErrors }: StripeContext,
    blocks: Block[],
    failures: Failures,
  ): boolean {
    const { stripe } = this;
    const slots = this.#wanted;
    this.again = false;
    this.recovery = null;
    this.#joined = null;
    if (this.unreadable.size > 0) this.#forgetReplaced(members);
    computed.clear();
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i] as number;
      if (!this.isKnown(slot) && this.#isMissing(slot, members)) computed.add(slot);
    }
    if (repairReadErrors && this.unreadable.size > 0) {
      for (const slot of this.unreadable.keys())
        if (!this.isKnown(slot) && !computed.has(slot)) computed.add(slot);
    }
    missing.clear();
    if (computed.length > 0) {
      for (let slot = 0; slot < stripe.pages.length; slot++) {
        if (!this.isKnown(slot) && this.#isMissing(slot, members)) missing.add(slot);
      }
      this.recovery = recoveries.get(stripe.row, missing, computed);
    }
    const sources = this.recovery === null ? NO_SOURCES : this.recovery.sources;
    if (sources === null) {
      failures.set(stripe, this.#tooManyMissing(members));
      return false;
    }

    this.#firstBlock = blocks.length;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i] as number;
      if (!missing.has(slot)) this.#addRead(slot, blocks);
    }
    for (let i = 0; i < sources.length; i++) {
      const slot = sources[i] as number;
      if (!slots.includes(slot)) this.#addRead(slot, blocks);
    }
    this.#endBlock = blocks.length;
    return true;
  }

  /** Has another one of the same stripe computed in this one's chain. */
  join(other: Fetch): void {
    this.#joined ??= [];
    this.#joined.push(other);
  }

  /** What was planned was read, but for the blocks in `unread`. `asked`: the device of each slot when that began. */
  noteRead(blocks: readonly Block[], unread: ReadonlySet<Block>, asked: readonly (Member | null)[]): void {
    if (unread.size > 0) {
      for (let i = this.#firstBlock; i < this.#endBlock; i++) {
        const block = blocks[i] as Block;
        if (unread.has(block)) this.#miss(block.slot, asked[block.slot] as Member | null);
      }
    }
    for (let i = this.#firstBlock; i < this.#endBlock; i++) {
      const { slot } = blocks[i] as Block;
      if (!this.unreadable.has(slot)) setUptodate(this.page(slot), this.range);
    }
  }

  /** What was planned was computed. Returns how many blocks that are. */
  noteComputed(): number {
    const slots = this.recovery?.wanted ?? [];
    for (let i = 0; i < slots.length; i++) setUptodate(this.page(slots[i] as number), this.range);
    return slots.length;
  }

  /** What is known already is not read: it may be newer than what the member holds. */
  #addRead(slot: number, blocks: Block[]): void {
    const { stripe, range } = this;
    const { start, end } = this.page(slot).valid;
    const touching = range.start <= end && start <= range.end && end > start;
    if (!touching) {
      blocks.push(stripe.block(slot, range));
      return;
    }
    if (range.start < start) blocks.push(stripe.block(slot, { start: range.start, end: start }));
    if (end < range.end) blocks.push(stripe.block(slot, { start: end, end: range.end }));
  }

  /** A member could not read a block. */
  #miss(slot: number, member: Member | null): void {
    this.unreadable = new Map([...this.unreadable, [slot, member]]);
    this.again = true;
  }

  /** A device that has got a slot meanwhile may hold what the one before could not read. */
  #forgetReplaced(members: Members): void {
    this.unreadable = new Map(
      [...this.unreadable].filter(([slot, member]) => members.member(slot) === member),
    );
  }

  #isMissing(slot: number, members: Members): boolean {
    const { outdated, memberOffset } = this.stripe;
    if (this.unreadable.has(slot) || outdated.has(slot)) return true;
    return !members.isInSync(slot, memberOffset + this.range.end);
  }

  #tooManyMissing(members: Members): RaidError {
    const slots = missing.toArray().map((slot) => {
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

/** The device of each slot. Until something has been read from it, the slot may have got another one. */
function devicesOf({ members, geometry }: StripeContext): readonly (Member | null)[] {
  return Array.from({ length: geometry.raidDisks }, (_, slot) => members.member(slot));
}

function noteRead(
  fetches: readonly Fetch[],
  blocks: readonly Block[],
  unread: readonly Block[],
  asked: readonly (Member | null)[],
): void {
  const unreadBlocks = unread.length === 0 ? NO_BLOCKS : new Set(unread);
  for (let i = 0; i < fetches.length; i++) (fetches[i] as Fetch).noteRead(blocks, unreadBlocks, asked);
}

async function compute(context: StripeContext, fetches: readonly Fetch[], failures: Failures): Promise<void> {
  const chains: Fetch[] = [];
  let last: Fetch | null = null;
  for (let i = 0; i < fetches.length; i++) {
    const fetch = fetches[i] as Fetch;
    if (last?.stripe === fetch.stripe) last.join(fetch);
    else {
      chains.push(fetch);
      last = fetch;
    }
  }
  await runChains(context, chains, failures);
  for (let i = 0; i < fetches.length; i++) {
    const fetch = fetches[i] as Fetch;
    if (!failures.has(fetch.stripe)) context.counters.computedBlocks += fetch.noteComputed();
  }
}

/** A block that a member could not read. */
interface DamagedBlock extends Block {
  readonly fetch: Fetch;
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
  const blocks = fetches.flatMap((fetch): DamagedBlock[] =>
    [...fetch.unreadable.keys()]
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
  for (let i = 0; i < slots.length; i++) {
    if (!isUptodate(stripe.pages[slots[i] as number] as StripePage, range)) return false;
  }
  return true;
}
