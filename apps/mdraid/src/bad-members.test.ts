import { open, truncate, writeFile } from "node:fs/promises";
import { describe, expect } from "vitest";
import { digests, randomBytes, test, type Workbench } from "./testing/workbench.js";

/** Ways in which a member goes bad, each with what the user is told. */
const WAYS: readonly {
  readonly what: string;
  readonly spoil: (workbench: Workbench, member: string) => Promise<void>;
  readonly code: string;
  readonly reason: RegExp;
}[] = [
  {
    what: "empty",
    spoil: (_, member) => writeFile(member, ""),
    code: "no-superblock",
    reason: /no md superblock found/,
  },
  {
    what: "too small",
    spoil: (_, member) => truncate(member, 6000),
    code: "no-superblock",
    reason: /no md superblock found/,
  },
  {
    what: "truncated",
    spoil: (_, member) => truncate(member, 2_000_000),
    code: "too-small",
    reason: /speaks of 5120 sectors, but the device has only 3906/,
  },
  {
    what: "something else",
    spoil: (_, member) => writeFile(member, randomBytes(2560 * 1024, 99)),
    code: "no-superblock",
    reason: /no md superblock found/,
  },
  {
    what: "damaged in its superblock",
    spoil: (_, member) => overwrite(member, 4096 + 32, Buffer.from("X")),
    code: "checksum",
    reason: /checksum/,
  },
  {
    what: "from another array",
    spoil: async (workbench, member) => {
      const others = [member, workbench.path("other1"), workbench.path("other2")];
      const words = ["create", "--force", "-l", "5", "-n", "3", "-c", "16K", "-z", "2560K"];
      await workbench.succeed([...words, ...others]);
    },
    code: "other-array",
    reason: /belongs to array .* "mdraid", not to/,
  },
  {
    what: "older by its events",
    spoil: async (workbench, member) => {
      const others = workbench.images(5).filter((other) => other !== member);
      await workbench.succeed(["write", ...others], { stdin: randomBytes(9, 9) });
    },
    code: "stale",
    reason:
      /is out of date: its slot \d is at event count \d+ of .*, and the array was written without it up to \d+/,
  },
];

/** A filled RAID-6 of five members, of which `bad` are spoilt, and its content. */
async function spoiltArray(workbench: Workbench, way: (typeof WAYS)[number], bad: readonly number[]) {
  const members = await workbench.create(6, 5);
  const content = randomBytes((await workbench.read(members)).length, 5);
  randomBytes(9, 9).copy(content);
  await workbench.succeed(["write", ...members], { stdin: content });
  for (const slot of bad) await way.spoil(workbench, members[slot] as string);
  return { members, content };
}

async function overwrite(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "r+");
  await file.write(bytes, 0, bytes.length, offset);
  await file.close();
}

describe.for(WAYS)("a member that is $what", (way) => {
  test("is named with the reason, and the array goes on without it", async ({ workbench }) => {
    const { members, content } = await spoiltArray(workbench, way, [3]);
    const bad = members[3] as string;

    const detail = await workbench.run(["detail", "--json", ...members]);
    expect(detail).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`mdraid: ${bad} is left out: `),
    });
    expect(detail.stderr).toMatch(way.reason);
    const report = JSON.parse(`${detail.stdout}`);
    expect(report).toMatchObject({
      state: "clean, degraded",
      missing: [3],
      rejected: [{ device: bad, code: way.code }],
    });
    expect((await workbench.read(members)).equals(content)).toBe(true);

    // Writing commands go on as well, and the array can be made whole again.
    const stdin = randomBytes(100_000, 6);
    expect((await workbench.succeed(["write", ...members], { stdin })).stderr).toContain(
      `${bad} is left out: `,
    );
    stdin.copy(content);
    const others = members.toSpliced(3, 1);
    await workbench.succeed(["add", "--to", ...others, "--", workbench.path("new")]);
    await workbench.succeed(["check", ...others, workbench.path("new")]);
    expect((await workbench.read([...others, workbench.path("new")])).equals(content)).toBe(true);
  });

  test("is named among the reasons when too few are left, and nothing is written", async ({ workbench }) => {
    const { members } = await spoiltArray(workbench, way, [3]);
    const given = members.slice(2);
    const bad = members[3] as string;
    const before = await digests(given);
    for (const words of [["detail"], ["read"], ["check"], ["repair"], ["write"], ["add", "--to"]]) {
      const outcome = await workbench.run([...words, ...given], { stdin: randomBytes(10, 1) });
      expect(outcome).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("not enough members: roles 0, 1, 3 missing; raid6 can do without 2"),
      });
      expect(outcome.stderr).toContain(`  ${bad}: `);
      expect(outcome.stderr).toMatch(way.reason);
    }
    expect(await digests(given)).toEqual(before);
  });
});

describe("--assemble-force", () => {
  test("takes stale members where it doesn't work otherwise, and says so", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const content = randomBytes((await workbench.read(members)).length, 1);
    await workbench.succeed(["write", ...members], { stdin: content });
    // The second member misses a write of what is there already.
    const written = [members[0], members[2]] as string[];
    await workbench.succeed(["write", ...written], { stdin: content.subarray(0, 1000) });
    const given = members.slice(0, 2);
    expect((await workbench.run(["read", ...given])).status).toBe(1);
    const forced = await workbench.succeed(["read", "--assemble-force", ...given]);
    expect(forced.stderr).toMatch(/forced: .*m1\.img is used although it is out of date/);
    expect(forced.stdout.equals(content)).toBe(true);
  });
});
