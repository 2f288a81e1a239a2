import type { MemberDevice } from "@dmaengine/raid456";
import { MdError } from "./errors.js";
import { Feature } from "./feature-map.js";
import { ownRole, ROLE_FAULTY, ROLE_SPARE, roleIn } from "./role.js";
import { MAX_SECTOR } from "./sector.js";
import { type Superblock1, toMdTime } from "./superblock-1.js";
import { updateSuperblock1 } from "./superblock-1-codec.js";
import { writeSuperblock } from "./superblock-io.js";

/** A device that the array works with. */
export interface Member {
  readonly device: MemberDevice;
  /** null for a spare. */
  slot: number | null;
  /** Sectors that are rebuilt; MAX_SECTOR if in sync, and for a spare. */
  recoveryOffset: number;
  /** Sectors that were put right by rewriting them. */
  correctedReads: number;
  /** As last written, or as read. */
  superblock: Superblock1;
}

/**
 * What an update is about. A pure change between clean and dirty may leave spares alone and may count events
 * back (kernel: "nospares" in `md_update_sb`); any other change has to be learnt by every member.
 */
export type UpdateKind = "clean-or-dirty" | "change";

/** What the array is at the moment of an update. Asked for again whenever the update has to be repeated. */
export interface RecordedState {
  /** Whether there are writes that may not have reached all members. */
  readonly dirty: boolean;
  /** Sectors known to be in sync while the array is not dirty. */
  readonly resyncOffset: number;
  /** Whether a slot is missing or not fully rebuilt. */
  readonly degraded: boolean;
}

/**
 * The superblocks of all members and spares, written together (kernel: `md_update_sb` and `sync_sbs` in
 * `drivers/md/md.c`).
 */
export class SuperblockSet {
  readonly members: Set<Member>;
  readonly #state: () => RecordedState;
  readonly #onLost: (member: Member, cause: unknown) => void;
  readonly #now: () => Date;
  /** Device numbers that have failed since the array was assembled. */
  readonly #failed = new Set<number>();
  readonly #maxDev: number;
  #events: number;
  /** What the next update adds to the event count. */
  #step = 1;
  /** Whether the last update went from clean to dirty and changed nothing else. */
  #canDecrease = false;

  constructor(
    members: readonly Member[],
    events: number,
    hooks: {
      readonly state: () => RecordedState;
      readonly onLost: (member: Member, cause: unknown) => void;
      readonly now: () => Date;
    },
  ) {
    this.members = new Set(members);
    this.#events = events;
    this.#state = hooks.state;
    this.#onLost = hooks.onLost;
    this.#now = hooks.now;
    this.#maxDev = Math.max(0, ...members.map(({ superblock }) => superblock.devRoles.length));
  }

  get events(): number {
    return this.#events;
  }

  /** Device numbers that must not be given to another device. */
  get failedNumbers(): ReadonlySet<number> {
    return this.#failed;
  }

  /**
   * Makes the next update leave behind, for good, devices that are not among the members although they may be
   * as fresh as these: a difference of one counts as up to date.
   */
  leaveOthersBehind(): void {
    this.#step = 2;
  }

  /** Takes a member out; the next update records it as failed. */
  fail(member: Member): void {
    this.members.delete(member);
    this.#failed.add(member.superblock.devNumber);
  }

  /**
   * Writes all superblocks: everything is flushed before, so that they claim nothing which a power cut could
   * take back, and after. A member that fails in it is taken out, and the update repeated without it.
   *
   * @throws MdError `ERR_MD_BROKEN` if no member with a slot is left
   */
  async update(kind: UpdateKind): Promise<void> {
    let lost = await this.#attempt(kind);
    while (lost.size > 0) {
      for (const [member, cause] of lost) {
        this.fail(member);
        this.#onLost(member, cause);
      }
      if (![...this.members].some(({ slot }) => slot !== null)) {
        const causes = [...lost.values()];
        throw new MdError("ERR_MD_BROKEN", "the superblock of no member can be written any more", {
          cause: causes[0],
        });
      }
      lost = await this.#attempt("change");
    }
  }

  async #attempt(kind: UpdateKind): Promise<Map<Member, unknown>> {
    const { dirty, resyncOffset, degraded } = this.#state();
    const devRoles = this.#devRoles();
    // Degraded arrays have their spares written as well: one of them is needed soon, and a device that was
    // removed must not look as fresh as they do. The same goes for one that the table no longer has.
    const sparesMaySkip = kind === "clean-or-dirty" && !degraded && !this.#differsFrom(devRoles);
    if (sparesMaySkip && !dirty && resyncOffset === MAX_SECTOR && this.#canDecrease && this.#events !== 1) {
      this.#events--;
      this.#canDecrease = false;
    } else {
      this.#events += this.#step;
      this.#canDecrease = sparesMaySkip && dirty && this.#step === 1;
      this.#step = 1;
    }

    const next = new Map<Member, Superblock1>();
    for (const member of this.members) {
      if (sparesMaySkip && this.#isSettledSpare(member)) continue;
      const recovering = member.recoveryOffset !== MAX_SECTOR;
      const superblock = updateSuperblock1(member.superblock, {
        featureMap: recovering ? Feature.RECOVERY_OFFSET : 0,
        recoveryOffset: recovering ? member.recoveryOffset : 0,
        correctedReads: member.correctedReads,
        utime: toMdTime(this.#now()),
        events: this.#events,
        resyncOffset: dirty ? 0 : resyncOffset,
        devRoles,
      });
      next.set(member, superblock);
    }

    const lost = new Map<Member, unknown>();
    const onAll = async (step: (member: Member, superblock: Superblock1) => Promise<void>) => {
      const steps = [...next].map(async ([member, superblock]) => {
        try {
          await step(member, superblock);
        } catch (cause) {
          lost.set(member, cause);
        }
      });
      await Promise.all(steps);
    };
    await onAll(({ device }) => device.flush());
    // What could not be flushed is lost, and no superblock may say otherwise.
    if (lost.size > 0) return lost;
    await onAll(async (member, superblock) => {
      await writeSuperblock(member.device, superblock);
      await member.device.flush();
      member.superblock = superblock;
    });
    return lost;
  }

  /** A spare that knows that it is one, and is as fresh as the clean array. */
  #isSettledSpare({ slot, superblock }: Member): boolean {
    if (slot !== null || ownRole(superblock) !== ROLE_SPARE) return false;
    return superblock.events === this.#events || superblock.events + 1 === this.#events;
  }

  /** Whether a member with a slot has another role table. */
  #differsFrom(devRoles: readonly number[]): boolean {
    return [...this.members].some(
      ({ slot, superblock }) =>
        slot !== null && devRoles.some((role, number) => role !== roleIn(superblock, number)),
    );
  }

  /** All other numbers are marked as unused, as the kernel does it. */
  #devRoles(): number[] {
    const numbers = [...this.#failed, ...[...this.members].map(({ superblock }) => superblock.devNumber)];
    const roles = new Array<number>(Math.max(this.#maxDev, ...numbers.map((number) => number + 1))).fill(
      ROLE_SPARE,
    );
    for (const number of this.#failed) roles[number] = ROLE_FAULTY;
    for (const { slot, superblock } of this.members) if (slot !== null) roles[superblock.devNumber] = slot;
    return roles;
  }
}
