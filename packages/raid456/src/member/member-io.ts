import { allEnded } from "../all-ended.js";
import { RaidError } from "../errors.js";
import type { Member, Members } from "../members.js";
import type { ByteRange } from "../offload/page-op.js";
import type { Counters } from "../stats.js";
import type { StripeHead } from "../stripe/stripe-head.js";
import type { StripePage } from "../stripe/stripe-page.js";
import { type Transfer, Transfers } from "./transfers.js";
import { readVector, writeVector } from "./vector.js";

/** Part of a stripe's page, and of the block on the member that belongs to it. */
export interface Block {
  readonly stripe: StripeHead;
  readonly slot: number;
  readonly range: ByteRange;
}

/** Reads and writes the members, neighbouring blocks in one call. */
export class MemberIo {
  readonly #members: Members;
  readonly #counters: Counters;

  constructor(members: Members, counters: Counters) {
    this.#members = members;
    this.#counters = counters;
  }

  /** Reads into the memory of a transfer. Rejects as the device does. */
  read({ slot, memberOffset, lengthBytes, vector }: Transfer<unknown>): Promise<void> {
    const member = this.#members.member(slot);
    // Since the read was planned, the slot may have got another device.
    if (member === null || member.recoveredBytes < memberOffset + lengthBytes) {
      return Promise.reject(new RaidError("ERR_RAID_STATE", `slot ${slot} has lost its member`));
    }
    this.#counters.memberReads += 1;
    this.#counters.memberReadBytes += lengthBytes;
    return readVector(member.device, member.dataOffsetBytes + memberOffset, vector);
  }

  /** Reads blocks, side by side. Those of one slot have to come in order. Returns those that could not be read. */
  async readBlocks<B extends Block>(blocks: readonly B[]): Promise<B[]> {
    const transfers = gather(blocks);
    const unread: B[] = [];
    await allEnded(
      transfers.map((transfer) => this.read(transfer).catch(() => this.#readSplit(transfer, unread))),
    );
    this.#counters.readErrors += unread.length;
    return unread;
  }

  /**
   * Writes blocks, side by side, to the members that are there, and to those that are to replace them. Those of one slot have to come
   * in order. A member that doesn't take its blocks fails.
   *
   * @returns blocks that are not where they must be, because the array has stopped
   */
  async writeBlocks(blocks: readonly Block[]): Promise<Block[]> {
    const unwritten: Block[] = [];
    const writes: Promise<void>[] = [];
    for (const transfer of gather(blocks)) {
      const { slot } = transfer;
      const member = this.#members.member(slot);
      const replacement = this.#members.replacement(slot);
      if (member !== null) writes.push(this.#write(member, transfer, unwritten));
      if (replacement !== null) writes.push(this.#write(replacement, transfer, unwritten));
    }
    await allEnded(writes);
    return unwritten;
  }

  /** Writes blocks to one device only, which is to replace a member. If it does not take them, it fails. */
  async writeBlocksTo(member: Member, blocks: readonly Block[]): Promise<void> {
    await allEnded(gather(blocks).map((transfer) => this.#write(member, transfer, [])));
  }

  /** Gives the room of `lengthBytes` bytes back on every member. One that can't do it fails. */
  async discard(memberOffset: number, lengthBytes: number): Promise<void> {
    const discarding: Promise<void>[] = [];
    for (const [slot, member] of this.#members.writable()) {
      const done = member.device.discard?.(member.dataOffsetBytes + memberOffset, lengthBytes);
      if (done !== undefined) discarding.push(done.catch(() => this.#members.fail(slot, member)));
    }
    await allEnded(discarding);
  }

  /** Reads the blocks of a transfer that has failed one by one: a bad one is no reason to compute its neighbours as well. */
  async #readSplit<B>({ slot, memberOffset, vector, items }: Transfer<B>, unread: B[]): Promise<void> {
    if (items.length === 1) {
      unread.push(items[0] as B);
      return;
    }
    let offset = memberOffset;
    for (const [i, memory] of vector.entries()) {
      const item = items[i] as B;
      const one = { slot, memberOffset: offset, lengthBytes: memory.length, vector: [memory], items: [item] };
      await this.read(one).catch(() => unread.push(item));
      offset += memory.length;
    }
  }

  #write(member: Member, transfer: Transfer<Block>, unwritten: Block[]): Promise<void> {
    const { slot, memberOffset, lengthBytes, vector, items } = transfer;
    // Of a member that failed before, but is still needed: it would take the array's last good bytes.
    if (!this.#members.takesWrites(slot, member)) {
      unwritten.push(...items);
      return Promise.resolve();
    }
    this.#counters.memberWrites += 1;
    this.#counters.memberWrittenBytes += lengthBytes;
    return writeVector(member.device, member.dataOffsetBytes + memberOffset, vector).catch(async () => {
      await this.#members.fail(slot, member);
      if (this.#members.stopped) unwritten.push(...items);
    });
  }
}

function gather<B extends Block>(blocks: readonly B[]): readonly Transfer<B>[] {
  const transfers = new Transfers<B>();
  for (let i = 0; i < blocks.length; i++) {
    const block = blocks[i] as B;
    const { stripe, slot, range } = block;
    transfers.add(
      slot,
      stripe.memberOffset + range.start,
      pageBytes(stripe.pages[slot] as StripePage, range),
      block,
    );
  }
  return transfers.all;
}

/** A member is about to read or write the page: an owner like any other, so an engine has to give the page up first. */
function pageBytes(page: StripePage, range: ByteRange): Uint8Array {
  page.mapping?.toCpu(range);
  const { bytes } = page;
  return range.end - range.start === bytes.length ? bytes : bytes.subarray(range.start, range.end);
}
