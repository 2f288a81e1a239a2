import type { DmaEngine } from "@dmaengine/core";
import {
  type CheckReport,
  type Geometry,
  type MemberDevice,
  RaidArray,
  RaidError,
  type SyncOptions,
} from "@dmaengine/raid456";
import type { AssembledArray } from "./assembled-array.js";
import { Checkpoints } from "./checkpoints.js";
import { type AddOptions, MdArray } from "./md-array.js";

/** How an array is opened. */
export interface OpenArrayOptions {
  /** Refuse everything that writes, and leave every byte of the members as it is. Default false. */
  readonly readOnly?: boolean;
  /** Whose channels make parity; null, or left out, for the CPU. */
  readonly engine?: DmaEngine | null;
  /** Called once for each member that stops working; the array goes on without it. */
  readonly onMemberLost?: (slot: number, device: MemberDevice | undefined) => void;
}

/**
 * An array in use: `RaidArray`, which moves the data, and `MdArray`, which records on the members what becomes of it.
 * The members belong to the caller, who closes them after {@link close}.
 */
export class OpenArray {
  readonly geometry: Geometry;
  readonly #raid: RaidArray;
  /** null when nothing may be recorded. */
  readonly #md: MdArray | null;
  /** Who is in which slot, also of those that are lost by now. */
  readonly #devices: (MemberDevice | undefined)[];
  /** A write failed on its way, so that data and parity of a stripe may not fit together. */
  #inDoubt = false;

  /** @throws MdError `ERR_MD_READ_ONLY` if the array must not be written, and that is asked for */
  constructor(assembled: AssembledArray, options: OpenArrayOptions = {}) {
    const { readOnly = false, engine = null, onMemberLost } = options;
    const md = readOnly
      ? null
      : new MdArray(assembled, {
          // The superblock of a member could not be written: the data must leave it alone as well.
          onMemberLost: (slot) => {
            if (slot !== null) this.#raid.fail(slot).catch(() => {});
          },
        });
    this.geometry = assembled.geometry;
    this.#md = md;
    this.#devices = assembled.slots.map((member) => member?.device);
    this.#raid = new RaidArray({
      ...assembled.geometry,
      members: assembled.slots,
      resyncedBytes: assembled.resyncedBytes,
      readOnly,
      ...(engine === null ? {} : { engine }),
      metadata: {
        markDirty: async () => md?.markDirty(),
        memberFailed: async (slot) => {
          onMemberLost?.(slot, this.#devices[slot]);
          await md?.memberFailed(slot);
        },
      },
    });
  }

  /** Slots that have no member, or one that is not rebuilt yet. */
  get degraded(): readonly number[] {
    return this.#raid.degraded;
  }

  /** Bytes of each member, from the start, whose parity is known to match. */
  get resyncedBytes(): number {
    return this.#md?.resyncedBytes ?? this.#raid.resyncedBytes;
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

  /** Compares data with parity. */
  check(options: SyncOptions = {}): Promise<CheckReport> {
    return this.#raid.check(options);
  }

  /**
   * Compares data with parity. `"parity"` makes parity anew where it doesn't match: as far as it comes, that is a resync, too. `"located"` writes
   * only those blocks of a RAID-6 anew of which both syndromes say that they are wrong.
   */
  repair(how: "parity" | "located", { onProgress, ...options }: SyncOptions = {}): Promise<CheckReport> {
    const progress: SyncOptions["onProgress"] = async (at) => {
      const resynced = how === "parity" && at.doneBytes > this.resyncedBytes;
      if (resynced) await this.#md?.checkpointResync(at.doneBytes);
      await onProgress?.(at);
    };
    return this.#writing(() => this.#raid.repair(how, { ...options, onProgress: progress }));
  }

  /** Makes parity right where it never was, from where the last resync stopped. */
  resync(options: SyncOptions = {}): Promise<void> {
    return this.#recording(
      (recorded) => this.#raid.resync(recorded),
      async () => this.#md?.checkpointResync(this.#raid.resyncedBytes),
      options,
    );
  }

  /** Puts a device into an empty slot. {@link rebuild} fills it. */
  async add(slot: number, device: MemberDevice, options: AddOptions = {}): Promise<void> {
    if (this.#md === null) throw new RaidError("ERR_RAID_READ_ONLY", "the array was opened read-only");
    const member = await this.#md.startRecovery(slot, device, options);
    this.#devices[slot] = device;
    this.#raid.add(slot, member);
  }

  /** Rebuilds every member that is not rebuilt yet, from where the last rebuild stopped. */
  rebuild(options: SyncOptions = {}): Promise<void> {
    return this.#recording(
      (recorded) => this.#raid.rebuild(recorded),
      () => this.#recordRecovery(),
      options,
    );
  }

  /**
   * Ends the use of the array. It is marked clean, unless a write has failed in a way that leaves parity in doubt: then a
   * resync is due.
   */
  async close(): Promise<void> {
    try {
      if (!this.#inDoubt) await this.#md?.close();
    } finally {
      this.#raid.close();
    }
  }

  /** Carries out what goes through all stripes, and records now and then, and however it ends, how far it has come. */
  async #recording(
    run: (options: SyncOptions) => Promise<void>,
    record: () => Promise<void>,
    { onProgress, ...options }: SyncOptions,
  ): Promise<void> {
    const checkpoints = new Checkpoints();
    try {
      await run({
        ...options,
        onProgress: async (progress) => {
          if (checkpoints.isDue(progress)) await record();
          await onProgress?.(progress);
        },
      });
    } catch (error) {
      // The error says what happened; that the record fails too is a consequence of it.
      await record().catch(() => {});
      throw error;
    }
    await record();
  }

  async #recordRecovery(): Promise<void> {
    for (const member of this.#md?.slots ?? []) {
      if (member === null || member.recoveredBytes === Number.POSITIVE_INFINITY) continue;
      const recoveredBytes = this.#raid.recoveredBytes(member.slot);
      if (recoveredBytes >= this.geometry.memberBytes) await this.#md?.finishRecovery(member.slot);
      else await this.#md?.checkpointRecovery(member.slot, recoveredBytes);
    }
  }

  async #writing<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      // After a RaidError every stripe fits together, or so many members are lost that `MdArray` knows it.
      if (!RaidError.isInstance(error)) this.#inDoubt = true;
      throw error;
    }
  }
}
