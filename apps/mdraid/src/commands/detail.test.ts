import { rm } from "node:fs/promises";
import { describe, expect } from "vitest";
import { test } from "../testing/workbench.js";

describe("mdraid detail", () => {
  test("prints JSON by mdadm's names", async ({ workbench }) => {
    const members = await workbench.create(6, 5, "-N", "vol");
    const { stdout, stderr } = await workbench.succeed(["detail", "--json", ...members.toReversed()]);
    const report = JSON.parse(`${stdout}`);
    expect(stderr).toBe("");
    expect(report).toEqual({
      version: "1.2",
      creationTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/),
      level: 6,
      arraySizeBytes: 3 * 1_572_864,
      usedDevSizeBytes: 1_572_864,
      raidDevices: 5,
      totalDevices: 5,
      updateTime: report.creationTime,
      state: "clean",
      activeDevices: 5,
      workingDevices: 5,
      failedDevices: 0,
      spareDevices: 0,
      layout: "left-symmetric",
      chunkSizeBytes: 16_384,
      consistencyPolicy: "resync",
      resyncedBytes: null,
      recoveredBytes: null,
      name: "vol",
      uuid: expect.stringMatching(/^([0-9a-f]{8}:){3}[0-9a-f]{8}$/),
      events: 1,
      devices: members.map((device, slot) => ({
        number: slot,
        raidDevice: slot,
        state: "active sync",
        device,
      })),
      missing: [],
      readOnlyReason: null,
      rejected: [],
      forced: [],
    });
  });

  test("prints text in mdadm's form, and exits with 1 for a degraded array", async ({ workbench }) => {
    const members = await workbench.create(5, 3, "-N", "vol");
    await rm(members[1] as string);
    const { status, stdout, stderr } = await workbench.run(["detail", ...members]);
    expect(status).toBe(1);
    expect(stderr).toContain("slot 1 has no member\n");
    const text = stdout.toString().replaceAll(workbench.folder, "");
    expect(text).toContain(
      "             State : clean, degraded\n    Active Devices : 2\n   Working Devices : 2\n",
    );
    expect(text).toMatch(
      new RegExp(
        [
          "    Number   RaidDevice   State",
          "       0            0      active sync         /m0.img",
          "       -            1      removed",
          "       2            2      active sync         /m2.img",
          "",
          "Left out:",
          "    /m1.img: /m1.img: can't be opened: ENOENT.*",
          "$",
        ].join("\n"),
      ),
    );
  });

  test("names what is lacking when there are not enough members", async ({ workbench }) => {
    const members = await workbench.create(6, 4);
    const { status, stdout, stderr } = await workbench.run(["detail", "--json", members[2] as string]);
    expect(status).toBe(1);
    expect(stderr).toContain("not enough members: roles 0, 1, 3 missing; raid6 can do without 2");
    expect(JSON.parse(`${stdout}`)).toEqual({
      error: {
        code: "ERR_MD_NOT_ENOUGH",
        message: expect.stringContaining("roles 0, 1, 3 missing"),
        rejected: [],
      },
    });
  });

  test("says so when no member can be opened", async ({ workbench }) => {
    const [a, b] = workbench.images(2) as [string, string];
    const { status, stderr } = await workbench.run(["detail", a, b]);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /left out: .*m0\.img: .*ENOENT.*\n.*m1\.img: .*ENOENT.*\nmdraid: no member can be opened\n$/,
    );
  });

  test("takes the array that is meant, of two", async ({ workbench }) => {
    const one = await workbench.create(5, 3, "-N", "one");
    const two = ["x", "y", "z"].map((name) => workbench.path(name));
    await workbench.succeed([
      "create",
      "-l",
      "5",
      "-n",
      "3",
      "-c",
      "16K",
      "-z",
      "2560K",
      "-N",
      "two",
      ...two,
    ]);
    const both = [...one, ...two];
    const ambiguous = await workbench.run(["detail", ...both]);
    expect(ambiguous).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("belong to several arrays"),
    });
    const { uuid } = JSON.parse(`${(await workbench.succeed(["detail", "--json", ...two])).stdout}`);
    const chosen = JSON.parse(
      `${(await workbench.succeed(["detail", "--json", "--uuid", uuid, ...both])).stdout}`,
    );
    expect(chosen.name).toBe("two");
    expect(chosen.rejected.map(({ code }: { code: string }) => code)).toEqual(Array(3).fill("other-array"));
  });
});
