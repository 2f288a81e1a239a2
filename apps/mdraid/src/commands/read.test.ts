import { readFile, writeFile } from "node:fs/promises";
import { PassThrough, Readable, Writable } from "node:stream";
import { describe, expect } from "vitest";
import { Interruption } from "../errors.js";
import { main } from "../main.js";
import { digests, randomBytes, test } from "../testing/workbench.js";

describe("mdraid read", () => {
  test("copies any range, whatever the order of the members", async ({ workbench }) => {
    const members = await workbench.create(5, 4);
    const content = randomBytes((await workbench.read(members)).length, 1);
    await workbench.succeed(["write", ...members], { stdin: content });
    const reversed = members.toReversed();
    expect((await workbench.read(reversed)).equals(content)).toBe(true);
    const [offset, length] = [123_457, 1_234_567];
    const range = ["--offset", `${offset}`, "--length", `${length}`];
    expect((await workbench.read(reversed, ...range)).equals(content.subarray(offset, offset + length))).toBe(
      true,
    );
    expect(await workbench.read(members, "--offset", `${content.length}`)).toHaveLength(0);
  });

  test("writes to a file, and to standard output when asked for -", async ({ workbench }) => {
    const members = await workbench.create(6, 4);
    await workbench.succeed(["write", ...members], { stdin: randomBytes(5000, 2) });
    const output = workbench.path("out");
    const { stdout } = await workbench.succeed(["read", ...members, "--length", "5000", "-o", output]);
    expect(stdout).toHaveLength(0);
    expect((await readFile(output)).equals(randomBytes(5000, 2))).toBe(true);
    expect(await workbench.read(members, "--length", "5000", "-o", "-")).toEqual(randomBytes(5000, 2));
  });

  test("never writes over a member", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const before = await digests(members);
    const words = ["read", ...members, "-o", workbench.path("x/../m1.img")];
    expect(await workbench.run(words)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("the same file"),
    });
    expect(await digests(members)).toEqual(before);
  });

  test("refuses a range outside the array", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    for (const range of [
      ["--offset", "1G"],
      ["--length", "1G"],
      ["--offset", "1", "--length", "3M"],
    ]) {
      expect(await workbench.run(["read", ...members, ...range])).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("expected a range within the array's"),
        stdout: Buffer.alloc(0),
      });
    }
  });

  test("ends quietly when its reader has enough", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const stdout = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      },
    });
    const stderr = new PassThrough();
    const { signal } = new AbortController();
    const io = { stdin: Readable.from([]), stdout, stderr, signal };
    expect([await main(["read", ...members], io), stderr.read()]).toEqual([0, null]);
  });

  test("tells when the output can't be written", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const words = ["read", ...members, "-o", workbench.path("no/such/folder")];
    expect(await workbench.run(words)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("ENOENT"),
    });
  });

  test("stops at the user's signal", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const signal = AbortSignal.abort(new Interruption("SIGINT"));
    expect(await workbench.run(["read", ...members], { signal })).toMatchObject({ status: 130 });
  });

  test("reads through a bad member file without it", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    await workbench.succeed(["write", ...members], { stdin: randomBytes(100_000, 3) });
    await writeFile(members[1] as string, "not a member");
    expect((await workbench.read(members, "--length", "100000")).equals(randomBytes(100_000, 3))).toBe(true);
  });
});
