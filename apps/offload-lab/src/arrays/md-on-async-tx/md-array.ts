import { AsyncTx } from "@dmaengine/async-tx";
import { Geometry } from "@dmaengine/raid456";
import type { Bench } from "../../machine/bench.js";
import { sum } from "../../sum.js";
import type { LabArray, LabArrayOptions } from "../lab-array.js";
import { Bio, type BioSegment } from "./bio.js";
import { handleStripe } from "./handle-stripe.js";
import { type OpsContext, raidRunOps } from "./raid-run-ops.js";
import { StripeCache } from "./stripe-cache.js";
import { STRIPE_BYTES, type StripeHead } from "./stripe-head.js";

/** Stripes that raid5d handles before it looks at its list again (`MAX_STRIPE_BATCH`). */
const MAX_STRIPE_BATCH = 8;

/**
 * An array as Linux md ran it on async_tx: stripes of 4 KiB, `handle_stripe` and `raid_run_ops` (drivers/md/raid5.c of Linux 4.0, before
 * stripes were batched and before RAID-6 had a read-modify-write). Where blocks are is raid456's `Geometry`.
 *
 * Members are memory and answer at once; like md, it reads blocks of members that are there straight into the request.
 */
export function openMdOnAsyncTx(bench: Bench, options: LabArrayOptions): LabArray {
  return new MdArray(bench, options);
}

class MdArray implements LabArray {
  readonly scenario = null;
  readonly #bench: Bench;
  readonly #asyncTx: AsyncTx;
  readonly #geometry: Geometry;
  /** By slot; null where one is missing. */
  readonly #members: (Uint8Array | null)[];
  readonly #cache: StripeCache;
  readonly #context: OpsContext;
  /** Stripes that raid5d has to look at, in order. */
  readonly #handleList = new Set<StripeHead>();
  #raid5dRuns = false;
  #fail!: (reason: unknown) => void;
  /** Rejects when raid5d can't go on: whoever waits for it learns why. */
  readonly #failed = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });
  /** Rows whose parity does not match, of the scrub that runs (`resync_mismatches`). */
  #mismatchRows = 0;

