import type { DmaEngine } from "@dmaengine/core";
import { RaidError } from "./errors.js";
import { Geometry, type GeometryOptions } from "./geometry.js";
import { MemberIo } from "./member/member-io.js";
import { type ArrayMember, type ArrayMetadata, Members } from "./members.js";
import { Offload, type OffloadOptions, type OffloadStats } from "./offload/offload.js";
import type { OffloadPlan } from "./offload/plan.js";
import { Reader } from "./reader.js";
import { type Counters, newCounters, type RaidStats } from "./stats.js";
import type { StripeContext } from "./stripe/context.js";
import { Recoveries } from "./stripe/recoveries.js";
import { StripeCache } from "./stripe/stripe-cache.js";
import { StripeHead } from "./stripe/stripe-head.js";
import { type SyncOptions, sweep } from "./sweep.js";
import { type CheckReport, Sync } from "./sync.js";
import { WriteQueue } from "./write-queue.js";

/** Largest block of a stripe in memory: big enough to keep devices busy, small enough for many stripes. */
const MAX_STRIPE_BYTES = 256 * 1024;
/** md's default number of stripes in the cache (`NR_STRIPES`) holds 1 MiB of each member; transfers here are longer, so that is eight times as much. */
const DEFAULT_CACHE_BYTES_PER_MEMBER = 8 * 1024 * 1024;
/** Most neighbouring stripes that are handled together. One task never holds more than a quarter of the cache. */
const MAX_RUN = 16;

/** What an array is opened with. */
export interface RaidArrayOptions extends GeometryOptions {
  /** One entry for each slot, in order; null where the member is missing. */
  readonly members: readonly (ArrayMember | null)[];
  /** Whose channels do the work, as far as they can. Left out: the CPU does it. */
  readonly engine?: DmaEngine;
  /** How engines are used. */
  readonly offload?: OffloadOptions;
  /** Who keeps the metadata. Left out: nobody. */
  readonly metadata?: ArrayMetadata;
  /** How much of the members, in bytes, has parity that is right. Beyond it, writes make parity from all data. Default: all. */
  readonly resyncedBytes?: number;
  /** Refuse every write. Default false. */
  readonly readOnly?: boolean;
  /** Number of stripes in memory. Each takes {@link RaidArray.stripeBytes} for each member. Default: 8 MiB of each member. */
  readonly cacheStripes?: number;
}

/** Options of a single request. */
export interface RequestOptions {
  /** Ends the request early, between two stripes: it rejects with `ERR_RAID_ABORTED`. Until then, its memory is in use. */
  readonly signal?: AbortSignal;
}

/**
 * A RAID-4, RAID-5 or RAID-6 array over member devices, with the same bytes on them as Linux md.
 *
 * Any number of operations may be in flight. A write is complete when its data and parity are on the members; {@link flush} makes it durable. A read
 * that is made after a write was completed sees it, as of any block device; so does one that is made while the write is in flight, unless it fails.
 * Writes in flight that overlap take effect in the order in which they were made. A write that is made while a read of the same bytes is in flight
 * may be seen by it or not, sector by sector. Where somebody keeps the metadata, a write counts as made when `markDirty` has resolved.
 */
export class RaidArray {
  readonly geometry: Geometry;
  /** Length of a stripe's block on each member, in bytes. */
  readonly stripeBytes: number;
  readonly #members: Members;
  readonly #metadata: ArrayMetadata | null;
  readonly #offload: Offload;
  readonly #cache: StripeCache;
  readonly #counters: Counters = newCounters();
  readonly #readOnly: boolean;
  readonly #context: StripeContext;
  readonly #writes: WriteQueue;
  readonly #reader: Reader;
  readonly #sync: Sync;

