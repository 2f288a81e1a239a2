import type { DmaEngine } from "@dmaengine/core";
import { type AssembledArray, MdArray } from "@dmaengine/md";
import {
  type CheckReport,
  type Geometry,
  type MemberDevice,
  RaidArray,
  RaidError,
  type SyncOptions,
  type SyncProgress,
} from "@dmaengine/raid456";
import { Checkpoints } from "./checkpoints.js";

/** How an array is opened. */
export interface OpenArrayOptions {
  /** Refuse everything that writes. */
  readonly readOnly: boolean;
  /** Whose channels make parity; null for the CPU. */
  readonly engine: DmaEngine | null;
  /** Called when a member stops working and is left out from then on. */
  readonly onMemberLost: (slot: number, device: MemberDevice | undefined) => void;
}

/**
 * An array in use: what moves the data (`RaidArray`) and what records it on the members (`MdArray`), in the right order.
 */
export class OpenArray {
  readonly geometry: Geometry;
  readonly #raid: RaidArray;
  /** null when nothing may be recorded. */
  readonly #md: MdArray | null;
  /** A write has failed on the way, so that data and parity may not fit together. */
  #inDoubt = false;

  /** @throws MdError `ERR_MD_READ_ONLY` if the array must not be written and that is asked for */
  constructor(assembled: AssembledArray, { readOnly, engine, onMemberLost }: OpenArrayOptions) {
    const lose = (slot: number): void => onMemberLost(slot, assembled.slots[slot]?.device);
    const md = readOnly
      ? null
      : new MdArray(assembled, {
          onMemberLost: (slot) => {
            if (slot !== null) this.#loseMember(slot);
          },
        });
    this.geometry = assembled.geometry;
    this.#md = md;
    this.#raid = new RaidArray({
      ...assembled.geometry,
      members: assembled.slots,
      resyncedBytes: assembled.resyncedBytes,
      readOnly,
      ...(engine === null ? {} : { engine }),
      metadata: {
        markDirty: async () => md?.markDirty(),
        memberFailed: async (slot) => {
          lose(slot);
          await md?.memberFailed(slot);
        },
      },
    });
  }

  /** Slots that have no member, or one that is not rebuilt yet. */
  get degraded(): readonly number[] {
    return this.#raid.degraded;
  }

  /** Bytes of each member whose parity is known to match. */
  get resyncedBytes(): number {
    return this.#raid.resyncedBytes;
  }

  /** Who does the work, and why, a sentence a line. */
  explain(): readonly string[] {
    return this.#raid.explain();
  }

  /** Fills `into` from byte `offset` of the array. */
  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#raid.read(offset, into);
  }

  /** Stores `from` at byte `offset` of the array. */
  write(offset: number, from: Uint8Array): Promise<void> {
    return this.#writing(() => this.#raid.write(offset, from));
  }

  /** Compares data with parity, and writes nothing. */
  check(options: SyncOptions): Promise<CheckReport> {
    return this.#raid.check(options);
  }

  /** The same, and makes parity anew where it doesn't match. That finishes a resync, too. */
  async repair(options: SyncOptions): Promise<CheckReport> {
    const report = await this.#writing(() =>
      this.#raid.repair({
        ...options,
        onProgress: async (progress) => {
          if (progress.doneBytes > this.resyncedBytes) await this.#md?.checkpointResync(progress.doneBytes);
          await options.onProgress?.(progress);
        },
      }),
    );
    return report;
  }

  /** Makes parity right where it never was. Interrupted, it goes on from there another time. */
  async resync({ signal, onProgress }: SyncOptions): Promise<void> {
    await this.#recorded(this.resyncedBytes, { signal, onProgress }, this.#raid.resync, async () => {
      await this.#md?.checkpointResync(this.resyncedBytes);
    });
  }
}
