import { execFileSync, spawnSync } from "node:child_process";
import { rm, truncate, writeFile } from "node:fs/promises";
import { describe, expect } from "vitest";
import { test } from "../testing/workbench.js";

const mdadm = ["mdadm", "/sbin/mdadm", "/usr/sbin/mdadm"].find(
  (command) => spawnSync(command, ["--version"]).status === 0,
);

describe("mdraid examine", () => {
  test.skipIf(mdadm === undefined)(
    "prints what mdadm --examine prints (needs mdadm)",
    async ({ workbench }) => {
      for (const [level, count] of [
        [4, 3],
        [5, 3],
        [6, 5],
      ] as const) {
        for (const image of workbench.images(count)) await rm(image, { force: true });
        const members = await workbench.create(level, count, "-N", "box:vol");
        for (const member of members.slice(0, 2)) {
          const theirs = execFileSync(mdadm as string, ["--examine", member], { encoding: "utf8" })
            .split("\n")
            // Not told by us, and mdadm's remark on the name.
            .filter((line) => !line.includes("Unused Space"))
            .map((line) => line.replace(/ {2}\(local to host .*\)$/, ""));
          const ours = `${(await workbench.succeed(["examine", member])).stdout}`.split("\n");
          const words = (lines: readonly string[]) =>
            lines.map((line) => line.trim()).filter((line) => line !== "");
          expect(words(ours)).toEqual(words(theirs));
        }
      }
    },
  );

  test("prints one JSON document for all members, by mdadm's names", async ({ workbench }) => {
    const members = await workbench.create(6, 5, "-N", "vol");
    const reports = JSON.parse(`${(await workbench.succeed(["examine", "--json", ...members])).stdout}`);
    expect(reports.map(({ device }: { device: string }) => device)).toEqual(members);
    expect(reports[3]).toEqual({
      device: members[3],
      problem: null,
      version: "1.2",
      alsoFound: [],
      featureMap: 0,
      arrayUuid: expect.stringMatching(/^([0-9a-f]{8}:){3}[0-9a-f]{8}$/),
      name: "vol",
      creationTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/),
      level: 6,
      raidDevices: 5,
      availDevSizeBytes: 1_572_864,
      usedDevSizeBytes: 1_572_864,
      arraySizeBytes: 3 * 1_572_864,
      dataOffsetBytes: 1_048_576,
      superOffsetBytes: 4096,
      recoveryOffsetBytes: null,
      state: "clean",
      deviceUuid: expect.stringMatching(/^([0-9a-f]{8}:){3}[0-9a-f]{8}$/),
      updateTime: reports[3].creationTime,
      badBlockLog: { entries: 512, offsetBytes: 8192, badBlocksPresent: false },
      checksum: expect.stringMatching(/^[0-9a-f]+$/),
      checksumCorrect: true,
      events: 1,
      layout: "left-symmetric",
      chunkSizeBytes: 16_384,
      deviceRole: "Active device 3",
      arrayState: "AAAAA",
    });
  });

  test("says what is wrong with each, and exits with 1", async ({ workbench }) => {
    const [good, truncated] = (await workbench.create(5, 3)) as [string, string];
    await truncate(truncated, 2_000_000);
    const empty = workbench.path("empty");
    await writeFile(empty, "");
    const missing = workbench.path("missing");
    const paths = [good, truncated, empty, missing];
    const { status, stdout } = await workbench.run(["examine", "--json", ...paths]);
    expect(status).toBe(1);
    expect(JSON.parse(`${stdout}`)).toMatchObject([
      { device: good, problem: null },
      { device: truncated, problem: { code: "ERR_MD_TOO_SMALL" }, deviceRole: "Active device 1" },
      { device: empty, problem: { code: "ERR_MD_NO_SUPERBLOCK" }, version: null },
      { device: missing, problem: { code: "ERR_MEMBER_OPEN" }, version: null },
    ]);
    const text = `${(await workbench.run(["examine", ...paths])).stdout}`;
    expect(text).toMatch(/Refused : the superblock speaks of 5120 sectors, but the device has only 3906/);
    expect(text).toContain(`${empty}:\n        Refused : no md superblock found\n`);
    expect(text).toContain("ENOENT");
  });
});