  /**
   * Throws `ERR_RAID_GEOMETRY` for a geometry that no array can have, `ERR_RAID_FAILED` when more members are missing than the level can do without.
   */
  constructor(options: RaidArrayOptions) {
    this.geometry = new Geometry(options);
    this.stripeBytes = Math.min(this.geometry.chunkBytes, MAX_STRIPE_BYTES);
    this.#metadata = options.metadata ?? null;
    this.#readOnly = options.readOnly ?? false;
    this.#members = new Members(this.geometry, options.members, this.#metadata);
    this.#offload = new Offload(options.engine ?? null, this.geometry, this.stripeBytes, options.offload);
    const stripes = options.cacheStripes ?? Math.ceil(DEFAULT_CACHE_BYTES_PER_MEMBER / this.stripeBytes);
    checkCacheSize(stripes);
    const { geometry, stripeBytes } = this;
    const { pageMemory } = this.#offload;
    this.#cache = new StripeCache(
      stripes,
      () => new StripeHead(geometry, stripeBytes, pageMemory),
      this.#counters,
    );
    this.#offload.onDeviceGone = (device) =>
      this.#cache.forEach((stripe) => {
        stripe.unmapFrom(device);
      });
    this.#context = {
      geometry,
      stripeBytes,
      maxRun: Math.min(MAX_RUN, Math.ceil(stripes / 4)),
      members: this.#members,
      io: new MemberIo(this.#members, this.#counters),
      offload: this.#offload,
      cache: this.#cache,
      recoveries: new Recoveries(),
      counters: this.#counters,
      repairReadErrors: !this.#readOnly,
      // Beyond the resync checkpoint parity was never right: adding to it would keep it wrong (`handle_stripe_dirtying`).
      parityTrusted: ({ memberOffset }) => memberOffset + stripeBytes <= this.#sync.resyncedBytes,
      readErrorRepaired: (slot, lengthBytes) => this.#metadata?.readErrorRepaired?.(slot, lengthBytes),
    };
    this.#writes = new WriteQueue(this.#context);
    this.#reader = new Reader(this.#context, this.#writes);
    this.#sync = new Sync(this.#context, this.#metadata, options.resyncedBytes ?? geometry.memberBytes);
  }

  /** Slots that have no member, one that has failed, or one that is not rebuilt yet. */
  get degraded(): readonly number[] {
    return this.#members.degraded;
  }

  /**
   * Whether one member too many has failed. Nothing is written any more; what was acknowledged can still be read, as far as the members
   * that are left can be. It lasts until the array is opened again.
   */
  get stopped(): boolean {
    return this.#members.stopped;
  }

  /** How much of the members has parity that is right, in bytes. */
  get resyncedBytes(): number {
    return this.#sync.resyncedBytes;
  }

  /** Number of stripes that memory is used for at most. */
  get cacheStripes(): number {
    return this.#cache.size;
  }

  /** How far the member of a slot is rebuilt, in bytes; infinite if it need not be. */
  recoveredBytes(slot: number): number {
    return this.#members.recoveredBytes(slot);
  }

  /** Who does the work, and why, a sentence a line. */
  explain(): readonly string[] {
    return this.#offload.explain();
  }

  /** What the array has done since it was opened. A copy. */
  stats(): RaidStats {
    return { ...this.#counters };
  }

  /** What engines and the CPU have done for it. A copy. */
  offloadStats(): OffloadStats {
    return this.#offload.stats();
  }

  /** Who does which work, and why, as data: what {@link explain} says in words. It is made again when engines come and go. */
  offloadPlan(): OffloadPlan {
    return this.#offload.plan;
  }

  /**
   * Fills `into` from byte `offset` of the array.
   * Rejects with `ERR_RAID_RANGE` outside it, `ERR_RAID_FAILED` when a part can neither be read nor computed, `ERR_RAID_ABORTED`.
   */
  async read(offset: number, into: Uint8Array, { signal }: RequestOptions = {}): Promise<void> {
    this.geometry.checkRange(offset, into.length);
    this.#counters.reads += 1;
    this.#counters.readBytes += into.length;
    await this.#reader.read(offset, into, signal);
  }

  /**
   * Writes `from` at byte `offset` of the array; resolves when data and parity are on the members.
   * Rejects with `ERR_RAID_RANGE`, `ERR_RAID_READ_ONLY`, `ERR_RAID_FAILED` or `ERR_RAID_ABORTED`; after the last two, parts of the range may hold
   * old and others new bytes.
   */
  async write(offset: number, from: Uint8Array, { signal }: RequestOptions = {}): Promise<void> {
    this.geometry.checkRange(offset, from.length);
    this.#checkWritable();
    if (from.length === 0) return;
    this.#counters.writes += 1;
    this.#counters.writtenBytes += from.length;
    if (this.#metadata !== null) await this.#metadata.markDirty();
    await this.#writes.write(offset, from, signal);
  }

  /** Makes every completed write durable. */
  async flush(): Promise<void> {
    await this.#members.flush();
  }

  /**
   * Gives the room of a range back: a hint, as of any block device. Where all members can discard, the stripes that lie wholly in the range are zeros
   * from then on, parity included. Everything else stays as it is. If it is refused, those stripes may hold anything.
   *
   * @returns how many bytes of the array were discarded
   */
  async discard(offset: number, lengthBytes: number, { signal }: RequestOptions = {}): Promise<number> {
    const { geometry, stripeBytes } = this;
    geometry.checkRange(offset, lengthBytes);
    this.#checkWritable();
    const first = Math.ceil(offset / geometry.stripeDataBytes);
    const count = Math.floor((offset + lengthBytes) / geometry.stripeDataBytes) - first;
    if (count <= 0 || !this.#members.canDiscard) return 0;
    await this.#metadata?.markDirty();
    const perChunk = geometry.chunkBytes / stripeBytes;
    await sweep(this.#context, first * perChunk, count * perChunk, signal, async (stripes) => {
      this.#members.checkAlive();
      const [{ memberOffset }] = stripes as [StripeHead];
      for (const stripe of stripes) stripe.forget();
      await this.#context.io.discard(memberOffset, stripes.length * stripeBytes);
      this.#members.checkAlive();
    });
    return count * geometry.stripeDataBytes;
  }

  /** Takes a member out of the array, as if it had failed. Rejects with `ERR_RAID_FAILED`, and leaves it in, if the array can't do without it. */
  async fail(slot: number): Promise<void> {
    this.#members.checkDispensable(slot);
    const member = this.#members.member(slot);
    if (member !== null) await this.#members.fail(slot, member);
  }

  /** Puts a device into an empty slot. {@link rebuild} fills it. */
  add(slot: number, member: ArrayMember): void {
    this.#checkWritable();
    this.#members.add(slot, member);
    // Where parity was never right, the cache may hold what the last member of the slot held.
    this.#cache.invalidate();
  }

  /**
   * Rebuilds every member that does not hold what it should yet, from where the last rebuild stopped.
   * Rejects with `ERR_RAID_STATE` when one of them fails meanwhile.
   */
  async rebuild(options: SyncOptions = {}): Promise<void> {
    this.#checkWritable();
    await this.#sync.rebuild(options);
  }

  /**
   * Replaces the member of a slot by another device, as md's hot replace: the member stays in use while the other one is filled, which then
   * takes over. If the member fails meanwhile, the other one is its successor at once, and the rest is computed.
   *
   * Rejects with `ERR_RAID_STATE` when the replacement fails, and with `ERR_RAID_ABORTED`; the member stays then. Unless it has failed: then
   * {@link rebuild} goes on where this has stopped.
   */
  async replace(slot: number, by: ArrayMember, options: SyncOptions = {}): Promise<void> {
    this.#checkWritable();
    await this.#sync.replace(slot, by, options);
  }

  /** Makes parity right where it never was, from where the last resync stopped. */
  async resync(options: SyncOptions = {}): Promise<void> {
    this.#checkWritable();
    await this.#sync.resync(options);
  }

  /**
   * Reads everything and compares data with parity (`echo check > sync_action`). Writes nothing.
   * Rejects with `ERR_RAID_STATE` where there is no parity left to compare with.
   */
  async check(options: SyncOptions = {}): Promise<CheckReport> {
    return await this.#sync.scrub("none", options);
  }

  /**
   * The same, and repairs what does not match.
   *
   * - `"parity"` makes parity anew from the data, as md does it (`echo repair > sync_action`). Whether it was the data that was wrong is not asked.
   * - `"located"`, on a RAID-6 with all members, writes the one block anew of which both syndromes say that it is wrong. Where they don't name one, nothing
   *   is changed: see {@link MismatchRow.wrongSlot}.
   *
   * Rejects with `ERR_RAID_STATE` where the array has too little redundancy for that.
   */
  async repair(how: "parity" | "located", options: SyncOptions = {}): Promise<CheckReport> {
    this.#checkWritable();
    return await this.#sync.scrub(how, options);
  }

  /**
   * Changes how much memory the array uses, in stripes, 1 at least. Less takes effect as stripes are given back.
   */
  resizeCache(stripes: number): void {
    checkCacheSize(stripes);
    this.#cache.resize(stripes);
  }

  /** Ends the mappings and gives the engine's channels up. No operation may be in flight. The members stay open: they belong to the caller. */
  close(): void {
    this.#cache.close();
    this.#offload.close();
  }

  #checkWritable(): void {
    if (this.#readOnly) throw new RaidError("ERR_RAID_READ_ONLY", "the array was opened read-only");
    this.#members.checkAlive();
  }
}

function checkCacheSize(stripes: number): void {
  if (Number.isSafeInteger(stripes) && stripes > 0) return;
  throw new RaidError("ERR_RAID_RANGE", `expected a number of stripes, 1 at least, got ${stripes}`);
}
