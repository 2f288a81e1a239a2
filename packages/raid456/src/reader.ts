import { throwIfAborted } from "./aborted.js";
import { allEnded } from "./all-ended.js";
import { type Transfer, Transfers } from "./member/transfers.js";
import { type StripeContext, throwFirst } from "./stripe/context.js";
import { fillStripes } from "./stripe/fill-stripes.js";
import { type Piece, piecesOf } from "./stripe/piece.js";
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
    const { geometry, stripeBytes } = this.#context;
    const pieces = piecesOf(geometry, stripeBytes, offset, into);
    // Stripes that are being written serve reads of what the write does not touch. A read of what it does touch comes after it.
    if (!this.#writes.idle) await this.#writes.settled(pieces);

    // Where one block of a stripe is computed, the others are read for that anyway.
    const computedStripes = new Set<number>();
    for (const piece of pieces) if (!this.#isDirect(piece)) computedStripes.add(piece.stripe);
    const direct = new Transfers<Piece>();
    const computed: Piece[] = [];
    for (const piece of pieces) {
      if (computedStripes.has(piece.stripe)) computed.push(piece);
      else direct.add(piece.slot, this.#memberOffset(piece), memoryOf(piece), piece);
    }
    const unread: Piece[] = [];
    await allEnded([this.#readDirectly(direct.all, unread, signal), this.#readFromStripes(computed, signal)]);
    // What a member could not read: the stripe tries again, computes the block and repairs the member.
    if (unread.length > 0) await this.#readFromStripes(unread, signal);
  }

  /** When the array has stopped, what is in memory may be newer than what is on the members. */
  #isDirect(piece: Piece): boolean {
    const { members } = this.#context;
    return !members.stopped && members.isInSync(piece.slot, this.#memberOffset(piece) + piece.lengthBytes);
  }

  #memberOffset({ stripe, pageOffset }: Piece): number {
    return stripe * this.#context.stripeBytes + pageOffset;
  }

  async #readDirectly(
    transfers: readonly Transfer<Piece>[],
    unread: Piece[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await inWindow(transfers.length, TRANSFER_WINDOW, async (i) => {
      const transfer = transfers[i] as Transfer<Piece>;
      throwIfAborted(signal);
      try {
        await this.#context.io.read(transfer);
      } catch {
        unread.push(...transfer.items);
      }
    });
  }

  async #readFromStripes(pieces: readonly Piece[], signal: AbortSignal | undefined): Promise<void> {
    const byStripe = new Map<number, Piece[]>();
    for (const piece of pieces) {
      const others = byStripe.get(piece.stripe);
      if (others === undefined) byStripe.set(piece.stripe, [piece]);
      else others.push(piece);
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
}

/** Stripes `first … end - 1`. */
interface Run {
  readonly first: number;
  end: number;
}

/** Numbers as runs of successive ones, `most` long at most. */
function runsOf(numbers: readonly number[], most: number): Run[] {
  const runs: Run[] = [];
  let last: Run | undefined;
  for (const number of numbers.toSorted((a, b) => a - b)) {
    if (last !== undefined && last.end === number && number - last.first < most) {
      last.end += 1;
    } else {
      last = { first: number, end: number + 1 };
      runs.push(last);
    }
  }
  return runs;
}

function memoryOf({ memory, memoryOffset, lengthBytes }: Piece): Uint8Array {
  return memory.subarray(memoryOffset, memoryOffset + lengthBytes);
}
