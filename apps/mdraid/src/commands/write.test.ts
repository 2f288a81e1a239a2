import { rm, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect } from "vitest";
import { Interruption } from "../errors.js";
import { digests, randomBytes, test } from "../testing/workbench.js";

describe("mdraid write", () => {
  test("stores a file at an offset, and leaves the rest as it was", async ({ workbench }) => {
    const members = await workbench.create(6, 5);
    const before = randomBytes((await workbench.read(members)).length, 1);
    await workbench.succeed(["write", ...members], { stdin: before });
    const input = workbench.path("in");
    await writeFile(input, randomBytes(777_777, 2));
    const { stderr } = await workbench.succeed(["write", ...members, "--offset", "54321", "-i", input]);
    expect(stderr).toBe("mdraid: stored 760 KiB (777777 bytes)\n");
    const expected = Buffer.from(before);
    randomBytes(777_777, 2).copy(expected, 54_321);
    expect((await workbench.read(members)).equals(expected)).toBe(true);
    await workbench.succeed(["check", ...members]);
  });

  test("leaves the array clean, with the events back where they were", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const detail = async () =>
      JSON.parse(`${(await workbench.succeed(["detail", "--json", ...members])).stdout}`);
    await workbench.succeed(["write", ...members], { stdin: randomBytes(10, 1) });
    const { events } = await detail();
    await workbench.succeed(["write", ...members], { stdin: randomBytes(10, 2) });
    expect(await detail()).toMatchObject({ state: "clean", events });
  });

  test("writes nothing when there is nothing to store", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const before = await digests(members);
    const { stdout } = await workbench.succeed(["write", ...members, "--json"]);
    expect(JSON.parse(`${stdout}`)).toEqual({ offsetBytes: 0, storedBytes: 0 });
    expect(await digests(members)).toEqual(before);
  });

  test("refuses a file that is too long, before it writes", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const before = await digests(members);
    const input = workbench.path("in");
    await writeFile(input, new Uint8Array(3_145_728));
    const words = ["write", ...members, "--offset", "1K", "-i", input];
    expect(await workbench.run(words)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("expected a range"),
    });
    expect(await workbench.run(["write", ...members, "--offset", "1G"])).toMatchObject({ status: 1 });
    expect(await digests(members)).toEqual(before);
  });

  test("fills the array from a stream that is too long, and says how much it took", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const { length } = await workbench.read(members);
    const content = randomBytes(length - 1000 + 1, 1);
    const outcome = await workbench.run(["write", ...members, "--offset", "1000", "--json"], {
      stdin: content,
    });
    expect(outcome).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`${length - 1000} bytes were stored, from byte 1000 of the array on`),
    });
    expect(JSON.parse(`${outcome.stdout}`)).toMatchObject({
      error: { code: "ERR_MDRAID_FULL", rejected: [] },
    });
    expect((await workbench.read(members, "--offset", "1000")).equals(content.subarray(0, -1))).toBe(true);
    expect((await workbench.succeed(["detail", ...members])).stdout.toString()).toMatch(/State : clean\n/);
  });

  test("takes a missing input for what it is", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const words = ["write", ...members, "-i", workbench.path("nothing")];
    expect(await workbench.run(words)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("ENOENT"),
    });
  });

  test("opens all members or writes to none", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const before = await digests(members);
    const words = ["write", ...members, workbench.path("typo")];
    expect(await workbench.run(words, { stdin: randomBytes(10, 1) })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`${workbench.path("typo")}: can't be opened`),
    });
    expect(await digests(members)).toEqual(before);
  });

  test("stops at the user's signal with the array clean and parity right", async ({ workbench }) => {
    const members = await workbench.create(6, 4);
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let chunk = 0; ; chunk++) {
        if (chunk === 20) controller.abort(new Interruption("SIGINT"));
        yield randomBytes(100_000, chunk);
      }
    }
    const outcome = await workbench.run(["write", ...members], {
      stdin: endless(),
      signal: controller.signal,
    });
    expect(outcome).toMatchObject({ status: 130, stderr: expect.stringMatching(/\d+ bytes were stored/) });
    const stored = Number(/(\d+) bytes were stored/.exec(outcome.stderr)?.[1]);
    const given = Buffer.concat(Array.from({ length: 20 }, (_, chunk) => randomBytes(100_000, chunk)));
    expect((await workbench.read(members, "--length", `${stored}`)).equals(given.subarray(0, stored))).toBe(
      true,
    );
    expect((await workbench.succeed(["detail", ...members])).stdout.toString()).toMatch(/State : clean\n/);
    await workbench.succeed(["check", ...members]);
  });

  test("any writes in pieces of any size, with members lost and added on the way, read back as written", async ({
    workbench,
  }) => {
    const write = fc.record({
      at: fc.nat(999),
      length: fc.integer({ min: 1, max: 300_000 }),
      seed: fc.nat(),
    });
    const step = fc.oneof(
      { arbitrary: write, weight: 4 },
      { arbitrary: fc.record({ lose: fc.nat() }), weight: 1 },
      { arbitrary: fc.constant("add" as const), weight: 1 },
    );
    const level = fc.constantFrom(4, 5, 6);
    await fc.assert(
      fc.asyncProperty(
        level,
        fc.integer({ min: 4, max: 5 }),
        fc.array(step, { maxLength: 8 }),
        async (level, n, steps) => {
          for (const image of workbench.images(n)) await rm(image, { force: true });
          const members = await workbench.create(level, n);
          const content = await workbench.read(members);
          let present = members;
          for (const step of steps) {
            if (step === "add") {
              const missing = members.filter((member) => !present.includes(member));
              const added = await workbench.run(["add", "--force", "--to", ...present, "--", ...missing]);
              expect(added).toMatchObject({ status: 0 });
              present = members;
            } else if ("lose" in step) {
              const spared = level === 6 ? 2 : 1;
              if (members.length - present.length === spared) continue;
              present = present.toSpliced(step.lose % present.length, 1);
            } else {
              const bytes = randomBytes(step.length, step.seed);
              const offset = Math.floor((content.length - bytes.length) * (step.at / 1000));
              bytes.copy(content, offset);
              await workbench.succeed(["write", ...present, "--offset", `${offset}`], { stdin: bytes });
            }
          }
          expect((await workbench.read(present)).equals(content)).toBe(true);
          if (present === members) await workbench.succeed(["check", ...members]);
        },
      ),
      { numRuns: process.env["DMAENGINE_LONG"] === undefined ? 10 : 200 },
    );
  }, 600_000);
});
