import { open } from "node:fs/promises";
import { describe, expect } from "vitest";
import { type ArrayCase, arrayCases, createOptions, parityDisks, subsets } from "./support/array-case.js";
import { firstDifference, sha256 } from "./support/bytes.js";
import { describeWithLinux, test as linuxTest } from "./support/linux-test.js";
import { mdraid } from "./support/mdraid.js";
import { randomBytes, seed } from "./support/random-bytes.js";
import { guestDisks, Workbench } from "./support/workbench.js";

interface LinuxArray {
  /** Its images in slot order. Tests that write take copies. */
  readonly members: readonly string[];
  /** What Linux wrote to it, from the first byte to the last. */
  readonly content: Buffer;
}

async function createWithLinux(bench: Workbench, arrayCase: ArrayCase): Promise<LinuxArray> {
  const slots = Array.from({ length: arrayCase.raidDevices }, (_, slot) => slot);
  const members = await Promise.all(slots.map((slot) => bench.blankMember(`member${slot}`, arrayCase)));
  const random = randomBytes("content", arrayCase.raidDevices * arrayCase.memberSizeMib * 1024 * 1024);
  await bench.write("random", random);
  const disks = guestDisks(arrayCase.raidDevices);
  const linux = await bench.linux(
    members,
    `mdadm --create /dev/md0 --run ${createOptions(arrayCase).join(" ")} ${disks.join(" ")}
     settled
     size=$(blockdev --getsize64 /dev/md0)
     head -c "$size" /host/random >/dev/md0
     sync
     echo "size=$size"
     echo "sha256=$(content)"
     mdadm --stop /dev/md0`,
  );
  const content = random.subarray(0, Number(linux.values["size"]));
  expect(linux.values["sha256"]).toBe(sha256(content));
  return { members, content };
}

/** Adds the array of a case, made and filled by Linux when the first test asks for it. */
const test = linuxTest.extend("linuxArray", { scope: "file" }, ({ vm }, { onCleanup }) => {
  const benches: Workbench[] = [];
  onCleanup(async () => {
    await Promise.all(benches.map((bench) => bench.remove()));
  });
  const arrays = new Map<ArrayCase, Promise<LinuxArray>>();
  return async (arrayCase: ArrayCase): Promise<LinuxArray> => {
    let array = arrays.get(arrayCase);
    if (array === undefined) {
      const bench = await Workbench.make(vm);
      benches.push(bench);
      array = createWithLinux(bench, arrayCase);
      arrays.set(arrayCase, array);
    }
    return array;
  };
});

describeWithLinux(`arrays that mdadm created (seed ${seed})`, () => {
  describe.each(arrayCases)("$title", (arrayCase) => {
    const { raidDevices } = arrayCase;
    const disks = guestDisks(raidDevices);

    test("mdraid reads what Linux wrote", async ({ bench, linuxArray }) => {
      const { members, content } = await linuxArray(arrayCase);

      expect(firstDifference(await bench.readArray(members), content)).toBeUndefined();

      // Any order of the members will do, and any range.
      const [offset, length] = [1_234_567, 7_654_321];
      const range = ["--offset", `${offset}`, "--length", `${length}`];
      const part = await mdraid(["read", ...members.toReversed(), ...range]);
      expect(firstDifference(part, content.subarray(offset, offset + length))).toBeUndefined();
    });

    test.for(subsets(raidDevices, parityDisks(arrayCase)))(
      "mdraid reads what Linux wrote without the members %j",
      async (withheld, { bench, linuxArray }) => {
        const { members, content } = await linuxArray(arrayCase);
        const given = members.filter((_, slot) => !withheld.includes(slot));
        expect(firstDifference(await bench.readArray(given), content)).toBeUndefined();
      },
    );

    test("Linux reads what mdraid wrote", async ({ bench, linuxArray }) => {
      const { members: originals, content: before } = await linuxArray(arrayCase);
      const members = await bench.copies(originals);
      const content = await writeInPlaces(members, before);

      const linux = await bench.linux(
        members,
        `mdadm --assemble /dev/md0 ${disks.join(" ")}
         settled
         echo "sha256=$(content)"
         echo "mismatches=$(mismatches)"
         mdadm --stop /dev/md0`,
      );

      expect(linux.values).toEqual({ sha256: sha256(content), mismatches: "0" });
      expect(linux.console).not.toMatch(/md: (resync|recovery)/);
    });

    test("Linux leaves members out that missed a write of mdraid, and rebuilds them", async ({
      bench,
      linuxArray,
    }) => {
      const { members: originals, content: before } = await linuxArray(arrayCase);
      const members = await bench.copies(originals);
      const missed = [0, 2].slice(0, parityDisks(arrayCase));
      const content = await writeInPlaces(
        members.filter((_, slot) => !missed.includes(slot)),
        before,
      );

      const linux = await bench.linux(
        members,
        `mdadm --assemble --run /dev/md0 ${disks.join(" ")}
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
      expect(firstDifference(await bench.readArray(members), content)).toBeUndefined();
      await mdraid(["check", ...members]);
    });

    test("Linux takes members that mdraid rebuilt", async ({ bench, linuxArray }) => {
      const { members: originals, content } = await linuxArray(arrayCase);
      const lost = [1, 3].slice(0, parityDisks(arrayCase));
      const kept = await bench.copies(originals.filter((_, slot) => !lost.includes(slot)));
      const rebuilt = await Promise.all(lost.map((slot) => bench.usedMember(`rebuilt${slot}`, arrayCase)));
      await mdraid(["add", "--to", ...kept, "--", ...rebuilt]);

      const linux = await bench.linux(
        [...kept, ...rebuilt],
        `mdadm --assemble /dev/md0 ${disks.join(" ")}
         settled
         echo "sha256=$(content)"
         echo "mismatches=$(mismatches)"
         mdadm --stop /dev/md0`,
      );

      expect(linux.values).toEqual({ sha256: sha256(content), mismatches: "0" });
      expect(linux.console).not.toMatch(/md: (resync|recovery)/);
    });

    test("Linux and mdraid see the same wrong parity, and none after mdraid's repair", async ({
      bench,
      linuxArray,
    }) => {
      const { members: originals, content } = await linuxArray(arrayCase);
      const damaged = await bench.copies(originals, "damaged-");
      // The first stripe has its P in the last slot, in RAID-4 and in left-symmetric RAID-5 and 6 alike.
      await flipFirstDataByte(damaged[raidDevices - 1] as string);
      await mdraid(["check", ...damaged], { exitCode: 1 });
      const repaired = await bench.copies(damaged, "repaired-");
      await mdraid(["repair", ...repaired]);
      await mdraid(["check", ...repaired]);

      const linux = await bench.linux(
        [...damaged, ...repaired],
        `mdadm --assemble /dev/md0 ${disks.join(" ")}
         echo "damaged_mismatches=$(mismatches)"
         mdadm --stop /dev/md0
         mdadm --assemble /dev/md0 ${guestDisks(raidDevices, raidDevices).join(" ")}
         settled
         echo "sha256=$(content)"
         echo "mismatches=$(mismatches)"
         mdadm --stop /dev/md0`,
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
