import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { describe, expect } from "vitest";
import { Interruption } from "../errors.js";
import { digests, randomBytes, signalAfter, test } from "../testing/workbench.js";

const SMALL = ["-c", "16K", "-z", "2560K"];

describe("mdraid create", () => {
  test.for([
    ["4", "4", null],
    ["raid5", "3", "left-symmetric"],
    ["6", "5", "left-symmetric"],
  ] as const)(
    "makes a raid%s of %s new images whose parity fits",
    async ([level, count, layout], { workbench }) => {
      const images = workbench.images(Number(count));
      const created = await workbench.succeed([
        "create",
        "-l",
        level,
        "-n",
        count,
        ...SMALL,
        "--json",
        ...images,
      ]);
      expect(JSON.parse(`${created.stdout}`)).toMatchObject({
        level: Number(level.replace("raid", "")),
        layout,
        raidDevices: Number(count),
        chunkSizeBytes: 16_384,
        state: "clean",
        name: "mdraid",
        created: images,
      });
      await workbench.succeed(["check", ...images]);
    },
  );

  test("has mdadm's defaults", async ({ workbench }) => {
    const images = workbench.images(4);
    const { stderr, stdout } = await workbench.succeed([
      "create",
      "-l",
      "6",
      "-n",
      "4",
      "-z",
      "8M",
      ...images,
    ]);
    expect(stderr).toMatch(/^mdraid: created raid6 array "mdraid" \(.*\) of 4 members, 12 MiB\n$/);
    expect(`${stdout}`).toBe("");
    const detail = JSON.parse(`${(await workbench.succeed(["detail", "--json", ...images])).stdout}`);
    expect(detail).toMatchObject({ chunkSizeBytes: 512 * 1024, layout: "left-symmetric", version: "1.2" });
  });

  test("makes parity on members with a past", async ({ workbench }) => {
    const images = workbench.images(4);
    for (const [seed, image] of images.entries()) await writeFile(image, randomBytes(2560 * 1024, seed));
    const { stderr } = await workbench.succeed(["create", "-l", "6", "-n", "4", "-c", "16K", ...images]);
    expect(stderr).toContain("making parity");
    await workbench.succeed(["check", ...images]);
  });

  test("leaves parity alone with --assume-clean", async ({ workbench }) => {
    const images = workbench.images(3);
    for (const [seed, image] of images.entries()) await writeFile(image, randomBytes(2560 * 1024, seed));
    const words = ["create", "-l", "5", "-n", "3", "-c", "16K", "--assume-clean", ...images];
    expect((await workbench.succeed(words)).stderr).not.toContain("making parity");
    expect((await workbench.run(["check", ...images])).status).toBe(1);
  });

  test("leaves a resync due when it is interrupted, which repair finishes", async ({ workbench }) => {
    const images = workbench.images(3);
    for (const [seed, image] of images.entries()) await writeFile(image, randomBytes(2560 * 1024, seed));
    const words = ["create", "-l", "5", "-n", "3", "-c", "16K", ...images];
    const signal = signalAfter(6, new Interruption("SIGTERM"));
    const interrupted = await workbench.run(words, { signal });
    expect(interrupted).toMatchObject({ status: 143, stderr: expect.stringContaining("stopped by SIGTERM") });

    const { stdout } = await workbench.succeed(["detail", "--json", ...images]);
    const { state, resyncedBytes, usedDevSizeBytes } = JSON.parse(`${stdout}`);
    expect(state).toBe("active, resyncing (PENDING)");
    expect(resyncedBytes).toBeGreaterThan(0);
    expect(resyncedBytes).toBeLessThan(usedDevSizeBytes);

    await workbench.succeed(["repair", ...images]);
    const repaired = JSON.parse(`${(await workbench.succeed(["detail", "--json", ...images])).stdout}`);
    expect(repaired).toMatchObject({ state: "clean", resyncedBytes: null });
    await workbench.succeed(["check", ...images]);
  });

  describe("refuses, and leaves no trace:", () => {
    test.for([
      ["too few members", ["-l", "5", "-n", "3"], 2, "--raid-devices says 3, but 2 members were given", 2],
      [
        "an impossible number of members",
        ["-l", "6", "-n", "3"],
        3,
        "RAID-6 takes 4 to 255 members, got 3",
        1,
      ],
      ["an impossible chunk", ["-l", "5", "-n", "3", "-c", "48K"], 3, "a power of two", 1],
      [
        "a layout of another level",
        ["-l", "5", "-n", "3", "-p", "ddf-N-restart"],
        3,
        "it has left-asymmetric, ",
        2,
      ],
      ["members that are too small", ["-l", "5", "-n", "3", "-z", "1M"], 3, "too few for metadata", 1],
      ["a name that is too long", ["-l", "5", "-n", "3", "-N", "n".repeat(33)], 3, "room for 32", 1],
      [
        "an unknown engine",
        ["-l", "5", "-n", "3", "--engine", "./no-such-engine.js"],
        3,
        "can't be loaded",
        1,
      ],
    ] as const)("%s", async ([, options, count, message, status], { workbench }) => {
      const images = workbench.images(count);
      const words = ["create", "-c", "16K", "-z", "2560K", ...options, ...images];
      expect(await workbench.run(words)).toMatchObject({ status, stderr: expect.stringContaining(message) });
      expect(images.filter((image) => existsSync(image))).toEqual([]);
    });

    test("a member that doesn't exist, without a size", async ({ workbench }) => {
      const [a, b, c] = workbench.images(3) as [string, string, string];
      await writeFile(a, new Uint8Array(2_621_440));
      const words = ["create", "-l", "5", "-n", "3", "-c", "16K", a, b, c];
      expect(await workbench.run(words)).toMatchObject({
        status: 1,
        stderr: `mdraid: ${b} does not exist; with --size it is created\n`,
      });
      expect([existsSync(b), existsSync(c)]).toEqual([false, false]);
    });

    test("a size for members that are there already", async ({ workbench }) => {
      const images = workbench.images(2);
      for (const image of images) await writeFile(image, new Uint8Array(2_621_440));
      const before = await digests(images);
      expect(await workbench.run(["create", "-l", "5", "-n", "2", ...SMALL, ...images])).toMatchObject({
        status: 2,
        stderr: expect.stringContaining("--size is for members that don't exist"),
      });
      expect(await digests(images)).toEqual(before);
    });

    test("one file under two names", async ({ workbench }) => {
      const words = ["create", "-l", "5", "-n", "3", ...SMALL];
      const members = [workbench.path("a"), workbench.path("b"), workbench.path("./x/../a")];
      expect(await workbench.run([...words, ...members])).toMatchObject({
        status: 2,
        stderr: expect.stringContaining("are the same file"),
      });
      expect(existsSync(workbench.path("a"))).toBe(false);
    });

    test("members of another array, a file system, a partition table, unless forced", async ({
      workbench,
    }) => {
      const used = await workbench.create(5, 3);
      const ext4 = workbench.path("ext4");
      const content = new Uint8Array(2_621_440);
      content.set([0x53, 0xef], 1024 + 56);
      await writeFile(ext4, content);
      const fresh = workbench.path("fresh");
      for (const [other, what] of [
        [used[0] as string, "md 1.2"],
        [ext4, "ext2"],
      ] as const) {
        const before = await digests([other]);
        const words = ["create", "-l", "5", "-n", "2", ...SMALL, fresh, other];
        expect(await workbench.run(words)).toMatchObject({
          status: 1,
          stderr: expect.stringContaining(`${other} holds ${what}, which would be lost`),
        });
        expect([existsSync(fresh), await digests([other])]).toEqual([false, before]);
      }
      await workbench.succeed(["create", "-l", "5", "-n", "2", ...SMALL, "--force", fresh, ext4]);
    });
  });
});
