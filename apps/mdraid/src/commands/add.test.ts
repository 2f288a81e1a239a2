import { existsSync } from "node:fs";
import { copyFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { describe, expect } from "vitest";
import { Interruption } from "../errors.js";
import { digests, randomBytes, signalAfter, test, type Workbench } from "../testing/workbench.js";

const SEED = 7;

/** A filled RAID-6 of five, and its content. */
async function filledArray(workbench: Workbench): Promise<{ members: string[]; content: Buffer }> {
  const members = await workbench.create(6, 5);
  const content = randomBytes((await workbench.read(members)).length, SEED);
  await workbench.succeed(["write", ...members], { stdin: content });
  return { members, content };
}

async function detail(workbench: Workbench, members: readonly string[]) {
  return JSON.parse(`${(await workbench.run(["detail", "--json", ...members])).stdout}`);
}

describe("mdraid add", () => {
  test("rebuilds lost members on new ones that it creates", async ({ workbench }) => {
    const { members, content } = await filledArray(workbench);
    const [a, b, c, d, e] = members as [string, string, string, string, string];
    await rm(b);
    await rm(d);
    const words = ["add", "--json", "--to", e, a, c, "--", workbench.path("new1"), workbench.path("new2")];
    const added = JSON.parse(`${(await workbench.succeed(words)).stdout}`);
    expect(added).toMatchObject({
      state: "clean",
      activeDevices: 5,
      rebuilt: [
        { slot: 1, device: workbench.path("new1") },
        { slot: 3, device: workbench.path("new2") },
      ],
    });
    const now = [a, c, e, workbench.path("new1"), workbench.path("new2")];
    expect((await stat(workbench.path("new1"))).size).toBe((await stat(a)).size);
    await workbench.succeed(["check", ...now]);
    // The new members have what the lost ones had: the others can go now.
    expect((await workbench.read(now.slice(2))).equals(content)).toBe(true);
  });

  test("fills one of two slots, and says that the array is still degraded", async ({ workbench }) => {
    const { members, content } = await filledArray(workbench);
    const kept = members.slice(2);
    const outcome = await workbench.run(["add", "--to", ...kept, "--", workbench.path("new")]);
    expect(outcome).toMatchObject({ status: 1, stderr: expect.stringContaining("rebuilt 1 member\n") });
    const now = [workbench.path("new"), ...kept];
    expect((await detail(workbench, now)).missing).toEqual([1]);
    expect((await workbench.read([...now.slice(0, 2), ...now.slice(3)])).equals(content)).toBe(true);
  });

  test("takes a former member back without being forced", async ({ workbench }) => {
    const { members, content } = await filledArray(workbench);
    await workbench.succeed(["write", ...members.slice(1)], { stdin: content.subarray(0, 5000) });
    await workbench.succeed(["add", "--to", ...members.slice(1), "--", members[0] as string]);
    await workbench.succeed(["check", ...members]);
    expect((await workbench.read(members)).equals(content)).toBe(true);
  });

  test("says that there is nothing to do", async ({ workbench }) => {
    const { members } = await filledArray(workbench);
    const before = await digests(members);
    const { stderr } = await workbench.succeed(["add", "--to", ...members, "--"]);
    expect(stderr).toBe("mdraid: there is nothing to rebuild\n");
    expect(await digests(members)).toEqual(before);
  });

  test("goes on with a rebuild that was interrupted, from where it stopped", async ({ workbench }) => {
    const { members, content } = await filledArray(workbench);
    const kept = members.slice(1);
    const added = workbench.path("new");
    // Each run of 16 of the 96 stripes looks at the signal when its turn comes, three at a time.
    const signal = signalAfter(4, new Interruption("SIGINT"));
    const interrupted = await workbench.run(["add", "--to", ...kept, "--", added], { signal });
    expect(interrupted).toMatchObject({ status: 130, stderr: expect.stringContaining("stopped by SIGINT") });

    const half = await detail(workbench, [...kept, added]);
    expect(half.state).toBe("clean, degraded, recovering (PENDING)");
    expect(half.recoveredBytes).toBeGreaterThan(0);
    expect(half.recoveredBytes).toBeLessThan(half.usedDevSizeBytes);
    expect(half.devices[0]).toMatchObject({ raidDevice: 0, state: "spare rebuilding", device: added });
    // Half a member is as good as it claims, and no better.
    expect((await workbench.read([...kept.slice(1), added])).equals(content)).toBe(true);

    const { stderr } = await workbench.succeed(["add", "--to", ...kept, added, "--"]);
    expect(stderr).toContain(`rebuilding slot 0 on ${added}`);
    expect((await detail(workbench, [...kept, added])).state).toBe("clean");
    await workbench.succeed(["check", ...kept, added]);
    expect((await workbench.read([...kept.slice(2), added])).equals(content)).toBe(true);
  });

  describe("refuses, and leaves no trace:", () => {
    async function expectRefusal(
      workbench: Workbench,
      to: readonly string[],
      added: readonly string[],
      message: string | RegExp,
      status = 1,
    ): Promise<void> {
      const there = [...to, ...added].filter((path) => existsSync(path));
      const before = await digests(there);
      const outcome = await workbench.run(["add", "--to", ...to, "--", ...added]);
      expect(outcome).toMatchObject({ status, stderr: expect.stringMatching(message) });
      expect([...to, ...added].filter((path) => existsSync(path))).toEqual(there);
      expect(await digests(there)).toEqual(before);
    }

    test("more members than slots are empty", async ({ workbench }) => {
      const { members } = await filledArray(workbench);
      const [, ...kept] = members;
      const added = [workbench.path("new1"), workbench.path("new2")];
      await expectRefusal(workbench, kept, added, "there are 2 new members for 1 empty slot");
    });

    test("something that would be lost, also behind a member that would do", async ({ workbench }) => {
      const { members } = await filledArray(workbench);
      const swap = workbench.path("swap");
      const content = new Uint8Array(2560 * 1024);
      content.set(Buffer.from("SWAPSPACE2"), 4086);
      await writeFile(swap, content);
      const kept = members.slice(2);
      await expectRefusal(
        workbench,
        kept,
        [workbench.path("new"), swap],
        `${swap} holds swap, which would be lost`,
      );
      await workbench.succeed(["add", "--force", "--to", ...kept, "--", workbench.path("new"), swap]);
    });

    test("a member of another array", async ({ workbench }) => {
      const { members } = await filledArray(workbench);
      const other = workbench.path("other");
      const others = [other, workbench.path("other1"), workbench.path("other2")];
      await workbench.succeed(["create", "-l", "5", "-n", "3", "-c", "16K", "-z", "2560K", ...others]);
      await expectRefusal(workbench, members.slice(1), [other], "holds md 1.2");
    });

    test("one that is too small", async ({ workbench }) => {
      const { members } = await filledArray(workbench);
      const small = workbench.path("small");
      await writeFile(small, "");
      await truncate(small, 2560 * 1024 - 512);
      await expectRefusal(
        workbench,
        members.slice(1),
        [small],
        /has 2620928 bytes; a member .* needs 2621440/,
      );
    });

    test("a copy of a member", async ({ workbench }) => {
      const { members } = await filledArray(workbench);
      const copy = workbench.path("copy");
      await copyFile(members[1] as string, copy);
      await expectRefusal(workbench, members.slice(1), [copy], "is a copy of a member");
    });

    test("a member that is given on both sides", async ({ workbench }) => {
      const { members } = await filledArray(workbench);
      const kept = members.slice(1);
      await expectRefusal(workbench, kept, kept.slice(0, 1), "are the same file or device", 2);
    });

    test("too few members to rebuild from", async ({ workbench }) => {
      const { members } = await filledArray(workbench);
      await expectRefusal(workbench, members.slice(3), [workbench.path("new")], "roles 0, 1, 2 missing");
    });
  });
});
