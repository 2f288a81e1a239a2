import { throwIfAborted } from "./aborted.js";
import { allEnded } from "./all-ended.js";
import { type Transfer, Transfers } from "./member/transfers.js";
import { type StripeContext, throwFirst } from "./stripe/context.js";
import { fillStripes } from "./stripe/fill-stripes.js";
import { type Extent, extentsOf, type Piece, piecesOf } from "./stripe/piece.js";
import { inWindow } from "./window.js";
import type { WriteQueue } from "./write-queue.js";

/** Transfers from members, and runs of stripes, that one read keeps in flight. */
const TRANSFER_WINDOW = 64;
const RUN_WINDOW = 4;

/**
 * Serves reads: straight from the members into the request's memory where the bytes are there, neighbouring chunks of a member in one
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
    const extents = extentsOf(this.#context.geometry, offset, into);
    // Stripes that are being written serve reads of what the write does not touch. A read of what it does touch comes after it.
    if (!this.#writes.idle) await this.#writes.settled(this.#pieces(extents));

    // Where one block of a row is computed, the others are read for that anyway.
    const computedRows = new Set<number>();
    for (const extent of extents) if (!this.#isDirect(extent)) computedRows.add(extent.row);
    const direct = new Transfers<Extent>();
    const computed: Extent[] = [];
    for (const extent of extents) {
      if (computedRows.has(extent.row)) computed.push(extent);
      else direct.add(extent.slot, extent.memberOffset, memoryOf(extent), extent);
    }
    const unread: Extent[] = [];
    await allEnded([this.#readDirectly(direct.all, unread, signal), this.#readFromStripes(computed, signal)]);
    // What a member could not read: the stripe tries again, computes the block and repairs the member.
    await this.#readFromStripes(unread, signal);
  }

  /** When the array has stopped, what is in memory may be newer than what is on the members. */
  #isDirect({ slot, memberOffset, lengthBytes }: Extent): boolean {
    const { members } = this.#context;
    return !members.stopped && members.isInSync(slot, memberOffset + lengthBytes);
  }

  async #readDirectly(
    transfers: readonly Transfer<Extent>[],
    unread: Extent[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await inWindow(transfers.length, TRANSFER_WINDOW, async (i) => {
      const transfer = transfers[i] as Transfer<Extent>;
      throwIfAborted(signal);
      try {
        await this.#context.io.read(transfer);
      } catch {
        unread.push(...transfer.items);
      }
    });
  }

  async #readFromStripes(extents: readonly Extent[], signal: AbortSignal | undefined): Promise<void> {
    const byStripe = new Map<number, Piece[]>();
    for (const piece of this.#pieces(extents)) {
      const pieces = byStripe.get(piece.stripe);
      if (pieces === undefined) byStripe.set(piece.stripe, [piece]);
      else pieces.push(piece);
    }
    const runs = runsOf([...byStripe.keys()], this.#context.maxRun);
    await inWindow(runs.length, RUN_WINDOW, async (i) => {
      const { first, end } = runs[i] as Run;
      for (let at = first; at < end; ) at += await this.#fillRun(at, end, byStripe, signal);
    });
  }

  /** Serves as many stripes from `first` on as can be had at once. Returns how many. */
  async #fillRun(
    first: number,
    end: number,
    pieces: ReadonlyMap<number, readonly Piece[]>,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { cache } = this.#context;
    const stripes = await cache.getRun(first, end - first);
    try {
      throwIfAborted(signal);
      const reads = stripes.map((stripe) => ({ stripe, pieces: pieces.get(stripe.number) ?? [] }));
      throwFirst(await fillStripes(this.#context, reads));
    } finally {
      cache.releaseAll(stripes);
    }
    return stripes.length;
  }

  #pieces(extents: readonly Extent[]): Piece[] {
    return extents.flatMap((extent) => piecesOf(extent, this.#context.stripeBytes));
  }
}

/** Stripes `first … end - 1`. */
interface Run {
  readonly first: number;
  readonly end: number;
}

/** Numbers as runs of successive ones, `most` long at most. */
function runsOf(numbers: readonly number[], most: number): Run[] {
  const runs: Run[] = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last.end === number && number - last.first < most) {
      runs[runs.length - 1] = { first: last.first, end: number + 1 };
    } else {
      runs.push({ first: number, end: number + 1 });
    }
  }
  return runs;
}

function memoryOf({ memory, memoryOffset, lengthBytes }: Extent): Uint8Array {
  return memory.subarray(memoryOffset, memoryOffset + lengthBytes);
}
