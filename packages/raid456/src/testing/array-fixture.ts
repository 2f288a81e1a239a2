import {
  type ArrayMember,
  Geometry,
  type MemberDevice,
  type MemoryMember,
  RaidArray,
  type RaidArrayOptions,
  type RaidLevel,
} from "../index.js";
import { DATA_OFFSET, membersOf, memoryMembers, randomBytes, sameBytes } from "./model.js";

/** What an array for a test is made of. */
export interface FixtureOptions extends Partial<Omit<RaidArrayOptions, "members" | "level" | "raidDisks">> {
  readonly level?: RaidLevel;
  readonly raidDisks?: number;
  readonly missing?: readonly number[];
  readonly stripes?: number;
  /** Puts something between the array and a member's memory. */
  readonly wrap?: (member: MemoryMember, slot: number) => MemberDevice;
}

/** An array over memory that holds random content, and the content. By default a RAID-6 over 6 members with chunks of 4 KiB. */
export function arrayFixture({
  level = 6,
  raidDisks = 6,
  missing = [],
  stripes = 8,
  chunkBytes = 4096,
  wrap = (member) => member,
  ...options
}: FixtureOptions = {}) {
  const arrayOptions = { chunkBytes, memberBytes: chunkBytes * stripes, ...options, level, raidDisks };
  const geometry = new Geometry(arrayOptions);
  const content = randomBytes(geometry.arrayBytes, raidDisks * 100 + geometry.layout);
  const disks = memoryMembers(membersOf(geometry, content));
  const members = disks
    .map(wrap)
    .map((device, slot): ArrayMember | null =>
      missing.includes(slot) ? null : { device, dataOffsetBytes: DATA_OFFSET },
    );
  const array = new RaidArray({ ...arrayOptions, members });

  return {
    array,
    geometry,
    options: arrayOptions,
    content,
    disks,
    members,
    /** The data of a member. */
    data: (slot: number): Uint8Array => (disks[slot] as MemoryMember).bytes.subarray(DATA_OFFSET),
    /** Writes random bytes to the array and to the model. */
    write: async (offset: number, lengthBytes: number, seed = offset): Promise<void> => {
      const bytes = randomBytes(lengthBytes, seed);
      content.set(bytes, offset);
      await array.write(offset, bytes);
    },
    readAll: async (): Promise<Uint8Array> => {
      const into = new Uint8Array(geometry.arrayBytes);
      await array.read(0, into);
      return into;
    },
    /** Slots whose member does not hold what it should. */
    wrongMembers: (): number[] =>
      membersOf(geometry, content).flatMap((expected, slot) => {
        const bytes = (disks[slot] as MemoryMember).bytes.subarray(
          DATA_OFFSET,
          DATA_OFFSET + expected.length,
        );
        return sameBytes(expected, bytes) ? [] : [slot];
      }),
  };
}

/** A blank device for a slot of the fixture's arrays. */
export function blankMember({ memberBytes }: { readonly memberBytes: number }): ArrayMember & {
  readonly device: MemoryMember;
} {
  const [device] = memoryMembers([new Uint8Array(memberBytes).fill(0xee)]) as [MemoryMember];
  return { device, dataOffsetBytes: DATA_OFFSET };
}
