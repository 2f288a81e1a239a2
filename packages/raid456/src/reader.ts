import { throwIfAborted } from "./aborted.js";
import { allEnded } from "./all-ended.js";
import { type Transfer, Transfers } from "./member/transfers.js";
import { type StripeContext, throwFirst } from "./stripe/context.js";
import { fillStripes } from "./stripe/fill-stripes.js";
import { firstPageOffset, type Span, visitStripes } from "./stripe/span.js";
import { inWindow } from "./window.js";
import type { WriteQueue } from "./write-queue.js";

/** Transfers from members, and runs of stripes, that one read keeps in flight. */
const TRANSFER_WINDOW = 64;
const RUN_WINDOW = 4;

/**
 * Serves reads: straight from the members into the request's memory where the bytes are there, neighbouring pieces of a member in one
 * transfer. The stripe cache is asked only where a block has to be computed or repaired.
 */
export class Reader {
  readonly #context: StripeContext;
  readonly #writes: WriteQueue;

  constructor(context: StripeContext, writes: WriteQueue) {
    this.#context = context;
    this.#writes = writes;
  }

  /** Fills `into` from byte `offset` of the array. */
  async read(offset: number, into: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    // Stripes that are being written serve reads of what the write does not touch. A read of what it does touch comes after it.
    if (!this.#writes.idle) await this.#writes.settled(offset, into.length);

    const { geometry, stripeBytes } = this.#context;
    const request: Span = { offset, memory: into };
    const computed: number[] = [];
    let stripes = 0;
    visitStripes(geometry, stripeBytes, offset, offset + into.length, (stripe) => {
      if (!this.#isDirect(stripe, request)) computed.push(stripe);
      stripes += 1;
    });
    const direct = new Transfers<Span>();
    if (computed.length < stripes) this.#addDirect(direct, request, new Set(computed));
    const unread: Span[] = [];
    const whole = [request];
    await allEnded([
      this.#readDirectly(direct.all, unread, signal),
      this.#readFromStripes(computed, () => whole, signal),
    ]);
    // What a member could not read: the stripe tries again, computes the block and repairs the member.
    if (unread.length > 0) await this.#readAgain(unread, signal);
  }

  /**
   * Whether the members hold all that is wanted of a stripe. Where one block is computed, the others are read for that anyway; and when the array
   * has stopped, what is in memory may be newer than what is on the members.
   */
  #isDirect(stripe: number, { offset, memory }: Span): boolean {
    const { geometry, stripeBytes, members } = this.#context;
    if (members.stopped) return false;
    const memberOffset = stripe * stripeBytes;
    const { data } = geometry.row(Math.floor(memberOffset / geometry.chunkBytes));
    const first = firstPageOffset(geometry, stripeBytes, stripe);
    for (let index = 0; index < data.length; index++) {
      const page = first + index * geometry.chunkBytes;
      const end = Math.min(page + stripeBytes, offset + memory.length);
      const isWanted = Math.max(page, offset) < end;
      if (isWanted && !members.isInSync(data[index] as number, memberOffset + end - page)) return false;
    }
    return true;
  }

  /** Adds what is read straight from the members, cut at the ends of pages: all but what is in the stripes `apart`. */
  #addDirect(direct: Transfers<Span>, { offset, memory }: Span, apart: ReadonlySet<number>): void {
    const { geometry, stripeBytes } = this.#context;
    for (let done = 0; done < memory.length; ) {
      const at = geometry.locate(offset + done);
      const lengthBytes = Math.min(stripeBytes - (at.offset % stripeBytes), memory.length - done);
      const memberOffset = at.stripe * geometry.chunkBytes + at.offset;
      if (!apart.has(Math.floor(memberOffset / stripeBytes))) {
        const slot = geometry.row(at.stripe).data[at.index] as number;
        const part = memory.subarray(done, done + lengthBytes);
        direct.add(slot, memberOffset, part, { offset: offset + done, memory: part });
      }
      done += lengthBytes;
    }
  }

  async #readDirectly(
    transfers: readonly Transfer<Span>[],
    unread: Span[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await inWindow(transfers.length, TRANSFER_WINDOW, async (i) => {
      const transfer = transfers[i] as Transfer<Span>;
      throwIfAborted(signal);
      try {
        await this.#context.io.read(transfer);
      } catch {
        unread.push(...transfer.items);
      }
    });
  }

  /** Reads from stripes what is in one page of a stripe each. */
  async #readAgain(parts: readonly Span[], signal: AbortSignal | undefined): Promise<void> {
    const { geometry, stripeBytes } = this.#context;
    const byStripe = new Map<number, Span[]>();
    for (const part of parts) {
      const at = geometry.locate(part.offset);
      const stripe = Math.floor((at.stripe * geometry.chunkBytes + at.offset) / stripeBytes);
      const others = byStripe.get(stripe);
      if (others === undefined) byStripe.set(stripe, [part]);
      else others.push(part);
    }
    const stripes = [...byStripe.keys()].sort((a, b) => a - b);
    await this.#readFromStripes(stripes, (stripe) => byStripe.get(stripe) ?? [], signal);
  }

  /** @param stripes - their numbers, in order */
  async #readFromStripes(
    stripes: readonly number[],
    requestsOf: (stripe: number) => readonly Span[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const runs = runsOf(stripes, this.#context.maxRun);
    await inWindow(runs.length, RUN_WINDOW, async (i) => {
      const { first, end } = runs[i] as Run;
      for (let at = first; at < end; ) at += await this.#fillRun(at, end, requestsOf, signal);
    });
  }

  /** Serves as many stripes from `first` on as can be had at once. Returns how many. */
  async #fillRun(
    first: number,
    end: number,
    requestsOf: (stripe: number) => readonly Span[],
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { cache } = this.#context;
    const stripes = await cache.getRun(first, end - first);
    try {
      throwIfAborted(signal);
      const reads = stripes.map((stripe) => ({ stripe, requests: requestsOf(stripe.number) }));
      throwFirst(await fillStripes(this.#context, reads));
    } finally {
      cache.releaseAll(stripes);
    }
    return stripes.length;
  }
}

/** Stripes `first … end - 1`. */
interface Run {
  readonly first: number;
  end: number;
}

/** Numbers, which are in order, as runs of successive ones, `most` long at most. */
function runsOf(numbers: readonly number[], most: number): Run[] {
  const runs: Run[] = [];
  let last: Run | undefined;
  for (const number of numbers) {
    if (last !== undefined && last.end === number && number - last.first < most) {
      last.end += 1;
    } else {
      last = { first: number, end: number + 1 };
      runs.push(last);
    }
  }
  return runs;
}
