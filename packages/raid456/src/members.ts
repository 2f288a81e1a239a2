import { allEnded } from "./all-ended.js";
import { RaidError } from "./errors.js";
import type { Geometry } from "./geometry.js";
import type { MemberDevice } from "./member/member-device.js";

/** A device in a slot of an array. */
export interface ArrayMember {
  readonly device: MemberDevice;
  /** Where the member's data begins on its device, in bytes. */
  readonly dataOffsetBytes: number;
  /** How much of the member, in bytes from there, holds what it should. Default: all of it. */
  readonly recoveredBytes?: number;
}

/** What the array tells whoever keeps the metadata, and waits for. */
export interface ArrayMetadata {
  /** Called before data is written. Must not resolve before the array is marked dirty on its members; cheap when it is already. */
  markDirty(): Promise<void>;
  /** A member failed. Must not resolve before the others say so: only then is the write that found out acknowledged. */
  memberFailed(slot: number): Promise<void>;
  /**
   * The replacement of a slot's member holds everything. Must not resolve before the metadata names it as the slot's
   * member: until then both get every write.
   */
  memberReplaced?(slot: number): Promise<void>;
  /** Bytes of a member that could not be read were computed and written anew. */
  readErrorRepaired?(slot: number, lengthBytes: number): void;
}

/** A device of the array, and how far it can be trusted. */
export interface Member {
  readonly device: MemberDevice;
  readonly dataOffsetBytes: number;
  /** Bytes of its data, from the start, that hold what they should; infinite for all. */
  recoveredBytes: number;
}

interface Slot {
  member: Member | null;
  /** Gets every write as well, and takes over when it is filled (md's hot replace). */
  replacement: Member | null;
}

/**
 * The members of an array by slot: which are there, and how far they can be trusted.
 *
 * A member that fails is taken out, as long as parity makes up for it. One that the array can't do without stays, for reading only, and
 * the array stops: nothing is written any more.
 */
export class Members {
  readonly #geometry: Geometry;
  readonly #metadata: ArrayMetadata | null;
  readonly #slots: Slot[];
  readonly #failing: (Promise<void> | undefined)[] = [];
  /** Slots whose member failed, but is still needed. */
  readonly #kept = new Set<number>();

