import { RaidError } from "./errors.js";
import type { ArrayMember, ArrayMetadata } from "./members.js";
import { checkStripes, type MismatchRepair, type MismatchRow } from "./stripe/check-stripes.js";
import type { StripeContext } from "./stripe/context.js";
import { recoverStripes, replaceStripes, resyncStripes } from "./stripe/recover-stripes.js";
import type { StripeHead } from "./stripe/stripe-head.js";
import { type SyncOptions, sweep } from "./sweep.js";

/** What a check or repair found. */
export interface CheckReport {
  /** Rows whose parity did not match, in order. */
  readonly mismatches: readonly MismatchRow[];
  /** As md counts them: 8 sectors for each row of 4 KiB (`mismatch_cnt`). */
  readonly mismatchSectors: number;
}

/** The operations that go through the whole array (`md_do_sync` of drivers/md/md.c). One at a time, as md's `sync_action`. */
export class Sync {
  readonly #context: StripeContext;
  readonly #metadata: ArrayMetadata | null;
  #resyncedBytes: number;
  /** The one that is under way. */
  #running: string | null = null;

  constructor(context: StripeContext, metadata: ArrayMetadata | null, resyncedBytes: number) {
    this.#context = context;
    this.#metadata = metadata;
    this.#resyncedBytes = resyncedBytes;
  }

  /** How much of the members has parity that is right, in bytes. */
  get resyncedBytes(): number {
    return this.#resyncedBytes;
  }

  /** Fills every member that is not rebuilt yet. */
  async rebuild(options: SyncOptions): Promise<void> {
    const { members } = this.#context;
    const slots = members.recovering;
    if (slots.length === 0) return;
    const targets = slots.map((slot) => members.member(slot));
    const lost = (): number[] => slots.filter((slot, i) => members.member(slot) !== targets[i]);
    const failed = (): RaidError =>
      new RaidError(
        "ERR_RAID_STATE",
        `the members of slots ${lost().join(", ")} failed while they were rebuilt`,
      );
    const from = Math.min(...slots.map((slot) => members.recoveredBytes(slot)));
    await this.#sweepMembers(
      "rebuild",
      from,
      options,
      (stripes) => {
        if (lost().length === slots.length) throw failed();
        return recoverStripes(this.#context, stripes, slots);
      },
      (doneBytes) => {
        for (const target of targets) if (target !== null) target.recoveredBytes = doneBytes;
      },
    );
    if (lost().length > 0) throw failed();
    for (const target of targets) if (target !== null) target.recoveredBytes = Number.POSITIVE_INFINITY;
  }

  /** Fills a device beside the member of a slot, and gives it the slot. */
  async replace(slot: number, by: ArrayMember, options: SyncOptions): Promise<void> {
    this.#checkIdle("replace");
    const { members } = this.#context;
    const replacement = members.addReplacement(slot, by);
    const inPlace = (): boolean => members.takesWrites(slot, replacement);
    try {
      await this.#sweepMembers(
        "replace",
        0,
        options,
        async (stripes) => {
          if (inPlace()) return await replaceStripes(this.#context, stripes, slot, replacement);
          throw new RaidError(
            "ERR_RAID_STATE",
            `the replacement for slot ${slot} failed while it was filled`,
          );
        },
        (doneBytes) => {
          replacement.recoveredBytes = doneBytes;
        },
      );
      await members.takeOver(slot, replacement);
    } finally {
      members.dropReplacement(slot);
    }
  }

  /** Makes parity where it never was right. */
  async resync(options: SyncOptions): Promise<void> {
    await this.#sweepMembers(
      "resync",
      this.#resyncedBytes,
      options,
      (stripes) => resyncStripes(this.#context, stripes),
      (doneBytes) => {
        this.#resyncedBytes = doneBytes;
      },
    );
  }

  /** Compares data with parity, and repairs it as asked. */
  async scrub(repair: MismatchRepair, options: SyncOptions): Promise<CheckReport> {
    this.#checkScrubbable(repair);
    if (repair !== "none") await this.#metadata?.markDirty();
    const mismatches: MismatchRow[] = [];
    await this.#sweepMembers(repair === "none" ? "check" : "repair", 0, options, async (stripes) => {
      mismatches.push(...(await checkStripes(this.#context, stripes, repair)));
    });
    mismatches.sort((a, b) => a.memberOffset - b.memberOffset);
    const mismatchSectors = mismatches.reduce((sum, row) => sum + row.lengthBytes / 512, 0);
    return { mismatches, mismatchSectors };
  }

  /** Goes through the members from byte `from` to the end. */
  async #sweepMembers(
    name: string,
    from: number,
    { signal, onProgress }: SyncOptions,
    task: (stripes: readonly StripeHead[]) => Promise<void>,
    onDone?: (doneBytes: number) => void,
  ): Promise<void> {
    const { geometry, stripeBytes, members } = this.#context;
    const totalBytes = geometry.memberBytes;
    const first = Math.floor(from / stripeBytes);
    const count = Math.max(0, totalBytes / stripeBytes - first);
    this.#checkIdle(name);
    this.#running = name;
    try {
      await sweep(
        this.#context,
        first,
        count,
        signal,
        async (stripes): Promise<void> => {
          // What a stopped array has in memory is the last of its kind: nobody reads over it.
          members.checkAlive();
          await task(stripes);
        },
        async (done) => {
          const doneBytes = (first + done) * stripeBytes;
          onDone?.(doneBytes);
          await onProgress?.({ doneBytes, totalBytes });
        },
      );
    } finally {
      this.#running = null;
    }
  }

  #checkIdle(name: string): void {
    if (this.#running === null) return;
    throw new RaidError("ERR_RAID_STATE", `a ${this.#running} is under way; ${name} has to wait for its end`);
  }

  #checkScrubbable(repair: MismatchRepair): void {
    const { geometry, members } = this.#context;
    const { degraded } = members;
    if (degraded.length >= geometry.parityDisks) {
      throw new RaidError(
        "ERR_RAID_STATE",
        `there is nothing to check data against: slots ${degraded.join(", ")} are missing or not rebuilt yet`,
      );
    }
    if (repair === "located" && (geometry.level !== 6 || degraded.length > 0)) {
      throw new RaidError(
        "ERR_RAID_STATE",
        'only a RAID-6 with all its members tells which block is wrong; check() reports mismatches, repair("parity") makes parity anew',
      );
    }
  }
}
