import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect } from "vitest";
import { searchPath } from "../vm/requirements.js";
import { arrayCases, createOptions } from "./support/array-case.js";
import { firstDifference, sha256 } from "./support/bytes.js";
import { describeWithLinux, test } from "./support/linux-test.js";
import { mdraid, mdraidReports } from "./support/mdraid.js";
import { randomBytes, seed } from "./support/random-bytes.js";
import { guestDisks } from "./support/workbench.js";

const execFileAsync = promisify(execFile);

describeWithLinux(`arrays that mdraid created (seed ${seed})`, () => {
  describe.each(arrayCases)("$title", (arrayCase) => {
    const slots = Array.from({ length: arrayCase.raidDevices }, (_, slot) => slot);
    const disks = guestDisks(arrayCase.raidDevices);

    test("Linux runs one as it is, says the same about it, and finds its parity right", async ({
      workbench,
    }) => {
      const members = await Promise.all(
        slots.map((slot) => workbench.usedMember(`member${slot}`, arrayCase)),
      );
      await mdraid(["create", ...createOptions(arrayCase), ...members]);
      const content = await workbench.readArray(members);
      const reports = await mdraidReports(members);

      const linux = await workbench.linux(
        members,
        `mdadm --examine ${disks.join(" ")} >/host/examine
         mdadm --assemble /dev/md0 ${disks.join(" ")}
         mdadm --detail /dev/md0 >/host/detail
         mdadm --stop /dev/md0
         judge ${disks.join(" ")}`,
      );

      expect(linux.values).toEqual({ sha256: sha256(content), mismatches: "0" });
      expect(linux.console).not.toMatch(/md: (resync|recovery)/);
      expect(reports).toMatchObject(await workbench.mdadmReports());
    });

    test("Linux makes a file system on one and mdraid reads its files", async ({ workbench }) => {
      const members = slots.map((slot) => workbench.path(`member${slot}`));
      await mdraid([
        "create",
        ...createOptions(arrayCase),
        "--size",
        `${arrayCase.memberSizeKib}K`,
        ...members,
      ]);
      const files = { small: randomBytes("small", 5), large: randomBytes("large", 9_999_999) };
      await workbench.write("small", files.small);
      await workbench.write("large", files.large);

      const linux = await workbench.linux(
        members,
        `mdadm --assemble /dev/md0 ${disks.join(" ")}
         /sbin/mke2fs -q -t ext4 /dev/md0
         mount /dev/md0 /mnt
         cp /host/small /host/large /mnt
         umount /mnt
         mdadm --stop /dev/md0
         judge ${disks.join(" ")}`,
      );
      await mdraid(["read", ...members, "-o", workbench.path("filesystem")]);

      expect(linux.values).toEqual({ sha256: sha256(await workbench.read("filesystem")), mismatches: "0" });
      for (const [name, bytes] of Object.entries(files)) {
        await debugfs(workbench.path("filesystem"), `dump /${name} ${workbench.path(`${name}-read-back`)}`);
        expect(firstDifference(await workbench.read(`${name}-read-back`), bytes)).toBeUndefined();
      }
    });
  });
});

/** Runs a command of debugfs, which reads ext4 without the kernel's help. */
async function debugfs(filesystem: string, command: string): Promise<void> {
  await execFileAsync("debugfs", ["-R", command, filesystem], { env: { PATH: searchPath } });
}