  constructor(bench: Bench, { shape, members, cacheBytes, mdSkipCopy }: LabArrayOptions) {
    // Nobody may be waiting when it happens.
    this.#failed.catch(() => {});
    this.#bench = bench;
    this.#geometry = new Geometry(shape);
    this.#members = [...members];
    this.#cache = new StripeCache(this.#geometry, cacheBytes / STRIPE_BYTES);
    this.#asyncTx = new AsyncTx(bench.engine, {
      allowBroken: true,
      cpuContext: () => bench.platform.irqs.context,
      onSoftware: bench.cpuWork,
    });
    this.#context = {
      asyncTx: this.#asyncTx,
      scribble: new Array<null>(shape.raidDisks + 2).fill(null),
      sparePage: new Uint8Array(STRIPE_BYTES),
      skipCopy: mdSkipCopy,
      handleAgain: (sh) => this.#handleAgain(sh),
    };
  }

  explain(): readonly string[] {
    return [
      "md on async_tx: every operation maps its own memory, and takes the channel that async_tx finds.",
    ];
  }

  get channelSwitches(): number {
    return this.#asyncTx.stats().channelSwitches;
  }

  /** Every copy by an engine maps the memory of a request once. All other mappings are of stripe pages, or of what stands in for them. */
  get stripePageMaps(): number {
    const devices = Object.values(this.#bench.engine.stats().devices);
    const copies = devices.flatMap(({ channels }) =>
      Object.values(channels).map(({ operations }) => operations["memcpy"]?.submitted ?? 0),
    );
    const maps = devices.map(({ mapping }) => mapping.maps);
    return sum(maps) - sum(copies);
  }

  async write(offsetBytes: number, from: Uint8Array): Promise<void> {
    const bio = new Bio();
    for (const { number, slot, segment } of this.#segments(bio, offsetBytes, from)) {
      await this.#giveWork(number, (sh) => {
        const dev = sh.dev(slot);
        bio.get();
        dev.towrite.push(segment);
        if (segment.lengthBytes === STRIPE_BYTES) dev.overwrite = true;
      });
    }
    await this.#wholeBio(bio);
  }

  async read(offsetBytes: number, into: Uint8Array): Promise<void> {
    const bio = new Bio();
    for (const { number, slot, segment } of this.#segments(bio, offsetBytes, into)) {
      const member = this.#members[slot];
      if (member != null) {
        // `raid5_read_one_chunk`: around the cache.
        const at = number * STRIPE_BYTES + segment.pageOffset;
        into.set(member.subarray(at, at + segment.lengthBytes), segment.memoryOffset);
        continue;
      }
      await this.#giveWork(number, (sh) => {
        bio.get();
        sh.dev(slot).toread.push(segment);
      });
    }
    await this.#wholeBio(bio);
  }

  async scrub(): Promise<number> {
    this.#mismatchRows = 0;
    const synced: Promise<void>[] = [];
    const stripes = this.#geometry.memberBytes / STRIPE_BYTES;
    for (let number = 0; number < stripes; number++) {
      await this.#giveWork(number, (sh) => {
        sh.syncing = true;
        sh.insync = false;
        synced.push(
          new Promise((resolve) => {
            sh.onSynced = resolve;
          }),
        );
      });
    }
    await this.#orFailure(Promise.all(synced));
    return this.#mismatchRows;
  }

  async fail(slot: number): Promise<void> {
    this.#members[slot] = null;
  }

  close(): Promise<void> {
    return this.#asyncTx.close();
  }

  /**
   * `raid5_get_active_stripe`: waits while all stripes are in use. md counts who holds a stripe; here it has its work before anybody else
   * runs, who would find it idle and release it.
   */
  async #giveWork(number: number, give: (sh: StripeHead) => void): Promise<void> {
    let sh = this.#cache.get(number);
    while (sh === null) {
      await this.#orFailure(this.#cache.released());
      sh = this.#cache.get(number);
    }
    give(sh);
    this.#handleAgain(sh);
  }

  #orFailure<T>(waited: Promise<T>): Promise<T> {
    return Promise.race([waited, this.#failed]);
  }

  async #wholeBio(bio: Bio): Promise<void> {
    bio.put();
    await this.#orFailure(bio.ended);
  }

  #handleAgain(sh: StripeHead): void {
    sh.handle = true;
    this.#handleList.add(sh);
    if (this.#raid5dRuns) return;
    this.#raid5dRuns = true;
    // A task of its own: this may be a callback, in which async_tx takes nothing.
    queueMicrotask(() => void this.#raid5d());
  }

  /** `raid5d`: handles stripes while there are any, then has the engines start on what was submitted. */
  async #raid5d(): Promise<void> {
    try {
      while (this.#handleList.size > 0) {
        for (const sh of [...this.#handleList].slice(0, MAX_STRIPE_BATCH)) {
          this.#handleList.delete(sh);
          sh.handle = false;
          await this.#handle(sh);
        }
      }
      this.#asyncTx.asyncTxIssuePendingAll();
      this.#raid5dRuns = false;
    } catch (reason) {
      this.#fail(reason);
    }
  }

  async #handle(sh: StripeHead): Promise<void> {
    const checked = sh.checkState === "result";
    const ops = handleStripe(sh, (slot) => this.#members[slot] != null);
    if (checked && sh.zeroSumResult.flags !== 0) this.#mismatchRows += 1;
    await raidRunOps(this.#context, sh, ops);
    this.#runIo(sh);
    if (sh.idle) this.#cache.release(sh);
  }

  /** `ops_run_io`: members are memory, and answer at once. */
  #runIo(sh: StripeHead): void {
    sh.devs.forEach((dev, slot) => {
      if (!dev.wantread && !dev.wantwrite) return;
      const at = sh.number * STRIPE_BYTES;
      const block = this.#members[slot]?.subarray(at, at + STRIPE_BYTES);
      if (dev.wantread && block !== undefined) {
        dev.page.set(block);
        dev.uptodate = true;
      }
      if (dev.wantwrite) block?.set(dev.page);
      dev.wantread = false;
      dev.wantwrite = false;
      dev.locked = false;
      this.#handleAgain(sh);
    });
  }

  /** Cuts a request into the blocks that it touches. */
  *#segments(
    bio: Bio,
    offsetBytes: number,
    memory: Uint8Array,
  ): Generator<{ readonly number: number; readonly slot: number; readonly segment: BioSegment }> {
    const { chunkBytes } = this.#geometry;
    for (let memoryOffset = 0; memoryOffset < memory.length; ) {
      const { stripe, index, offset } = this.#geometry.locate(offsetBytes + memoryOffset);
      const slot = this.#geometry.row(stripe).data[index] as number;
      const memberOffset = stripe * chunkBytes + offset;
      const pageOffset = memberOffset % STRIPE_BYTES;
      const lengthBytes = Math.min(STRIPE_BYTES - pageOffset, memory.length - memoryOffset);
      yield {
        number: Math.floor(memberOffset / STRIPE_BYTES),
        slot,
        segment: { bio, memory, memoryOffset, pageOffset, lengthBytes },
      };
      memoryOffset += lengthBytes;
    }
  }
}
