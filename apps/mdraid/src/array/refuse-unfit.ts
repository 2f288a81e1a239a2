import { type AssembledArray, type AssembledMember, examine, findForeign, SECTOR_BYTES } from "@dmaengine/md";
import type { MemberDevice } from "@dmaengine/raid456";
import { CommandError } from "../errors.js";

/**
 * Refuses a device that can't become a member of an array, before anything is written to it or to another one. A former
 * member of the array may come back; on others nothing may be found, unless `force` says so.
 *
 * @throws CommandError `ERR_MDRAID_REFUSED`
 */
export async function refuseUnfit(
  device: MemberDevice,
  array: AssembledArray,
  force: boolean,
): Promise<void> {
  const members = array.slots.filter((member): member is AssembledMember => member !== null);
  const known = [...members, ...array.spares];
  const needed =
    Math.min(...members.map(({ superblock }) => superblock.dataOffset + superblock.size)) * SECTOR_BYTES;
  if (device.sizeBytes < needed) {
    throw refusal(`${device.name} has ${device.sizeBytes} bytes; a member of this array needs ${needed}`);
  }
  const { superblock } = await examine(device);
  if (known.some((member) => member.superblock.deviceUuid === superblock?.deviceUuid)) {
    throw refusal(`${device.name} is a copy of a member that the array has`);
  }
  if (force || superblock?.setUuid === array.uuid) return;
  const content = await findForeign(device);
  if (content.length === 0) return;
  const names = content.map(({ name }) => name).join(", ");
  throw refusal(`${device.name} holds ${names}, which would be lost; --force overwrites it`);
}

function refusal(message: string): CommandError {
  return new CommandError("ERR_MDRAID_REFUSED", message);
}
