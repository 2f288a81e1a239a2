import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { MemoryMember } from "@dmaengine/raid456";
import { describe, expect, it } from "vitest";
import { findForeign, refuseForeign } from "./foreign.js";
import { superblockSector } from "./superblock-place.js";
import { makeArray } from "./testing/array-fixture.js";
import { goldenSuperblock090 } from "./testing/golden.js";

function deviceWith(...parts: readonly [number, string | readonly number[]][]): MemoryMember {
  const device = new MemoryMember(1 << 20, { name: "disk" });
  for (const [offset, content] of parts) {
    const bytes =
      typeof content === "string" ? [...content].map((character) => character.charCodeAt(0)) : content;
    device.bytes.set(bytes, offset);
  }
  return device;
}

const names = async (device: MemoryMember) => (await findForeign(device)).map(({ name }) => name);
const MBR_END: [number, number[]] = [510, [0x55, 0xaa]];
/** One active Linux partition of 2048 sectors at sector 2048. */
const PARTITION: [number, number[]] = [446, [0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0]];
const EXT_MAGIC: [number, number[]] = [1024 + 56, [0x53, 0xef]];

describe("findForeign", () => {
  it("finds nothing on blank and on random-looking devices of any size", async () => {
    for (const size of [0, 512, 4096, 65_536, 1 << 20])
      expect(await names(new MemoryMember(size))).toEqual([]);
    const noise = new MemoryMember(1 << 20);
    noise.bytes.forEach((_, index) => {
      noise.bytes[index] = (index * 2654435761) >>> 24;
    });
    expect(await names(noise)).toEqual([]);
  });

  it.each<[string, MemoryMember]>([
    ["xfs", deviceWith([0, "XFSB"])],
    ["btrfs", deviceWith([65_600, "_BHRfS_M"])],
    ["ntfs", deviceWith([3, "NTFS    "], MBR_END)],
    ["exfat", deviceWith([3, "EXFAT   "], MBR_END)],
    ["fat", deviceWith([82, "FAT32   "], MBR_END, PARTITION)],
    ["fat", deviceWith([54, "FAT16   "], MBR_END)],
    ["LUKS", deviceWith([0, "LUKS\xba\xbe"])],
    ["LVM2", deviceWith([512, "LABELONE"])],
    ["swap", deviceWith([4086, "SWAPSPACE2"])],
    ["swap", deviceWith([65_526, "SWAP-SPACE"])],
    ["MBR", deviceWith(MBR_END, PARTITION)],
    ["ext2", deviceWith(EXT_MAGIC)],
    ["ext3", deviceWith(EXT_MAGIC, [1024 + 92, [4]])],
    ["ext4", deviceWith(EXT_MAGIC, [1024 + 92, [4]], [1024 + 96, [0x42]])],
  ])("recognises %s, and only that", async (name, device) => {
    expect(await names(device)).toEqual([name]);
  });

  it("recognises GPT behind its protective MBR, with logical blocks of 512 and 4096 bytes", async () => {
    const protective: [number, number[]] = [
      446,
      [0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 7, 0, 0],
    ];
    expect(await names(deviceWith([512, "EFI PART"], MBR_END, protective))).toEqual(["GPT", "MBR"]);
    expect(await names(deviceWith([4096, "EFI PART"], MBR_END, protective))).toEqual(["GPT", "MBR"]);
  });

  it("takes a boot sector without partitions for no partition table", async () => {
    expect(await names(deviceWith(MBR_END))).toEqual([]);
  });

  it("recognises md superblocks of any format", async () => {
    const [member] = (await makeArray(5, 3)) as [MemoryMember];
    expect(await names(member)).toEqual(["md 1.2"]);
    const old = new MemoryMember(1 << 20);
    old.bytes.set(goldenSuperblock090(), (superblockSector("0.90", 2048) as number) * 512);
    expect(await findForeign(old)).toEqual([{ kind: "md", name: "md 0.90" }]);
  });

  for (const [tool, options, expected] of [
    ["mkfs.ext2", ["-q", "-F"], "ext2"],
    ["mkfs.ext3", ["-q", "-F"], "ext3"],
    ["mkfs.ext4", ["-q", "-F"], "ext4"],
    ["mkswap", [], "swap"],
  ] as const) {
    it.skipIf(!isInstalled(tool))(`recognises what ${tool} makes (needs ${tool})`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "foreign-"));
      try {
        const path = join(folder, "disk.img");
        await writeFile(path, new Uint8Array(8 << 20));
        await promisify(execFile)(tool, [...options, path]);
        expect(await names(new MemoryMember(await readFile(path)))).toEqual([expected]);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }
});

describe("refuseForeign", () => {
  it("lets a blank device pass and names what is on another", async () => {
    await refuseForeign(deviceWith());
    await expect(refuseForeign(deviceWith([0, "XFSB"], MBR_END, PARTITION))).rejects.toMatchObject({
      code: "ERR_MD_IN_USE",
      message: "disk holds xfs, MBR, which would be lost; use force to overwrite it",
    });
  });
});

function isInstalled(tool: string): boolean {
  return spawnSync(tool, ["-V"]).error === undefined;
}
