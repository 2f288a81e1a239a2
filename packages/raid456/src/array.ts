import type { DmaEngine } from "@dmaengine/core";
import { RaidError } from "./errors.js";
import { Geometry, type GeometryOptions } from "./geometry.js";
import { type ArrayMember, type ArrayMetadata, Members } from "./members.js";
import type { Offload } from "./offload/offload.js";
import { planOffload } from "./offload/plan.js";
import {
  checkStripe,
  fillFromStripe,
  type MismatchRow,
  type Piece,
  recoverStripe,
  resyncStripe,
  type StripeContext,
  writeStripe,
} from "./stripe/handle-stripe.js";
import { StripeCache } from "./stripe/stripe-cache.js";
import { StripeHead } from "./stripe/stripe-head.js";
import { inWindow } from "./window.js";

/** Largest block of a stripe in memory: big enough to keep devices busy, small enough for many stripes. */
const MAX_STRIPE_BYTES = 64 * 1024;
/** md's default number of stripes in the cache (`NR_STRIPES`) holds 1 MiB of each member; so does this one by default, four times over. */
const DEFAULT_CACHE_BYTES_PER_MEMBER = 4 * 1024 * 1024;
/** Requests to members that one read keeps in flight. */
const READ_WINDOW = 64;

/** What an array is opened with. */
export interface RaidArrayOptions extends GeometryOptions {
  /** One entry for each slot, in order; null where the member is missing. */
  readonly members: readonly (ArrayMember | null)[];
  /** Whose channels do the work, if they can. Left out: the CPU does it. */
  readonly engine?: DmaEngine;
  /** Who keeps the metadata. Left out: nobody. */
  readonly metadata?: ArrayMetadata;
  /** How much of the members, in bytes, has parity that is right. Beyond it, writes make parity from all data. Default: all. */
  readonly resyncedBytes?: number;
  /** Refuse every write. Default false. */
  readonly readOnly?: boolean;
  /** Number of stripes in memory. Each takes {@link RaidArray.stripeBytes} for each member. Default: 4 MiB of each member. */
  readonly cacheStripes?: number;
}

/** How far a long operation is. */
export interface SyncProgress {
  /** Bytes of each member that are done, and that there are. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Options of the operations that go through the whole array. */
export interface SyncOptions {
  /** Ends the operation early: it rejects with `ERR_RAID_ABORTED`. What was done up to then stays done. */
  readonly signal?: AbortSignal;
  /** Called as the operation goes on. It is waited for, so it may store a checkpoint: everything before it is done. */
  readonly onProgress?: (progress: SyncProgress) => void | Promise<void>;
}

/** What a check or repair found. */
export interface CheckReport {
  /** Rows whose parity did not match, in order. */
  readonly mismatches: readonly MismatchRow[];
  /** As md counts them: 8 sectors for each row of 4 KiB (`mismatch_cnt`). */
  readonly mismatchSectors: number;
}

/**
 * A RAID-4, RAID-5 or RAID-6 array over member devices, with the same bytes on them as Linux md.
 *
 * Any number of operations may be in flight. A write is complete when its data and parity are on the members; {@link flush} makes it
 * durable. Requests that overlap are carried out in some order, stripe by stripe.
 */
export class RaidArray {
  readonly geometry: Geometry;
  /** Length of a stripe's block on each member, in bytes. */
  readonly stripeBytes: number;
  readonly #members: Members;
  readonly #metadata: ArrayMetadata | null;
  readonly #offload: Offload;
  readonly #cache: StripeCache;
  readonly #window: number;
  readonly #readOnly: boolean;
  readonly #context: StripeContext;
  #resyncedBytes: number;

  /**
   * Throws `ERR_RAID_GEOMETRY` for a geometry that no array can have, `ERR_RAID_FAILED` when more members are missing than the level can do without.
   */
  constructor(options: RaidArrayOptions) {
    this.geometry = new Geometry(options);
    if (options.members.length !== options.raidDisks) {
      throw new RaidError(
        "ERR_RAID_GEOMETRY",
        `expected ${options.raidDisks} members, null for a missing one, got ${options.members.length}`,
      );
    }
    this.stripeBytes = Math.min(this.geometry.chunkBytes, MAX_STRIPE_BYTES);
    this.#metadata = options.metadata ?? null;
    this.#readOnly = options.readOnly ?? false;
    this.#resyncedBytes = options.resyncedBytes ?? this.geometry.memberBytes;
    this.#members = new Members(this.geometry, options.members, this.#metadata);
    this.#offload = planOffload(options.engine ?? null, this.geometry);
    const stripes = options.cacheStripes ?? Math.ceil(DEFAULT_CACHE_BYTES_PER_MEMBER / this.stripeBytes);
    this.#cache = new StripeCache(
      stripes,
      () => new StripeHead(this.geometry, this.stripeBytes, this.#offload),
    );
    this.#members.onChange = () => this.#cache.invalidate();
    this.#window = stripes;
    this.#context = {
      members: this.#members,
      offload: this.#offload,
      repairReadErrors: !this.#readOnly,
    };
  }

