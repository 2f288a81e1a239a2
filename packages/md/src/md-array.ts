import type { Geometry, MemberDevice } from "@dmaengine/raid456";
import type { AssembledArray, AssembledMember, AssembledSpare } from "./assembled-array.js";
import { MdError } from "./errors.js";
import { Feature } from "./feature-map.js";
import { refuseForeign } from "./foreign.js";
import { newMember } from "./new-member.js";
import { ownRole, ROLE_FAULTY, ROLE_SPARE } from "./role.js";
import { MAX_SECTOR, SECTOR_BYTES } from "./sector.js";
import { MAX_DEV, type Superblock1, toMdTime } from "./superblock-1.js";
import { updateSuperblock1 } from "./superblock-1-codec.js";
import { prepareMember, writeSuperblock } from "./superblock-io.js";
import { examine } from "./examine.js";

/** How an {@link MdArray} is run. */
export interface MdArrayOptions {
  /** Clock for the time of update in the superblocks. Default: the system's. */
  readonly now?: () => Date;
  /**
   * Called as soon as a member is lost because its superblock could not be written, before the update is repeated without it.
   * `slot` is null for a spare. From then on nothing may be read from or written to the device for this array.
   */
  readonly onMemberLost?: (slot: number | null, device: MemberDevice, cause: unknown) => void;
}

/** Options for {@link MdArray.startRecovery} and {@link MdArray.addSpare}. */
export interface AddOptions {
  /** Overwrite whatever the device holds. Default false; a former member of this array is accepted without it. */
  readonly force?: boolean;
}

/** A device that the array works with. */
interface Member {
  readonly device: MemberDevice;
  /** null for a spare. */
  slot: number | null;
  /** Sectors that are rebuilt; MAX_SECTOR if in sync. */
  recoveryOffset: number;
  correctedReads: number;
  /** As last written, or as read. */
  superblock: Superblock1;
}

/**
 * A pure change between clean and dirty may leave spares alone and may count events back (kernel: "nospares" in
 * `md_update_sb`); anything else is a change that every member has to learn.
 */
type UpdateKind = "clean-or-dirty" | "change";

const DONE = Promise.resolve();

/**
 * The superblocks of an array in use: what has to be recorded before, while and after its data change
 * (kernel: `md_update_sb`, `md_write_start`, `super_1_sync` in `drivers/md/md.c`).
 *
 * Whoever moves the data keeps to this order:
 * - {@link markDirty} has resolved before the first write to any member;
 * - {@link memberFailed} has resolved before a write that lost a member is acknowledged;
 * - no write is under way from the call of {@link markClean} or {@link close} until it has resolved;
 * - what {@link checkpointRecovery}, {@link finishRecovery} and {@link checkpointResync} claim has been written.
 *
 * Every update flushes all members before and after it writes their superblocks. A member whose superblock can't be written is
 * recorded as failed in the others. Calls may overlap; they are carried out one after the other. The devices remain the
 * caller's, who closes them.
 */
export class MdArray {
  readonly geometry: Geometry;
  readonly uuid: string;
  readonly name: string;
  readonly #spared: number;
  readonly #now: () => Date;
  readonly #onMemberLost: NonNullable<MdArrayOptions["onMemberLost"]>;
  readonly #members = new Set<Member>();
  /** Device numbers that failed while the array was in use. */
  readonly #failed = new Set<number>();
  #maxDev = 0;

  #events: number;
  /** The last update was from clean to dirty and nothing else, so that the next may count back. */
  #canDecrease = false;
  /** What the next update adds to the events. */
  #step = 1;
  /** Sectors in sync while the array is clean. */
  #resyncOffset: number;
  #dirty = false;
  #dirtyOnDisk = false;
  #closed = false;
  #last: Promise<unknown> = DONE;
}
