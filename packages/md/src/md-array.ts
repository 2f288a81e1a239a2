import { type Geometry, type MemberDevice, parityDisks } from "@dmaengine/raid456";
import type { AssembledArray, AssembledMember, AssembledSpare } from "./assembled-array.js";
import { MdError } from "./errors.js";
import { makeMember } from "./new-member.js";
import { isSlot } from "./role.js";
import { MAX_SECTOR, SECTOR_BYTES } from "./sector.js";
import type { Superblock1 } from "./superblock-1.js";
import { type Member, SuperblockSet } from "./superblock-set.js";

/** How an {@link MdArray} is run. */
export interface MdArrayOptions {
  /** Clock for the time of update in the superblocks. Default: the system's. */
  readonly now?: () => Date;
  /**
   * Called when a member is lost because its superblock can't be written, before the update is repeated
   * without it. `slot` is null for a spare. The device must not be used for this array any more.
   */
  readonly onMemberLost?: (slot: number | null, device: MemberDevice, cause: unknown) => void;
}

/** How a device joins an array. */
export interface AddOptions {
  /**
   * Overwrite whatever the device holds. Default false; a former member of the array is accepted without it.
   */
  readonly force?: boolean;
}

const DONE = Promise.resolve();

/**
 * The superblocks of an array in use: what is recorded before, while and after its data change (kernel:
 * `md_write_start`, `md_error`, `md_do_sync`, `md_update_sb` in `drivers/md/md.c`).
 *
 * Whoever moves the data keeps to this order:
 * - {@link markDirty} has resolved before the first write to a member;
 * - {@link memberFailed} has resolved before a write that lost a member is acknowledged;
 * - no write is under way from the call of {@link markClean} or {@link close} until it has resolved;
 * - what {@link checkpointRecovery}, {@link finishRecovery} and {@link checkpointResync} claim has been
 *   written.
 *
 * Every update flushes all members before and after. A member that fails in it is recorded as failed in the
 * others. Calls may overlap; they are carried out one after the other. The devices stay the caller's, who
 * closes them.
 */
export class MdArray {
  readonly uuid: string;
  readonly name: string;
  readonly geometry: Geometry;
  readonly #superblocks: SuperblockSet;
  /** Sectors of each member whose parity matches, while the array is not dirty; MAX_SECTOR if all. */
  #resyncOffset: number;
  /** Whether writes may be under way. */
  #dirty = false;
  /**
   * Whether a write may be made now: the superblocks say dirty, nobody has asked to change that, and parity
   * suffices.
   */
  #mayWrite = false;
  /** Calls of markClean that have not had their turn. */
  #waitingCleans = 0;
  #closed = false;
  #last: Promise<unknown> = DONE;

  /** @throws MdError `ERR_MD_READ_ONLY` */
  constructor(array: AssembledArray, { now = () => new Date(), onMemberLost }: MdArrayOptions = {}) {
    if (array.readOnlyReason !== null) {
      throw new MdError(
        "ERR_MD_READ_ONLY",
        `array "${array.name}" can't be written: ${array.readOnlyReason}`,
      );
    }
    for (const member of [...array.slots, ...array.spares]) {
      if (member === null || member.device.writable) continue;
      throw new MdError(
        "ERR_MD_READ_ONLY",
        `array "${array.name}" can't be written: ${member.device.name} is opened for reading only`,
      );
    }
    this.uuid = array.uuid;
    this.name = array.name;
    this.geometry = array.geometry;
    this.#resyncOffset = array.clean ? MAX_SECTOR : array.resyncedBytes / SECTOR_BYTES;
    const members = [
      ...array.slots.flatMap((member) =>
        member === null ? [] : [toMember(member, member.slot, member.recoveredBytes)],
      ),
      ...array.spares.map((spare) => toMember(spare, null, MAX_SECTOR)),
    ];
    // A member that is being rebuilt can be one ahead.
    const events = members.filter(({ slot }) => slot !== null).map(({ superblock }) => superblock.events);
    this.#superblocks = new SuperblockSet(members, Math.max(...events), {
      now,
      onLost: ({ slot, device }, cause) => {
        if (this.broken) this.#mayWrite = false;
        onMemberLost?.(slot, device, cause);
      },
      state: () => ({ dirty: this.#dirty, resyncOffset: this.#resyncOffset, degraded: this.degraded > 0 }),
    });
    const hasCopies = array.rejected.some(({ code }) => code === "duplicate");
    if (array.forced.length > 0 || hasCopies || hasStrangers(members)) this.#superblocks.leaveOthersBehind();
  }

  get events(): number {
    return this.#superblocks.events;
  }

  /** Whether writes may be under way, and the superblocks say so or are just being made to. */
  get dirty(): boolean {
    return this.#dirty;
  }