  /** Slots that have no member, or one that is not rebuilt yet. */
  get degraded(): readonly number[] {
    return this.#members.degraded;
  }

  /** How much of the members has parity that is right, in bytes. */
  get resyncedBytes(): number {
    return this.#resyncedBytes;
  }

  /** How far the member of a slot is rebuilt, in bytes; infinite if it need not be. */
  recoveredBytes(slot: number): number {
    return this.#members.recoveredBytes(slot);
  }

  /** Who does the work, and why, a sentence a line. */
  explain(): readonly string[] {
    return this.#offload.explain();
  }

  /**
   * Fills `into` from byte `offset` of the array.
   * Rejects with `ERR_RAID_RANGE` outside it, `ERR_RAID_FAILED` when a part can neither be read nor computed.
   */
  async read(offset: number, into: Uint8Array): Promise<void> {
    this.geometry.checkRange(offset, into.length);
    const pieces = [...this.#split(offset, into)];
    await inWindow(pieces.length, READ_WINDOW, (i) => {
      const [stripe, piece] = pieces[i] as [number, Piece];
      return this.#readPiece(stripe, piece);
    });
  }

  /**
   * Writes `from` at byte `offset` of the array; resolves when data and parity are on the members.
   * Rejects with `ERR_RAID_RANGE`, `ERR_RAID_READ_ONLY` or `ERR_RAID_FAILED`; after the last, parts of the range may hold old and others new bytes.
   */
  async write(offset: number, from: Uint8Array): Promise<void> {
    this.geometry.checkRange(offset, from.length);
    this.#checkWritable();
    if (from.length === 0) return;
    const byStripe = new Map<number, Piece[]>();
    for (const [stripe, piece] of this.#split(offset, from)) {
      const pieces = byStripe.get(stripe);
      if (pieces === undefined) byStripe.set(stripe, [piece]);
      else pieces.push(piece);
    }
    await this.#metadata?.markDirty();
    const work = [...byStripe];
    await inWindow(work.length, this.#window, (i) => {
      const [number, pieces] = work[i] as [number, Piece[]];
      return this.#withStripe(number, (stripe) =>
        writeStripe(this.#context, stripe, pieces, this.#parityTrusted(stripe)),
      );
    });
  }

  /** Makes every completed write durable. */
  async flush(): Promise<void> {
    await this.#members.flush();
  }

  /** Takes a member out of the array, as if it had failed. Rejects with `ERR_RAID_FAILED`, and leaves it in, if the array can't do without it. */
  async fail(slot: number): Promise<void> {
    this.#members.checkDispensable(slot);
    await this.#members.fail(slot);
  }

  /** Puts a device into an empty slot. {@link rebuild} fills it. */
  add(slot: number, member: ArrayMember): void {
    this.#checkWritable();
    this.#members.add(slot, member);
    this.#cache.invalidate();
  }