  constructor(geometry: Geometry, members: readonly (ArrayMember | null)[], metadata: ArrayMetadata | null) {
    if (members.length !== geometry.raidDisks) {
      throw new RaidError(
        "ERR_RAID_GEOMETRY",
        `expected ${geometry.raidDisks} members, null for a missing one, got ${members.length}`,
      );
    }
    this.#geometry = geometry;
    this.#metadata = metadata;
    this.#slots = members.map((member) => ({
      member: member && toMember(member, Number.POSITIVE_INFINITY),
      replacement: null,
    }));
    const missing = this.#slots.flatMap(({ member }, slot) => (member === null ? [slot] : []));
    if (missing.length <= geometry.parityDisks) return;
    throw new RaidError(
      "ERR_RAID_FAILED",
      `${describeLevel(geometry)}, but slots ${missing.join(", ")} have none`,
    );
  }

  /** Slots without a member that holds all it should. */
  get degraded(): readonly number[] {
    return this.#slots.flatMap(({ member }, slot) =>
      member === null || member.recoveredBytes < this.#geometry.memberBytes || this.#kept.has(slot)
        ? [slot]
        : [],
    );
  }

  /** Slots whose member is being rebuilt. */
  get recovering(): readonly number[] {
    return this.degraded.filter((slot) => this.isWritable(slot));
  }

  /** Whether more members failed than the level can do without. Nothing may be written any more. */
  get stopped(): boolean {
    return this.#kept.size > 0;
  }

  /** The device in a slot, with what is known of it; null where there is none. */
  member(slot: number): Member | null {
    return this.#slots[slot]?.member ?? null;
  }

  /** The device that is to take a slot over. */
  replacement(slot: number): Member | null {
    return this.#slots[slot]?.replacement ?? null;
  }

  /** Whether the slot has a member that takes writes. It may have to be rebuilt yet. */
  isWritable(slot: number): boolean {
    return this.member(slot) !== null && !this.#kept.has(slot);
  }

  /** Whether this device of the slot, its member or what replaces it, takes writes. */
  takesWrites(slot: number, device: Member): boolean {
    return this.member(slot) === device ? this.isWritable(slot) : this.replacement(slot) === device;
  }

  /** Every device that takes writes. */
  *writable(): Generator<[slot: number, device: Member]> {
    for (const [slot, { member, replacement }] of this.#slots.entries()) {
      if (member !== null && !this.#kept.has(slot)) yield [slot, member];
      if (replacement !== null) yield [slot, replacement];
    }
  }

  /** Whether the member holds what it should up to this offset of its data. Reads come from these only. */
  isInSync(slot: number, memberOffsetEnd: number): boolean {
    return this.recoveredBytes(slot) >= memberOffsetEnd;
  }

  /** How far a member has been rebuilt, in bytes. */
  recoveredBytes(slot: number): number {
    return this.member(slot)?.recoveredBytes ?? 0;
  }

  /** Puts a member into an empty slot, to be rebuilt. */
  add(slot: number, member: ArrayMember): void {
    const place = this.#place(slot);
    if (place.member !== null) {
      throw new RaidError("ERR_RAID_STATE", `slot ${slot} has a member already: ${place.member.device.name}`);
    }
    place.member = toMember(member, 0);
  }

  /** Puts a device beside a slot's member, to be filled and to take over. */
  addReplacement(slot: number, member: ArrayMember): Member {
    const place = this.#place(slot);
    if (place.member === null) {
      throw new RaidError("ERR_RAID_STATE", `slot ${slot} has no member to replace; add one instead`);
    }
    if (place.replacement !== null) {
      throw new RaidError("ERR_RAID_STATE", `slot ${slot} is being replaced already`);
    }
    place.replacement = toMember({ ...member, recoveredBytes: 0 }, 0);
    return place.replacement;
  }

  /** Gives the slot to its replacement, which holds everything now, and waits until the metadata says so. */
  async takeOver(slot: number, replacement: Member): Promise<void> {
    const place = this.#place(slot);
    await this.#metadata?.memberReplaced?.(slot);
    // It has the slot already if the member has failed meanwhile.
    if (place.replacement === replacement) {
      place.member = replacement;
      place.replacement = null;
    } else if (place.member !== replacement) {
      throw new RaidError("ERR_RAID_STATE", `the replacement for slot ${slot} failed when it was filled`);
    }
    replacement.recoveredBytes = Number.POSITIVE_INFINITY;
  }

  /** Goes on without a replacement. */
  dropReplacement(slot: number): void {
    this.#place(slot).replacement = null;
  }

  /** Whether every device can discard. */
  get canDiscard(): boolean {
    for (const [, { device }] of this.writable()) if (device.discard === undefined) return false;
    return true;
  }

  /** Refuses to write to an array that has stopped. */
  checkAlive(): void {
    if (this.stopped) throw this.stoppedError();
  }

  /** Why an array that has {@link stopped} is not written. */
  stoppedError(): RaidError {
    return new RaidError(
      "ERR_RAID_FAILED",
      `the array has stopped and can only be read: ${describeLevel(this.#geometry)}, but those of slots ${this.degraded.join(", ")} have failed`,
    );
  }

  /** Refuses to take a member out that the others can't make up for. */
  checkDispensable(slot: number): void {
    if (this.#place(slot).member === null) {
      throw new RaidError("ERR_RAID_STATE", `slot ${slot} has no member`);
    }
    if (this.#isDispensable(slot)) return;
    const others = this.degraded.filter((other) => other !== slot);
    throw new RaidError(
      "ERR_RAID_FAILED",
      `the array can't do without slot ${slot}: slots ${others.join(", ")} are missing or not rebuilt yet`,
    );
  }

  /**
   * Deals with a device that failed, once, and waits until the metadata says so. Its replacement, if it has one, takes its
   * place, filled or not. Resolves even if it was needed: see {@link stopped}.
   *
   * @param member - the device that failed; ignored if it has left the slot meanwhile
   */
  async fail(slot: number, member: Member): Promise<void> {
    const place = this.#place(slot);
    if (place.replacement === member) {
      place.replacement = null;
    } else if (place.member === member && !this.#kept.has(slot)) {
      if (this.#isDispensable(slot)) {
        place.member = place.replacement;
        place.replacement = null;
      } else {
        this.#kept.add(slot);
      }
      this.#failing[slot] = this.#metadata?.memberFailed(slot) ?? Promise.resolve();
    }
    await this.#failing[slot];
  }

  /** Makes all that was written durable. A member that can't is failed. */
  async flush(): Promise<void> {
    await allEnded(
      [...this.writable()].map(([slot, member]) =>
        member.device.flush().catch(() => this.fail(slot, member)),
      ),
    );
    this.checkAlive();
  }

  #isDispensable(slot: number): boolean {
    return this.degraded.filter((other) => other !== slot).length < this.#geometry.parityDisks;
  }

  #place(slot: number): Slot {
    const place = this.#slots[slot];
    if (place !== undefined) return place;
    throw new RaidError(
      "ERR_RAID_RANGE",
      `expected a slot from 0 to ${this.#geometry.raidDisks - 1}, got ${slot}`,
    );
  }
}

function toMember({ device, dataOffsetBytes, recoveredBytes }: ArrayMember, otherwise: number): Member {
  return { device, dataOffsetBytes, recoveredBytes: recoveredBytes ?? otherwise };
}

function describeLevel({ level, parityDisks }: Geometry): string {
  return `RAID-${level} can do without ${parityDisks} of its members`;
}
