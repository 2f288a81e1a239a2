import type { AssembledArray, OpenArray } from "@dmaengine/md";
import type { MemberDevice } from "@dmaengine/raid456";

/** A member that is to be rebuilt. */
export interface PlacedMember {
  readonly slot: number;
  readonly device: MemberDevice;
}

/**
 * Gives the empty slots to new members, and those that are left to the spares that the array has.
 * Whether what is on the new members may be overwritten has been settled by the caller.
 */
export async function fillSlots(
  array: OpenArray,
  { missing, spares }: AssembledArray,
  newMembers: readonly MemberDevice[],
): Promise<PlacedMember[]> {
  const devices = [...newMembers, ...spares.map(({ device }) => device)];
  const placed = missing.flatMap((slot, index) => {
    const device = devices[index];
    return device === undefined ? [] : [{ slot, device }];
  });
  for (const { slot, device } of placed) await array.add(slot, device, { force: true });
  return placed;
}