  /**
   * Rebuilds every member that does not hold what it should yet, from where the last rebuild stopped.
   * Rejects with `ERR_RAID_STATE` when one of them fails meanwhile.
   */
  async rebuild(options: SyncOptions = {}): Promise<void> {
    this.#checkWritable();
    const slots = this.#members.recovering;
    if (slots.length === 0) return;
    const from = Math.min(...slots.map((slot) => this.#members.recoveredBytes(slot)));
    await this.#forAllStripes(
      from,
      options,
      (stripe) => recoverStripe(this.#context, stripe, slots),
      (doneBytes) => {
        for (const slot of slots) this.#members.setRecoveredBytes(slot, doneBytes);
      },
    );
    const lost = slots.filter((slot) => !this.#members.isPresent(slot));
    if (lost.length > 0) {
      throw new RaidError(
        "ERR_RAID_STATE",
        `the members of slots ${lost.join(", ")} failed while they were rebuilt`,
      );
    }
    for (const slot of slots) this.#members.setRecoveredBytes(slot, Number.POSITIVE_INFINITY);
  }

  /** Makes parity right where it never was, from where the last resync stopped. */
  async resync(options: SyncOptions = {}): Promise<void> {
    this.#checkWritable();
    await this.#forAllStripes(
      this.#resyncedBytes,
      options,
      (stripe) => resyncStripe(this.#context, stripe),
      (doneBytes) => {
        this.#resyncedBytes = doneBytes;
      },
    );
  }

  /** Reads everything and compares data with parity (`echo check > sync_action`). Writes nothing. */
  async check(options: SyncOptions = {}): Promise<CheckReport> {
    this.#checkScrubbable();
    return await this.#scrub(false, options);
  }

  /**
   * The same, and makes parity that does not match anew from the data, as md does it (`echo repair > sync_action`). Whether
   * it was the data that was wrong is not asked.
   */
  async repair(options: SyncOptions = {}): Promise<CheckReport> {
    this.#checkWritable();
    this.#checkScrubbable();
    await this.#metadata?.markDirty();
    return await this.#scrub(true, options);
  }

  /** Ends the mappings and gives the engine's channel up. No operation may be in flight. The members stay open: they belong to the caller. */
  close(): void {
    this.#cache.close();
    this.#offload.close();
  }

  async #scrub(repair: boolean, options: SyncOptions): Promise<CheckReport> {
    const mismatches: MismatchRow[] = [];
    await this.#forAllStripes(0, options, async (stripe) => {
      mismatches.push(...(await checkStripe(this.#context, stripe, repair)));
    });
    mismatches.sort((a, b) => a.memberOffset - b.memberOffset);
    const mismatchSectors = mismatches.reduce((sum, row) => sum + row.lengthBytes / 512, 0);
    return { mismatches, mismatchSectors };
  }

  /** Goes through the members from byte `from` to the end, stripe by stripe, many at a time. */
  async #forAllStripes(
    from: number,
    { signal, onProgress }: SyncOptions,
    task: (stripe: StripeHead) => Promise<void>,
    onDone?: (doneBytes: number) => void,
  ): Promise<void> {
    const totalBytes = this.geometry.memberBytes;
    const first = Math.floor(from / this.stripeBytes);
    const count = Math.max(0, totalBytes / this.stripeBytes - first);
    await inWindow(
      count,
      this.#window,
      async (i) => {
        if (signal?.aborted)
          throw new RaidError("ERR_RAID_ABORTED", "the operation was aborted", { cause: signal.reason });
        await this.#withStripe(first + i, task);
      },
      async (completed) => {
        const doneBytes = (first + completed) * this.stripeBytes;
        onDone?.(doneBytes);
        await onProgress?.({ doneBytes, totalBytes });
      },
    );
  }

  async #readPiece(number: number, piece: Piece): Promise<void> {
    const offset = number * this.stripeBytes + piece.pageOffset;
    if (this.#members.isInSync(piece.slot, offset + piece.lengthBytes)) {
      const into = piece.memory.subarray(piece.memoryOffset, piece.memoryOffset + piece.lengthBytes);
      try {
        return await this.#members.read(piece.slot, offset, into);
      } catch {
        // The stripe is asked instead: it tries again, computes the block and repairs the member.
      }
    }
    await this.#withStripe(number, (stripe) => fillFromStripe(this.#context, stripe, piece));
  }

  async #withStripe(number: number, task: (stripe: StripeHead) => Promise<void>): Promise<void> {
    const stripe = await this.#cache.get(number);
    try {
      await task(stripe);
    } finally {
      this.#cache.release(stripe);
    }
  }

  /** Beyond the resync checkpoint parity was never right: adding to it would keep it wrong (`handle_stripe_dirtying`). */
  #parityTrusted(stripe: StripeHead): boolean {
    return stripe.memberOffset + this.stripeBytes <= this.#resyncedBytes;
  }

  #checkScrubbable(): void {
    if (this.degraded.length >= this.geometry.parityDisks) {
      throw new RaidError(
        "ERR_RAID_STATE",
        `there is nothing to check data against: slots ${this.degraded.join(", ")} are missing or not rebuilt yet`,
      );
    }
  }

  #checkWritable(): void {
    if (this.#readOnly) throw new RaidError("ERR_RAID_READ_ONLY", "the array was opened read-only");
    this.#members.checkAlive();
  }

  /** Cuts a request into pieces of one page each, with the numbers of their stripes. */
  *#split(offset: number, memory: Uint8Array): Generator<[stripe: number, piece: Piece]> {
    const { geometry, stripeBytes } = this;
    for (let memoryOffset = 0; memoryOffset < memory.length; ) {
      const at = geometry.locate(offset + memoryOffset);
      const memberOffset = at.stripe * geometry.chunkBytes + at.offset;
      const pageOffset = memberOffset % stripeBytes;
      const lengthBytes = Math.min(stripeBytes - pageOffset, memory.length - memoryOffset);
      const slot = geometry.row(at.stripe).data[at.index] as number;
      yield [Math.floor(memberOffset / stripeBytes), { slot, pageOffset, memory, memoryOffset, lengthBytes }];
      memoryOffset += lengthBytes;
    }
  }
}
