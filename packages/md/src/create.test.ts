import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { MemoryMember, type RaidLevel } from "@dmaengine/raid456";
import { FileMember } from "@dmaengine/raid456/node";
import { describe, expect, it } from "vitest";
import { createArray } from "./create.js";
import { MAX_SECTOR } from "./sector.js";
import { superblockSector } from "./superblock-place.js";
import { blankMembers, CREATED, DEVICE_BYTES, makeArray, superblockOf } from "./testing/array-fixture.js";
import { goldenSuperblock090 } from "./testing/golden.js";

const base = { level: 5, name: "host:vol", chunkBytes: 4096, now: CREATED } as const;

describe("createArray", () => {
  it("gives an array that assembles, in need of a resync", async () => {
    const members = blankMembers(3);
    const array = await createArray({ ...base, members, uuid: "10111213-1415-1617-1819-1a1b1c1d1e1f" });
    expect(array).toMatchObject({
      uuid: "10111213:14151617:18191a1b:1c1d1e1f",
      name: "host:vol",
      geometry: {
        level: 5,
        layout: 2,
        raidDisks: 3,
        chunkBytes: 4096,
        memberBytes: 256 << 10,
        arrayBytes: 512 << 10,
      },
      events: 1,
      clean: false,
      resyncedBytes: 0,
      spares: [],
      missing: [],
      degraded: 0,
      rejected: [],
      readOnlyReason: null,
      forced: [],
    });
    expect(array.slots.map((member) => member?.device)).toEqual(members);
    expect(array.slots.map((member) => [member?.dataOffsetBytes, member?.recoveredBytes])).toEqual(
      members.map(() => [1 << 20, Number.POSITIVE_INFINITY]),
    );
  });

  it("writes superblocks by the recipe that Linux accepts", async () => {
    const members = blankMembers(4);
    await createArray({ ...base, level: 6, members, assumeClean: true });
    const superblocks = await Promise.all(members.map(superblockOf));
    superblocks.forEach((superblock, slot) => {
      expect(superblock).toMatchObject({
        ctime: { seconds: CREATED.getTime() / 1000, micros: 0 },
        utime: { seconds: CREATED.getTime() / 1000, micros: 0 },
        superOffset: 8,
        devNumber: slot,
        badBlockLog: { shift: 0, size: 8, offset: 16 },
        logicalBlockBytes: 0,
        featureMap: 0,
        dataOffset: 2048,
        dataSize: 512,
        size: 512,
        events: 1,
        resyncOffset: MAX_SECTOR,
        devRoles: [0, 1, 2, 3, ...new Array<number>(124).fill(0xffff)],
      });
    });
    expect(new Set(superblocks.map(({ deviceUuid }) => deviceUuid)).size).toBe(4);
    for (const { bytes } of members) {
      expect(bytes.subarray(24 * 512, 32 * 512).every((byte) => byte === 0xff)).toBe(true);
      // Nothing else is written: not before the superblock, and not one byte of data.
      expect(bytes.subarray(0, 4096).every((byte) => byte === 0)).toBe(true);
      expect(bytes.subarray(32 * 512).every((byte) => byte === 0)).toBe(true);
    }
  });

  it("uses what the smallest member has, in whole chunks, or less if asked", async () => {
    const sizes = [DEVICE_BYTES + 8192, DEVICE_BYTES - 512, DEVICE_BYTES];
    const members = () => sizes.map((size) => new MemoryMember(size));
    const array = await createArray({ ...base, members: members() });
    expect(array.geometry.memberBytes).toBe((256 << 10) - 4096);
    expect(array.slots.map((member) => member?.superblock.dataSize)).toEqual([528, 511, 512]);
    const smaller = await createArray({ ...base, members: members(), sizeBytes: 65_536 + 4095 });
    expect(smaller.geometry.memberBytes).toBe(65_536);
  });

  it("removes superblocks of earlier arrays, of any format, when forced", async () => {
    const members = await makeArray(6, 4);
    const place = (superblockSector("0.90", DEVICE_BYTES / 512) as number) * 512;
    members[2]?.bytes.set(goldenSuperblock090(), place);
    await expect(createArray({ ...base, members })).rejects.toMatchObject({ code: "ERR_MD_IN_USE" });
    const array = await createArray({ ...base, members, force: true });
    expect(array).toMatchObject({ missing: [], rejected: [] });
    expect(members[2]?.bytes.subarray(place, place + 4096).every((byte) => byte === 0)).toBe(true);
  });

  it("refuses before it writes anything", async () => {
    const [a, b, c] = blankMembers(3) as [MemoryMember, MemoryMember, MemoryMember];
    const readOnly = new MemoryMember(DEVICE_BYTES, { name: "r", writable: false });
    const small = new MemoryMember(DEVICE_BYTES - (256 << 10), { name: "s" });
    const used = new MemoryMember(DEVICE_BYTES, { name: "u" });
    used.bytes.set([0x58, 0x46, 0x53, 0x42]);
    const refused: [string, Partial<Parameters<typeof createArray>[0]>][] = [
      ["ERR_MD_ARGUMENT", { members: [] }],
      ["ERR_MD_ARGUMENT", { members: [a] }],
      ["ERR_MD_ARGUMENT", { members: [a, b, a] }],
      ["ERR_MD_ARGUMENT", { members: [a, b, readOnly] }],
      ["ERR_MD_ARGUMENT", { level: 6 }],
      ["ERR_MD_ARGUMENT", { layout: 6 }],
      ["ERR_MD_ARGUMENT", { chunkBytes: 12_288 }],
      ["ERR_MD_ARGUMENT", { chunkBytes: 2048 }],
      ["ERR_MD_ARGUMENT", { chunkBytes: Number.NaN }],
      ["ERR_MD_ARGUMENT", { chunkBytes: 0 }],
      ["ERR_MD_ARGUMENT", { sizeBytes: 4095 }],
      ["ERR_MD_ARGUMENT", { sizeBytes: Number.NaN }],
      ["ERR_MD_ARGUMENT", { name: "a name of more than 32 bytes, twice" }],
      ["ERR_MD_ARGUMENT", { uuid: "1234" }],
      ["ERR_MD_TOO_SMALL", { members: [a, b, small] }],
      ["ERR_MD_TOO_SMALL", { sizeBytes: 260 << 10 }],
      ["ERR_MD_TOO_SMALL", { members: [new MemoryMember(0), a, b] }],
      ["ERR_MD_IN_USE", { members: [a, b, used] }],
    ];
    for (const [code, options] of refused) {
      const creation = createArray({ ...base, members: [a, b, c], ...options });
      await expect(creation, JSON.stringify(options)).rejects.toMatchObject({ name: "MdError", code });
    }
    for (const { bytes } of [a, b, c]) expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it("notices when two members are one device", async () => {
    const [a, b] = blankMembers(2) as [MemoryMember, MemoryMember];
    const again = new MemoryMember(b.bytes, { name: "b under another name" });
    await expect(createArray({ ...base, members: [a, b, again] })).rejects.toMatchObject({
      code: "ERR_MD_ARGUMENT",
      message: "b is the same device as another member, under another name",
    });
  });
});

const MDADM = "mdadm";
const hasMdadm = spawnSync(MDADM, ["--version"]).error === undefined;

describe.skipIf(!hasMdadm)("mdadm --examine of a created array (needs mdadm)", () => {
  // What mdadm prints for arrays that it made itself with the same geometry; sizes from its documented
  // formulas.
  it.each([
    {
      options: { level: 5, chunkBytes: 65_536, assumeClean: true },
      disks: 3,
      deviceBytes: 64 << 20,
      expected: {
        "Raid Level": "raid5",
        "Raid Devices": "3",
        "Avail Dev Size": "129024 sectors (63.00 MiB 66.06 MB)",
        "Array Size": "129024 KiB (126.00 MiB 132.12 MB)",
        "Data Offset": "2048 sectors",
        "Unused Space": "before=1968 sectors, after=0 sectors",
        State: "clean",
        "Bad Block Log": "512 entries available at offset 16 sectors",
        Layout: "left-symmetric",
        "Chunk Size": "64K",
      },
    },
    {
      options: { level: 6, layout: 18, chunkBytes: 524_288, sizeBytes: 40 << 20 },
      disks: 5,
      deviceBytes: 100 << 20,
      expected: {
        "Raid Level": "raid6",
        "Raid Devices": "5",
        "Avail Dev Size": "200704 sectors (98.00 MiB 102.76 MB)",
        "Array Size": "122880 KiB (120.00 MiB 125.83 MB)",
        "Used Dev Size": "81920 sectors (40.00 MiB 41.94 MB)",
        "Data Offset": "4096 sectors",
        State: "active",
        Layout: "left-symmetric-6",
        "Chunk Size": "512K",
      },
    },
    {
      // Sparse: a member large enough to get room for a bitmap.
      options: { level: 4, assumeClean: true },
      disks: 2,
      deviceBytes: 9 * 1024 ** 3,
      expected: {
        "Raid Level": "raid4",
        "Raid Devices": "2",
        "Data Offset": "18432 sectors",
        "Bad Block Log": "512 entries available at offset 136 sectors",
        "Chunk Size": "512K",
      },
    },
  ] as const)(
    "agrees on raid$options.level with $disks members",
    async ({ options, disks, deviceBytes, expected }) => {
      const folder = await mkdtemp(join(tmpdir(), "md-create-"));
      try {
        const paths = Array.from({ length: disks }, (_, slot) => join(folder, `disk${slot}.img`));
        const members = await Promise.all(paths.map((path) => FileMember.create(path, deviceBytes)));
        const level: RaidLevel = options.level;
        const array = await createArray({ ...options, level, members, name: "host:vol", now: CREATED });
        await Promise.all(members.map((member) => member.close()));
        for (const [slot, path] of paths.entries()) {
          const facts = await mdadmExamine(path);
          expect(facts).toMatchObject({
            Version: "1.2",
            "Feature Map": "0x0",
            "Array UUID": array.uuid,
            Name: "host:vol",
            "Creation Time": "Fri Jan  2 03:04:05 2026",
            "Super Offset": "8 sectors",
            "Device UUID": array.slots[slot]?.superblock.deviceUuid,
            Checksum: expect.stringMatching(/ - correct$/),
            Events: "1",
            "Device Role": `Active device ${slot}`,
            "Array State": expect.stringContaining(`${"A".repeat(disks)} (`),
            ...expected,
          });
        }
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});

/** The lines "label : value" of `mdadm --examine`. */
async function mdadmExamine(path: string): Promise<Record<string, string>> {
  const { stdout } = await promisify(execFile)(MDADM, ["--examine", path], {
    env: { ...process.env, TZ: "UTC" },
  });
  const lines = stdout.split("\n").flatMap((line) => {
    const [, label, value] = /^\s*(\S.*?) : (.*?)\s*$/.exec(line) ?? [];
    return label === undefined || value === undefined ? [] : [[label, value] as const];
  });
  return Object.fromEntries(lines);
}