  /**
   * Bytes of each member, from the start, whose parity is known to match: all of them unless a resync is due.
   */
  get resyncedBytes(): number {
    return Math.min(this.#resyncOffset * SECTOR_BYTES, this.geometry.memberBytes);
  }

  /** The member in each slot at this moment; null where it is missing or has failed. */
  get slots(): (AssembledMember | null)[] {
    const slots = new Array<AssembledMember | null>(this.geometry.raidDisks).fill(null);
    for (const member of this.#superblocks.members) {
      if (member.slot !== null) slots[member.slot] = toAssembled(member, member.slot);
    }
    return slots;
  }

  /** The spares at this moment. */
  get spares(): AssembledSpare[] {
    return [...this.#superblocks.members]
      .filter(({ slot }) => slot === null)
      .map(({ device, superblock }) => ({ device, superblock }));
  }

  /** Slots that are missing or not fully rebuilt. */
  get degraded(): number {
    let inSync = 0;
    for (const { slot, recoveryOffset } of this.#superblocks.members) {
      if (slot !== null && recoveryOffset === MAX_SECTOR) inSync++;
    }
    return this.geometry.raidDisks - inSync;
  }

  /** Whether more members are lacking than parity can replace. */
  get broken(): boolean {
    return this.degraded > parityDisks(this.geometry.level);
  }

  /**
   * Records that writes are about to be made. Costs nothing while that is recorded already.
   *
   * @throws MdError `ERR_MD_BROKEN` if the array has lost too many members to be written, `ERR_MD_STATE` if
   *   closed
   */
  markDirty(): Promise<void> {
    if (this.#mayWrite) return DONE;
    return this.#exclusively(async () => {
      this.#refuseBroken();
      if (!this.#dirty) {
        this.#dirty = true;
        await this.#superblocks.update("clean-or-dirty");
        this.#refuseBroken();
      }
      // A write that comes after a call of markClean has to wait for it, and for a new record.
      this.#mayWrite = this.#waitingCleans === 0;
    });
  }

  /**
   * Records that all writes have reached all members; with a resync unfinished, up to where it has come.
   *
   * @throws MdError `ERR_MD_BROKEN`, and leaves the array dirty, if it has lost too many members;
   *   `ERR_MD_STATE` if closed
   */
  markClean(): Promise<void> {
    this.#mayWrite = false;
    this.#waitingCleans++;
    return this.#exclusively(() => {
      this.#waitingCleans--;
      return this.#clean();
    });
  }

  /** Records that a member must not be used any more. Nothing to do if the slot is empty already. */
  memberFailed(slot: number): Promise<void> {
    return this.#exclusively(async () => {
      const member = this.#inSlot(slot);
      if (member === undefined) return;
      this.#superblocks.fail(member);
      if (this.broken) this.#mayWrite = false;
      await this.#superblocks.update("change");
    });
  }

  /**
   * Takes a device in as a spare.
   *
   * @throws MdError `ERR_MD_TOO_SMALL`, `ERR_MD_IN_USE`, `ERR_MD_ARGUMENT`, `ERR_MD_BROKEN` or `ERR_MD_STATE`
   */
  addSpare(device: MemberDevice, { force = false }: AddOptions = {}): Promise<void> {
    return this.#exclusively(async () => {
      this.#refuseBroken();
      await this.#join(await this.#newMember(device, force));
    });
  }

  /**
   * Gives an empty slot to a device, which is to be rebuilt from its start: one of the array's spares, or a
   * new one.
   *
   * @throws MdError as {@link addSpare} does, and `ERR_MD_STATE` if the slot has a member
   */
  startRecovery(
    slot: number,
    device: MemberDevice,
    { force = false }: AddOptions = {},
  ): Promise<AssembledMember> {
    return this.#exclusively(async () => {
      this.#refuseBroken();
      if (!(slot in this.slots)) {
        throw new MdError(
          "ERR_MD_ARGUMENT",
          `there is no slot ${slot}; there are ${this.geometry.raidDisks}`,
        );
      }
      if (this.#inSlot(slot) !== undefined) throw new MdError("ERR_MD_STATE", `slot ${slot} has a member`);
      const spare = [...this.#superblocks.members].find((member) => member.device === device);
      if (spare !== undefined && spare.slot !== null) {
        throw new MdError("ERR_MD_IN_USE", `${device.name} is in slot ${spare.slot} already`);
      }
      const member = spare ?? (await this.#newMember(device, force));
      member.slot = slot;
      member.recoveryOffset = 0;
      await this.#join(member);
      return toAssembled(member, slot);
    });
  }

  /**
   * Records how far the rebuild of a member has come, so that an interrupted one goes on from there.
   *
   * @param recoveredBytes bytes of its data, from the start, that are rebuilt
   * @throws MdError `ERR_MD_STATE` if the slot is not being rebuilt, for example because the member has
   *   failed
   */
  checkpointRecovery(slot: number, recoveredBytes: number): Promise<void> {
    return this.#exclusively(async () => {
      const member = this.#recovering(slot);
      member.recoveryOffset = Math.max(member.recoveryOffset, this.#toSectors(recoveredBytes));
      await this.#superblocks.update("change");
    });
  }

  /**
   * Records that a member is rebuilt: from now on it is in sync.
   *
   * @throws MdError `ERR_MD_STATE` if the slot is not being rebuilt
   */
  finishRecovery(slot: number): Promise<void> {
    return this.#exclusively(async () => {
      this.#recovering(slot).recoveryOffset = MAX_SECTOR;
      await this.#superblocks.update("change");
    });
  }

  /**
   * Records how far the resync has come. While the array is dirty that is only remembered, and recorded when
   * it becomes clean.
   *
   * @param resyncedBytes bytes of each member, from the start, whose parity matches; all of them when the
   *   resync is done
   */
  checkpointResync(resyncedBytes: number): Promise<void> {
    return this.#exclusively(async () => {
      const done = resyncedBytes >= this.geometry.memberBytes;
      this.#resyncOffset = done ? MAX_SECTOR : this.#toSectors(resyncedBytes);
      if (!this.#dirty) await this.#superblocks.update(done ? "change" : "clean-or-dirty");
    });
  }

  /** Counts sectors of a member that could not be read and were rewritten; recorded with the next update. */
  countCorrectedRead(slot: number, sectors: number): void {
    const member = this.#inSlot(slot);
    if (member !== undefined) member.correctedReads += sectors;
  }

  /**
   * Marks the array clean, if it is dirty and not broken, and ends its use; every later change is refused.
   * Closing twice is harmless.
   */
  close(): Promise<void> {
    if (this.#closed) return DONE;
    this.#mayWrite = false;
    const closing = this.#exclusively(async () => {
      if (!this.broken) await this.#clean();
    });
    this.#closed = true;
    return closing;
  }

  async #clean(): Promise<void> {
    this.#refuseBroken();
    if (!this.#dirty) return;
    this.#dirty = false;
    await this.#superblocks.update("clean-or-dirty");
    if (!this.broken) return;
    // The update has cost the member too many: what was written last may be lost.
    this.#dirty = true;
    await this.#superblocks.update("change");
    this.#refuseBroken();
  }

  async #newMember(device: MemberDevice, force: boolean): Promise<Member> {
    const [first, ...others] = [...this.#superblocks.members]
      .sort((a, b) => Number(a.slot === null) - Number(b.slot === null))
      .map(({ superblock }): Superblock1 => superblock);
    if (first === undefined) throw this.#brokenError();
    const superblock = await makeMember(device, [first, ...others], this.#superblocks.failedNumbers, force);
    return { device, slot: null, recoveryOffset: MAX_SECTOR, correctedReads: 0, superblock };
  }

  async #join(member: Member): Promise<void> {
    this.#superblocks.members.add(member);
    await this.#superblocks.update("change");
    if (this.#superblocks.members.has(member)) return;
    throw new MdError("ERR_MD_STATE", `${member.device.name} failed when its superblock was written`);
  }

  #inSlot(slot: number): Member | undefined {
    for (const member of this.#superblocks.members) if (member.slot === slot) return member;
    return undefined;
  }

  #recovering(slot: number): Member {
    const member = this.#inSlot(slot);
    if (member !== undefined && member.recoveryOffset !== MAX_SECTOR) return member;
    throw new MdError("ERR_MD_STATE", `the member in slot ${slot} is not being rebuilt`);
  }

  /** A position in a member's data, in whole sectors. */
  #toSectors(bytes: number): number {
    if (bytes >= 0) return Math.floor(Math.min(bytes, this.geometry.memberBytes) / SECTOR_BYTES);
    throw new MdError("ERR_MD_ARGUMENT", `expected a position in bytes, got ${bytes}`);
  }

  #refuseBroken(): void {
    if (this.broken) throw this.#brokenError();
  }

  #brokenError(): MdError {
    const spared = parityDisks(this.geometry.level);
    return new MdError(
      "ERR_MD_BROKEN",
      `array "${this.name}" lacks ${this.degraded} members and can do without ${spared}; it can't be written any more`,
    );
  }

  /** Carries out `action` after everything that was asked for before. */
  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new MdError("ERR_MD_STATE", `array "${this.name}" is closed`));
    const result = this.#last.then(action);
    this.#last = result.catch(() => {});
    return result;
  }
}

/** Whether the members' role tables give a slot to a device that is not among them. */
function hasStrangers(members: readonly Member[]): boolean {
  const numbers = new Set(members.map(({ superblock }) => superblock.devNumber));
  return members.some(
    ({ slot, superblock }) =>
      slot !== null &&
      superblock.devRoles.some((role, number) => isSlot(role, superblock.raidDisks) && !numbers.has(number)),
  );
}

function toMember(
  { device, superblock }: AssembledSpare,
  slot: number | null,
  recoveredBytes: number,
): Member {
  const recoveryOffset = recoveredBytes / SECTOR_BYTES;
  return { device, slot, recoveryOffset, correctedReads: superblock.correctedReads, superblock };
}

function toAssembled({ device, superblock, recoveryOffset }: Member, slot: number): AssembledMember {
  return {
    device,
    superblock,
    slot,
    dataOffsetBytes: superblock.dataOffset * SECTOR_BYTES,
    recoveredBytes: recoveryOffset * SECTOR_BYTES,
  };
}
