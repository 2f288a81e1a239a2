import { open } from "node:fs/promises";
import { describe, expect } from "vitest";
import { type ArrayCase, arrayCases, createOptions, parityDisks, subsets } from "./support/array-case.js";
import { firstDifference, sha256 } from "./support/bytes.js";
import { describeWithLinux, test as linuxTest } from "./support/linux-test.js";
import { mdraid, mdraidReports } from "./support/mdraid.js";
import { randomBytes, seed } from "./support/random-bytes.js";
import { guestDisks, Workbench } from "./support/workbench.js";

interface LinuxArray {
  /** Its images in slot order. Tests that write take copies. */
  readonly members: readonly string[];
  /** What Linux wrote to it, from the first byte to the last. */
  readonly content: Buffer;
  readonly reports: Awaited<ReturnType<Workbench["mdadmReports"]>>;
}

async function createWithLinux(workbench: Workbench, arrayCase: ArrayCase): Promise<LinuxArray> {
  const slots = Array.from({ length: arrayCase.raidDevices }, (_, slot) => slot);
  const members = await Promise.all(slots.map((slot) => workbench.blankMember(`member${slot}`, arrayCase)));
  const random = randomBytes("content", arrayCase.raidDevices * arrayCase.memberSizeKib * 1024);
  await workbench.write("random", random);
  const disks = guestDisks(arrayCase.raidDevices);
  const linux = await workbench.linux(
    members,
    `create_and_fill ${createOptions(arrayCase).join(" ")} ${disks.join(" ")}
     mdadm --detail /dev/md0 >/host/detail
     mdadm --stop /dev/md0
     mdadm --examine ${disks.join(" ")} >/host/examine`,
  );
  const content = random.subarray(0, Number(linux.values["size"]));
  expect(linux.values["sha256"]).toBe(sha256(content));
  return { members, content, reports: await workbench.mdadmReports() };
}

/** Adds the array of a case, made and filled by Linux when the first test asks for it. */
const test = linuxTest.extend("linuxArray", { scope: "file" }, ({ vm }, { onCleanup }) => {
  const workbenches: Workbench[] = [];
  onCleanup(async () => {
    await Promise.all(workbenches.map((workbench) => workbench.remove()));
  });
  const make = async (arrayCase: ArrayCase): Promise<LinuxArray> => {
    const workbench = await Workbench.make(vm);
    workbenches.push(workbench);
    return createWithLinux(workbench, arrayCase);
  };
  const arrays = new Map<ArrayCase, Promise<LinuxArray>>();
  return (arrayCase: ArrayCase): Promise<LinuxArray> => {
    const array = arrays.get(arrayCase) ?? make(arrayCase);
    arrays.set(arrayCase, array);
    return array;
  };
});

