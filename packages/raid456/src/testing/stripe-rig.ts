import type { DmaDriver, DmaTraceEvent } from "@dmaengine/core";
import { DmaEngine, SumCheck } from "@dmaengine/core";
import { RaidError } from "../errors.js";
import { Geometry } from "../geometry.js";
import type { RaidLevel } from "../layout.js";
import { CpuWork } from "../offload/cpu-work.js";
import { Offload, type OffloadOptions } from "../offload/offload.js";
import type { ByteRange, PageOp } from "../offload/page-op.js";
import { StripeHead } from "../stripe/stripe-head.js";
import { NOTHING, type StripePage } from "../stripe/stripe-page.js";
import { addToParity, checkParity, Recovery, reconstruct } from "../stripe/syndrome.js";
import { randomBytes } from "./model.js";

/** What a {@link StripeRig} is made of. */
export interface StripeRigOptions {
  readonly drivers: readonly DmaDriver[];
  readonly level: RaidLevel;
  readonly raidDisks: number;
  /** Default 16384. */
  readonly pageBytes?: number;
  /** Default 2. */
  readonly stripes?: number;
  readonly offload?: OffloadOptions;
  /** Stripes are arranged like this one and those behind it. Default 0. */
  readonly firstStripe?: number;
  readonly trace?: (event: DmaTraceEvent) => void;
}

/** A stripe, and what its pages must hold: the same chains run on plain memory by the CPU. */
export interface MirroredStripe {
  readonly stripe: StripeHead;
  readonly mirror: readonly StripePage[];
}

/**
 * Stripes without an array: chains run on the offload under test and on plain memory beside it, and pages are compared as their members would see
 * them.
 */
export class StripeRig {
  readonly engine: DmaEngine;
  readonly offload: Offload;
  readonly geometry: Geometry;
  readonly pageBytes: number;
  readonly stripes: readonly MirroredStripe[];
  /** What found no caller. */
  readonly uncaught: unknown[];
  /** Chains that were given up because an engine failed. */
  failures = 0;
  readonly #tasks = new Map<StripeHead, Promise<void>>();
  readonly #removals = new Map<DmaDriver, Promise<void>>();
  readonly #drivers: readonly DmaDriver[];
  readonly #cpu = new CpuWork(undefined);

  private constructor(
    { level, raidDisks, drivers, pageBytes = 16384, stripes = 2, offload, firstStripe = 0 }: StripeRigOptions,
    engine: DmaEngine,
    uncaught: unknown[],
  ) {
    this.engine = engine;
    this.uncaught = uncaught;
    this.#drivers = drivers;
    this.pageBytes = pageBytes;
    this.geometry = new Geometry({ level, raidDisks, chunkBytes: pageBytes, memberBytes: 64 * pageBytes });
    this.offload = new Offload(engine, this.geometry, pageBytes, offload);
    this.stripes = Array.from({ length: stripes }, (_, i) => {
      const stripe = new StripeHead(this.geometry, pageBytes, this.offload.pageMemory);
      stripe.become(firstStripe + i);
      const mirror = stripe.pages.map(() => ({
        bytes: new Uint8Array(pageBytes),
        mapping: null,
        valid: NOTHING,
      }));
      return { stripe, mirror };
    });
    this.offload.onDeviceGone = async (device) => {
      for (const { stripe } of this.stripes) await this.#alone(stripe, () => stripe.unmapFrom(device));
    };
  }

  /** The checker is on. */
  static async make(options: StripeRigOptions): Promise<StripeRig> {
    const uncaught: unknown[] = [];
    const engine = new DmaEngine({
      checker: true,
      onUncaught: (error) => uncaught.push(error),
      ...(options.trace && { trace: options.trace }),
    });
    for (const driver of options.drivers) await engine.register(driver);
    return new StripeRig(options, engine, uncaught);
  }

  /** Fills all pages as members would, with right parity. */
  fillStripes(seed: number): void {
    for (const { stripe, mirror } of this.stripes) {
      const whole = { start: 0, end: this.pageBytes };
      for (const [slot, page] of mirror.entries()) page.bytes.set(randomBytes(this.pageBytes, seed + slot));
      for (const op of reconstruct({ row: stripe.row, pages: mirror }, whole, new Set())) this.#cpu.do(op);
      for (const [slot, page] of mirror.entries()) this.memberReads(stripe, slot, whole).set(page.bytes);
    }
  }

  /** A member's I/O on a page: its bytes, in the member's hands. */
  memberReads(stripe: StripeHead, slot: number, range: ByteRange): Uint8Array {
    const page = stripe.pages[slot] as StripePage;
    page.mapping?.toCpu(range);
    return page.bytes.subarray(range.start, range.end);
  }

  /** Runs a chain on both. `make` makes it for pages, and is called once for each. */
  async run(
    { stripe, mirror }: MirroredStripe,
    make: (pages: { row: StripeHead["row"]; pages: readonly StripePage[] }) => readonly PageOp[],
  ): Promise<void> {
    await this.#untilDone(stripe, mirror, () => make(stripe));
    for (const op of make({ row: stripe.row, pages: mirror })) this.#cpu.do(op);
  }

