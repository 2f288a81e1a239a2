import { MemberError } from "@dmaengine/raid456";
import { FileMember } from "@dmaengine/raid456/node";

/** What became of the paths that were given as members. */
export interface OpenedMembers {
  readonly members: readonly FileMember[];
  /** Those that could not be opened. */
  readonly failures: readonly MemberError[];
}

/** Opens members for looking at them. A path that can't be opened is told, and in nobody's way. */
export async function openForLooking(paths: readonly string[]): Promise<OpenedMembers> {
  const members: FileMember[] = [];
  const failures: MemberError[] = [];
  for (const path of paths) {
    try {
      members.push(await FileMember.open(path));
    } catch (error) {
      if (!MemberError.isInstance(error)) throw error;
      failures.push(error);
    }
  }
  return { members, failures };
}

/**
 * Opens members for writing, all or none: what is written without one of them puts it out of date, and for a wrong path
 * that would be a high price.
 */
export async function openForWriting(paths: readonly string[]): Promise<FileMember[]> {
  const members: FileMember[] = [];
  try {
    for (const path of paths) members.push(await FileMember.open(path, { writable: true }));
    return members;
  } catch (error) {
    await closeMembers(members);
    throw error;
  }
}

export async function closeMembers(members: readonly FileMember[]): Promise<void> {
  await Promise.all(members.map((member) => member.close()));
}
