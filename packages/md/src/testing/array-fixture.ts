import { MemoryMember, type RaidLevel } from "@dmaengine/raid456";
import { createArray } from "../create.js";
import { examine } from "../examine.js";
import type { Superblock1, SuperblockState } from "../superblock-1.js";
import { updateSuperblock1 } from "../superblock-1-codec.js";
import { writeSuperblock } from "../superblock-io.js";

/** When the arrays of the tests are made. */
export const CREATED = new Date("2026-01-02T03:04:05Z");

/** Of each member, with 4 KiB chunks: 1 MiB of metadata and headroom, 256 KiB of data. */
export const DEVICE_BYTES = (1024 + 256) * 1024;

/** Blank members in memory, named a, b, c … */
export function blankMembers(count: number, sizeBytes: number = DEVICE_BYTES): MemoryMember[] {
  return Array.from({ length: count }, (_, index) => {
    return new MemoryMember(sizeBytes, { name: String.fromCharCode("a".charCodeAt(0) + index) });
  });
}

/** A new, clean array on members in memory. */
export async function makeArray(
  level: RaidLevel,
  raidDisks: number,
  name = "host:vol",
): Promise<MemoryMember[]> {
  const members = blankMembers(raidDisks);
  await createArray({ level, members, name, chunkBytes: 4096, assumeClean: true, now: CREATED });
  return members;
}

/** The superblock of a member, which must have one. */
export async function superblockOf(member: MemoryMember): Promise<Superblock1> {
  const { superblock, problem } = await examine(member);
  if (superblock === null) throw problem;
  return superblock;
}

/** Rewrites the superblocks of members with other state, as if somebody had worked with the array. */
export async function tamper(
  members: readonly MemoryMember[],
  changes: Partial<SuperblockState>,
): Promise<void> {
  for (const member of members) {
    await writeSuperblock(member, updateSuperblock1(await superblockOf(member), changes));
  }
}

/** Gives device numbers other roles in the superblocks of members. */
export async function tamperRoles(
  members: readonly MemoryMember[],
  roles: Readonly<Record<number, number>>,
): Promise<void> {
  for (const member of members) {
    const { devRoles } = await superblockOf(member);
    await tamper([member], { devRoles: devRoles.map((role, number) => roles[number] ?? role) });
  }
}

/** Copies of members as they are at this moment. */
export function snapshot(members: readonly MemoryMember[]): MemoryMember[] {
  return members.map(({ name, bytes }) => new MemoryMember(bytes.slice(), { name }));
}
