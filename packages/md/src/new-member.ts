import type { MemberDevice } from "@dmaengine/raid456";
import { MdError } from "./errors.js";
import { examine } from "./examine.js";
import { refuseForeign } from "./foreign.js";
import { ROLE_SPARE, roleIn } from "./role.js";
import { MAX_DEV, type Superblock1 } from "./superblock-1.js";
import { createSuperblock1 } from "./superblock-1-codec.js";
import { prepareMember } from "./superblock-io.js";
import { deviceSectors } from "./superblock-place.js";
import { randomUuid } from "./uuid.js";

/**
 * Makes a device ready to join an array, and the superblock that it is to have: that of a spare at event
 * count 0, as mdadm makes it (`Manage_add` in `Manage.c`). The superblock itself is left to the array's next
 * update.
 *
 * @param known the superblocks of the array's members and spares; the first one gives the geometry and the
 *   place of the data
 * @param taken device numbers that must not be used, beyond those in these superblocks
 * @param force overwrite whatever the device holds; a former member of the array is accepted without it
 * @throws MdError `ERR_MD_TOO_SMALL`, `ERR_MD_IN_USE`, `ERR_MD_ARGUMENT`, or `ERR_MD_STATE` if no number is
 *   free
 */
export async function makeMember(
  device: MemberDevice,
  known: readonly [Superblock1, ...Superblock1[]],
  taken: ReadonlySet<number>,
  force: boolean,
): Promise<Superblock1> {
  const [reference] = known;
  if (!device.writable) throw new MdError("ERR_MD_ARGUMENT", `${device.name} is opened for reading only`);
  const has = deviceSectors(device);
  if (has < reference.dataOffset + reference.size) {
    throw new MdError(
      "ERR_MD_TOO_SMALL",
      `${device.name} has ${has} sectors; a member of this array needs ${reference.dataOffset + reference.size}`,
    );
  }
  const { superblock: present } = await examine(device);
  if (known.some(({ deviceUuid }) => deviceUuid === present?.deviceUuid)) {
    throw new MdError("ERR_MD_IN_USE", `${device.name} is a member of the array already`);
  }
  if (!force && present?.setUuid !== reference.setUuid) await refuseForeign(device);

  const superblock = createSuperblock1({
    ...reference,
    devNumber: freeNumber(known, taken),
    deviceUuid: randomUuid(),
    featureMap: 0,
    dataSize: has - reference.dataOffset,
    recoveryOffset: 0,
    correctedReads: 0,
    devFlags: 0,
    events: 0,
  });
  await prepareMember(device, superblock);
  await device.flush();
  return superblock;
}

/** The first number above the slots that no known device has or knows of. */
function freeNumber(known: readonly [Superblock1, ...Superblock1[]], taken: ReadonlySet<number>): number {
  const isTaken = (number: number) =>
    taken.has(number) ||
    known.some((superblock) => superblock.devNumber === number || roleIn(superblock, number) !== ROLE_SPARE);
  let number = known[0].raidDisks;
  while (isTaken(number)) number++;
  if (number < MAX_DEV) return number;
  throw new MdError("ERR_MD_STATE", `all ${MAX_DEV} device numbers of the array are in use`);
}