describeWithLinux(`arrays that mdadm created (seed ${seed})`, () => {
  describe.each(arrayCases)("$title", (arrayCase) => {
    const { raidDevices } = arrayCase;
    const disks = guestDisks(raidDevices);

    test("mdraid reads what Linux wrote", async ({ workbench, linuxArray }) => {
      const { members, content } = await linuxArray(arrayCase);

      expect(firstDifference(await workbench.readArray(members), content)).toBeUndefined();

      // Any order of the members will do, and any range.
      const [offset, length] = [1_234_567, 7_654_321];
      const range = ["--offset", `${offset}`, "--length", `${length}`];
      const part = await mdraid(["read", ...members.toReversed(), ...range]);
      expect(firstDifference(part, content.subarray(offset, offset + length))).toBeUndefined();
    });

    test("mdraid says the same about one as mdadm", async ({ linuxArray }) => {
      const { members, reports } = await linuxArray(arrayCase);
      expect(await mdraidReports(members)).toMatchObject(reports);
    });

    const subsetsToLose = subsets(raidDevices, parityDisks(arrayCase)).map((withheld) => ({ withheld }));
    test.for(subsetsToLose)(
      "mdraid reads what Linux wrote without the members $withheld",
      async ({ withheld }, { workbench, linuxArray }) => {
        const { members, content } = await linuxArray(arrayCase);
        const given = members.filter((_, slot) => !withheld.includes(slot));
        expect(firstDifference(await workbench.readArray(given), content)).toBeUndefined();
      },
    );

    test("Linux reads what mdraid wrote", async ({ workbench, linuxArray }) => {
      const { members: originals, content: before } = await linuxArray(arrayCase);
      const members = await workbench.copies(originals);
      const content = await writeInPlaces(members, before);

      const linux = await workbench.linux(members, `judge ${disks.join(" ")}`);

      expect(linux.values).toEqual({ sha256: sha256(content), mismatches: "0" });
      expect(linux.console).not.toMatch(/md: (resync|recovery)/);
    });

    test("Linux leaves members out that missed a write of mdraid, and rebuilds them", async ({
      workbench,
      linuxArray,
    }) => {
      const { members: originals, content: before } = await linuxArray(arrayCase);
      const members = await workbench.copies(originals);
      const missed = [0, 2].slice(0, parityDisks(arrayCase));
      const written = members.filter((_, slot) => !missed.includes(slot));
      const content = await writeInPlaces(written, before);
      const writtenDisks = disks.filter((_, slot) => !missed.includes(slot));
      const reports = await mdraidReports(written, { exitCode: 1 });

      const linux = await workbench.linux(
        members,
        `mdadm --examine ${writtenDisks.join(" ")} >/host/examine
         mdadm --assemble --run /dev/md0 ${disks.join(" ")}
         mdadm --detail /dev/md0 >/host/detail
         echo "degraded=$(cat $md/degraded)"
         echo "degraded_sha256=$(content)"
         mdadm /dev/md0 --add ${missed.map((slot) => disks[slot]).join(" ")}
         settled
         echo "sha256=$(content)"
         echo "mismatches=$(mismatches)"
         mdadm --stop /dev/md0`,
      );

      expect(linux.values).toEqual({
        degraded: `${missed.length}`,
        degraded_sha256: sha256(content),
        sha256: sha256(content),
        mismatches: "0",
      });
      expect(reports).toMatchObject(await workbench.mdadmReports());
      expect(firstDifference(await workbench.readArray(members), content)).toBeUndefined();
      await mdraid(["check", ...members]);
    });

    test("Linux takes members that mdraid rebuilt", async ({ workbench, linuxArray }) => {
      const { members: originals, content } = await linuxArray(arrayCase);
      const lost = [1, 3].slice(0, parityDisks(arrayCase));
      const kept = await workbench.copies(originals.filter((_, slot) => !lost.includes(slot)));
      const rebuilt = await Promise.all(
        lost.map((slot) => workbench.usedMember(`rebuilt${slot}`, arrayCase)),
      );
      await mdraid(["add", "--to", ...kept, "--", ...rebuilt]);

      const linux = await workbench.linux([...kept, ...rebuilt], `judge ${disks.join(" ")}`);

      expect(linux.values).toEqual({ sha256: sha256(content), mismatches: "0" });
      expect(linux.console).not.toMatch(/md: (resync|recovery)/);
    });

    test("Linux and mdraid see the same wrong parity, and none after mdraid's repair", async ({
      workbench,
      linuxArray,
    }) => {
      const { members: originals, content } = await linuxArray(arrayCase);
      const damaged = await workbench.copies(originals, "damaged-");
      // The first stripe has its P in the last slot, in RAID-4 and in left-symmetric RAID-5 and 6 alike.
      await flipFirstDataByte(damaged[raidDevices - 1] as string);
      await mdraid(["check", ...damaged], { exitCode: 1 });
      const repaired = await workbench.copies(damaged, "repaired-");
      await mdraid(["repair", ...repaired]);
      await mdraid(["check", ...repaired]);

      const linux = await workbench.linux(
        [...damaged, ...repaired],
        `mdadm --assemble /dev/md0 ${disks.join(" ")}
         echo "damaged_mismatches=$(mismatches)"
         mdadm --stop /dev/md0
         judge ${guestDisks(raidDevices, raidDevices).join(" ")}`,
      );

      // md counts a wrong byte as the 8 sectors of its 4 KiB row.
      expect(linux.values).toEqual({ damaged_mismatches: "8", sha256: sha256(content), mismatches: "0" });
    });
  });
});

/**
 * Changes an array with `mdraid write`: a few bytes at the begin, a range that touches many stripes and ends inside a
 * sector, and the last bytes.
 * @returns what the array should contain then.
 */
async function writeInPlaces(members: readonly string[], before: Buffer): Promise<Buffer> {
  const after = Buffer.from(before);
  const places = [
    { offset: 3, length: 10 },
    { offset: 1_000_000, length: 5_000_001 },
    { offset: before.length - 1_000, length: 1_000 },
  ];
  for (const { offset, length } of places) {
    const bytes = randomBytes(`written at ${offset}`, length);
    bytes.copy(after, offset);
    await mdraid(["write", ...members, "--offset", `${offset}`], { stdin: bytes });
  }
  return after;
}

async function flipFirstDataByte(member: string): Promise<void> {
  const file = await open(member, "r+");
  try {
    const superblock = Buffer.alloc(256);
    await file.read(superblock, 0, superblock.length, 4096);
    // mdp_superblock_1.data_offset, in sectors.
    const dataOffset = Number(superblock.readBigUInt64LE(128)) * 512;
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, dataOffset);
    await file.write(Buffer.of(byte.readUInt8() ^ 0x10), 0, 1, dataOffset);
  } finally {
    await file.close();
  }
}