  /** Drains a write into some data pages and brings parity up to date, by reconstruct-write or read-modify-write. */
  async write(target: MirroredStripe, pieces: readonly WritePiece[], rmw: boolean): Promise<void> {
    const { data } = target.stripe.row;
    const start = Math.min(...pieces.map(({ offset }) => offset));
    const end = Math.max(...pieces.map(({ offset, bytes }) => offset + bytes.length));
    const range = { start: start - (start % 512), end: Math.ceil(end / 512) * 512 };
    const slots = [...new Set(pieces.map(({ index }) => data[index] as number))];
    await this.run(target, (pages) => {
      const drains = pieces.map(
        ({ index, offset, bytes }): PageOp => ({
          op: "drain",
          page: pages.pages[data[index] as number] as StripePage,
          pageOffset: offset,
          from: bytes,
          fromOffset: 0,
          lengthBytes: bytes.length,
        }),
      );
      return rmw
        ? [...addToParity(pages, slots, range, NONE), ...drains, ...addToParity(pages, slots, range, NONE)]
        : [...drains, ...reconstruct(pages, range, NONE)];
    });
  }

  /** Spoils the pages of missing members and computes them anew. */
  async recover(target: MirroredStripe, missing: readonly number[], range: ByteRange): Promise<void> {
    const recovery = new Recovery(target.stripe.row, missing, missing);
    await this.run(target, (pages) => {
      for (const slot of missing) {
        const page = pages.pages[slot] as StripePage;
        page.mapping?.toCpu(range);
        page.bytes.fill(0xee, range.start, range.end);
      }
      return recovery.chain(pages, range);
    });
  }

  /** Checks parity, of the pages as they are. */
  async check(target: MirroredStripe, range: ByteRange, leaveOut: readonly number[] = []): Promise<SumCheck> {
    const result = new SumCheck();
    const { stripe } = target;
    const pages = stripe.pages.map(({ bytes }, slot) => {
      this.memberReads(stripe, slot, { start: 0, end: this.pageBytes });
      return { bytes: bytes.slice(), mapping: null, valid: NOTHING };
    });
    await this.#untilDone(stripe, pages, () => checkParity(stripe, range, new Set(leaveOut), result));
    return result;
  }

  /** Copies a piece of a page out, as for a read request. */
  async read(
    { stripe, mirror }: MirroredStripe,
    index: number,
    offset: number,
    into: Uint8Array,
  ): Promise<void> {
    await this.#untilDone(stripe, mirror, () => {
      const page = stripe.pages[stripe.row.data[index] as number] as StripePage;
      return [{ op: "fill", page, pageOffset: offset, into, intoOffset: 0, lengthBytes: into.length }];
    });
  }

  /** Does what an array does when an engine fails: reads everything from the members again, which hold what they held, and starts anew. */
  #untilDone(
    stripe: StripeHead,
    members: readonly StripePage[],
    make: () => readonly PageOp[],
  ): Promise<void> {
    return this.#alone(stripe, async () => {
      for (let attempt = 1; ; attempt++) {
        const work = { chain: make() };
        const failed = await this.offload.run([work], attempt > 2);
        if (!failed.has(work)) return;
        const error = failed.get(work);
        if (!RaidError.isInstance(error) || error.code !== "ERR_RAID_ENGINE") throw error;
        this.failures += 1;
        for (const [slot, { bytes }] of members.entries()) {
          this.memberReads(stripe, slot, { start: 0, end: this.pageBytes }).set(bytes);
        }
      }
    });
  }

  /** As the stripe cache has it: one task at a time has a stripe. */
  #alone(stripe: StripeHead, task: () => void | Promise<void>): Promise<void> {
    const before = this.#tasks.get(stripe) ?? Promise.resolve();
    const now = before.then(task);
    this.#tasks.set(
      stripe,
      now.catch(() => {}),
    );
    return now;
  }

  /** The first page that does not hold what it must, in words; null if all do. */
  firstDifference(): string | null {
    const whole = { start: 0, end: this.pageBytes };
    for (const { stripe, mirror } of this.stripes) {
      for (const [slot, page] of mirror.entries()) {
        const bytes = this.memberReads(stripe, slot, whole);
        const at = bytes.findIndex((byte, i) => byte !== page.bytes[i]);
        if (at >= 0) return `stripe ${stripe.number}, slot ${slot}, byte ${at}`;
      }
    }
    return null;
  }

  /** Takes a driver away while its engines are in use. */
  remove(driver: DmaDriver): void {
    this.#removals.set(driver, this.engine.remove(driver));
  }

  /** Gives everything back: with the checker on, a leak would be refused. */
  async finish(): Promise<void> {
    for (const { stripe } of this.stripes) stripe.free();
    this.offload.close();
    for (const driver of this.#drivers) {
      await (this.#removals.get(driver) ?? this.engine.unregister(driver));
    }
    if (this.uncaught.length > 0) throw this.uncaught[0];
  }
}

/** A piece of a write request: bytes for the data page of this index. */
export interface WritePiece {
  readonly index: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const NONE: ReadonlySet<number> = new Set();
