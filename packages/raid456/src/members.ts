import { RaidError } from "./errors.js";
import type { Geometry } from "./geometry.js";
import type { MemberDevice } from "./member/member-device.js";
import type { ByteRange } from "./offload/page-op.js";
import type { StripeHead } from "./stripe/stripe-head.js";
import type { StripePage } from "./stripe/stripe-page.js";

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
}

interface Slot {
  readonly device: MemberDevice;
  readonly dataOffsetBytes: number;
  recoveredBytes: number;
}

/** The members of an array by slot: which are there, how far they can be trusted, and their I/O. */
export class Members {
  readonly #geometry: Geometry;
  readonly #metadata: ArrayMetadata | null;
  readonly #slots: (Slot | null)[];
  readonly #failing: (Promise<void> | undefined)[] = [];
  /** Called when a member is lost or comes back: what the cache knows of it may be wrong now. */
  onChange: () => void = () => {};

  constructor(geometry: Geometry, members: readonly (ArrayMember | null)[], metadata: ArrayMetadata | null) {
    this.#geometry = geometry;
    this.#metadata = metadata;
    this.#slots = members.map((member) => (member === null ? null : toSlot(member)));
    this.checkAlive();
  }

  /** Slots without a member that holds all it should. */
  get degraded(): readonly number[] {
    return this.#slots.flatMap((slot, i) =>
      slot === null || slot.recoveredBytes < this.#geometry.memberBytes ? [i] : [],
    );
  }

  /** Slots whose member is being rebuilt. */
  get recovering(): readonly number[] {
    return this.degraded.filter((i) => this.#slots[i] !== null);
  }

  /** Whether the slot has a member, which may have to be rebuilt yet. Writes go to all of these. */
  isPresent(slot: number): boolean {
    return this.#slots[slot] != null;
  }

  /** Whether the member holds what it should up to this offset of its data. Reads come from these only. */
  isInSync(slot: number, memberOffsetEnd: number): boolean {
    return (this.#slots[slot]?.recoveredBytes ?? 0) >= memberOffsetEnd;
  }

  /** How far a member has been rebuilt, in bytes. */
  recoveredBytes(slot: number): number {
    return this.#slots[slot]?.recoveredBytes ?? 0;
  }

  setRecoveredBytes(slot: number, bytes: number): void {
    const member = this.#slots[slot];
    if (member != null) member.recoveredBytes = bytes;
  }

  /** Puts a member into an empty slot, to be rebuilt from `recoveredBytes` on. */
  add(slot: number, member: ArrayMember): void {
    if (this.isPresent(slot)) {
      throw new RaidError(
        "ERR_RAID_STATE",
        `slot ${slot} has a member already: ${this.#slots[slot]?.device.name}`,
      );
    }
    this.#slots[slot] = toSlot({ recoveredBytes: 0, ...member });
  }

  /** Refuses to go on with fewer members than the level needs. */
  checkAlive(): void {
    const missing = this.#slots.flatMap((slot, i) => (slot === null ? [i] : []));
    const { level, parityDisks } = this.#geometry;
    if (missing.length <= parityDisks) return;
    throw new RaidError(
      "ERR_RAID_FAILED",
      `RAID-${level} can do without ${parityDisks} of its members, but slots ${missing.join(", ")} have none`,
    );
  }

  /** Refuses to take a member out that the others can't make up for. */
  checkDispensable(slot: number): void {
    if (!this.isPresent(slot)) throw new RaidError("ERR_RAID_STATE", `slot ${slot} has no member`);
    const others = this.degraded.filter((i) => i !== slot);
    if (others.length < this.#geometry.parityDisks) return;
    throw new RaidError(
      "ERR_RAID_FAILED",
      `the array can't do without slot ${slot}: slots ${others.join(", ")} are missing or not rebuilt yet`,
    );
  }

  /** Takes a failed member out, once, and waits until the metadata says so. Resolves even if it was the last one needed. */
  async fail(slot: number): Promise<void> {
    if (this.#slots[slot] !== null) {
      this.#slots[slot] = null;
      this.onChange();
      this.#failing[slot] = this.#metadata?.memberFailed(slot) ?? Promise.resolve();
    }
    await this.#failing[slot];
  }

  /** Reads straight into a request. */
  read(slot: number, memberOffset: number, into: Uint8Array): Promise<void> {
    const { device, dataOffsetBytes } = this.#present(slot);
    return device.read(dataOffsetBytes + memberOffset, into);
  }

  /** Reads a block into its page. */
  readBlock(stripe: StripeHead, slot: number, range: ByteRange): Promise<void> {
    return this.read(
      slot,
      stripe.memberOffset + range.start,
      pageBytes(stripe.pages[slot] as StripePage, range),
    );
  }

  /** Writes a block from its page. */
  writeBlock(stripe: StripeHead, slot: number, range: ByteRange): Promise<void> {
    const { device, dataOffsetBytes } = this.#present(slot);
    const from = pageBytes(stripe.pages[slot] as StripePage, range);
    return device.write(dataOffsetBytes + stripe.memberOffset + range.start, from);
  }

  /** Makes all that was written durable. A member that can't is failed. */
  async flush(): Promise<void> {
    await Promise.all(
      this.#slots.map(async (slot, i) => {
        try {
          await slot?.device.flush();
        } catch {
          await this.fail(i);
        }
      }),
    );
    this.checkAlive();
  }

  #present(slot: number): Slot {
    const member = this.#slots[slot];
    if (member != null) return member;
    throw new RaidError("ERR_RAID_STATE", `slot ${slot} has no member`);
  }
}

function toSlot({ device, dataOffsetBytes, recoveredBytes }: ArrayMember): Slot {
  return { device, dataOffsetBytes, recoveredBytes: recoveredBytes ?? Number.POSITIVE_INFINITY };
}

/** A member is about to read or write the page: an owner like any other, so an engine has to give the page up first. */
function pageBytes(page: StripePage, range: ByteRange): Uint8Array {
  page.mapping?.toCpu();
  return page.bytes.subarray(range.start, range.end);
}
