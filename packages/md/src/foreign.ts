import type { MemberDevice } from "@dmaengine/raid456";
import { MdError } from "./errors.js";
import { SECTOR_BYTES } from "./sector.js";
import { METADATA_VERSIONS, readSuperblockBlock } from "./superblock-place.js";

/** Something on a device that making it a member would destroy. */
export interface ForeignContent {
  readonly kind: "md" | "filesystem" | "swap" | "volume" | "encryption" | "partition-table";
  /** What it is: "ext4", "LVM2", "GPT", "md 1.2" … */
  readonly name: string;
}

/** A signature at a fixed place. */
interface Signature extends ForeignContent {
  readonly offsetBytes: number;
  /** Latin-1. */
  readonly text: string;
}

/** mkswap puts its mark at the end of the first page of the machine that it ran on. */
const SWAP_PAGE_BYTES = [4096, 8192, 16_384, 65_536];

/** An LVM2 label may be in any of the first four sectors. */
const LVM_SECTORS = [0, 1, 2, 3];

const SIGNATURES: readonly Signature[] = [
  { kind: "filesystem", name: "xfs", offsetBytes: 0, text: "XFSB" },
  { kind: "filesystem", name: "btrfs", offsetBytes: 65_600, text: "_BHRfS_M" },
  { kind: "filesystem", name: "ntfs", offsetBytes: 3, text: "NTFS    " },
  { kind: "filesystem", name: "exfat", offsetBytes: 3, text: "EXFAT   " },
  { kind: "filesystem", name: "fat", offsetBytes: 54, text: "FAT12   " },
  { kind: "filesystem", name: "fat", offsetBytes: 54, text: "FAT16   " },
  { kind: "filesystem", name: "fat", offsetBytes: 82, text: "FAT32   " },
  { kind: "encryption", name: "LUKS", offsetBytes: 0, text: "LUKS\xba\xbe" },
  ...LVM_SECTORS.map((sector) => ({
    kind: "volume" as const,
    name: "LVM2",
    offsetBytes: sector * SECTOR_BYTES,
    text: "LABELONE",
  })),
  ...SWAP_PAGE_BYTES.flatMap((page) =>
    ["SWAPSPACE2", "SWAP-SPACE"].map((text) => ({
      kind: "swap" as const,
      name: "swap",
      offsetBytes: page - text.length,
      text,
    })),
  ),
  // Behind the protective MBR, in the second logical block.
  { kind: "partition-table", name: "GPT", offsetBytes: 512, text: "EFI PART" },
  { kind: "partition-table", name: "GPT", offsetBytes: 4096, text: "EFI PART" },
];

/** Far enough for the farthest signature, btrfs's. */
const HEAD_BYTES = 65_608;

/**
 * Finds out whether a device holds something already: an md superblock of any format, a file system, swap
 * space, an LVM2 or LUKS volume, or a partition table. Nothing is written.
 *
 * An empty result is no promise that the device is unused, only that none of these is on it.
 *
 * @throws what the device throws
 */
export async function findForeign(device: MemberDevice): Promise<ForeignContent[]> {
  const head = new Uint8Array(HEAD_BYTES);
  // A device that is shorter reads as if zeros followed.
  await device.read(0, head.subarray(0, Math.min(HEAD_BYTES, device.sizeBytes)));

  const found: ForeignContent[] = [];
  for (const version of METADATA_VERSIONS) {
    if ((await readSuperblockBlock(device, version)) !== null)
      found.push({ kind: "md", name: `md ${version}` });
  }
  for (const { kind, name, offsetBytes, text } of SIGNATURES) {
    if (hasText(head, offsetBytes, text)) found.push({ kind, name });
  }
  const ext = extName(head);
  if (ext !== undefined) found.push({ kind: "filesystem", name: ext });
  // A boot sector of FAT or NTFS ends like an MBR, and has code where that has its partitions.
  const bootSector = found.some(({ name }) => ["fat", "exfat", "ntfs"].includes(name));
  if (!bootSector && hasMbr(head)) found.push({ kind: "partition-table", name: "MBR" });
  return found;
}

/**
 * Refuses a device on which anything is recognised.
 *
 * @throws MdError `ERR_MD_IN_USE`
 */
export async function refuseForeign(device: MemberDevice): Promise<void> {
  const content = await findForeign(device);
  if (content.length === 0) return;
  const names = content.map(({ name }) => name).join(", ");
  throw new MdError(
    "ERR_MD_IN_USE",
    `${device.name} holds ${names}, which would be lost; use force to overwrite it`,
  );
}

function hasText(head: Uint8Array, offsetBytes: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (head[offsetBytes + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

/** Tells the three generations of ext apart by their features, as `e2fsprogs` does. */
function extName(head: Uint8Array): string | undefined {
  const superblock = new DataView(head.buffer, 1024, 1024);
  if (superblock.getUint16(56, true) !== 0xef53) return undefined;
  const compat = superblock.getUint32(92, true);
  const incompat = superblock.getUint32(96, true);
  const roCompat = superblock.getUint32(100, true);
  // Up to ext3: incompat filetype, recover, journal_dev, meta_bg; ro_compat sparse_super, large_file,
  // btree_dir.
  if ((incompat & ~0x1e) !== 0 || (roCompat & ~0x7) !== 0) return "ext4";
  const hasJournal = 0x4;
  return (compat & hasJournal) !== 0 ? "ext3" : "ext2";
}

/** Whether sector 0 is a master boot record with at least one partition in it. */
function hasMbr(head: Uint8Array): boolean {
  if (head[510] !== 0x55 || head[511] !== 0xaa) return false;
  const view = new DataView(head.buffer);
  const entries = [446, 462, 478, 494];
  const plausible = entries.every((entry) => [0x00, 0x80].includes(head[entry] as number));
  return (
    plausible && entries.some((entry) => head[entry + 4] !== 0 && view.getUint32(entry + 12, true) !== 0)
  );
}
