import { rm, truncate, utimes } from "node:fs/promises";
import { expect } from "vitest";
import { digests, fingerprint, randomBytes, test, type Workbench } from "./testing/workbench.js";

/** Sets the access time before the modification time, which `relatime` mounts would bring up to date at the next read. */
async function makeOld(paths: readonly string[]): Promise<void> {
  for (const path of paths) await utimes(path, new Date("2001-01-01"), new Date("2002-02-02"));
}

async function expectUntouched(
  workbench: Workbench,
  paths: readonly string[],
  words: readonly string[],
): Promise<void> {
  const content = await digests(paths);
  await makeOld(paths);
  const before = await fingerprint(paths);
  await workbench.run(words);
  expect(await fingerprint(paths)).toEqual(before);
  expect(await digests(paths)).toEqual(content);
}

test.for([
  ["examine"],
  ["examine", "--json"],
  ["detail"],
  ["detail", "--json"],
  ["detail", "--assemble-force"],
  ["read"],
  ["read", "--offset", "12345", "--length", "54321"],
  ["read", "--assemble-force"],
  ["check"],
  ["check", "--engine", "none"],
])("mdraid %s leaves bytes and time stamps as they are", async (words, { workbench }) => {
  const members = await workbench.create(6, 5);
  await workbench.succeed(["write", ...members], { stdin: randomBytes(700_000, 1) });
  const run = [...words, ...members];
  await expectUntouched(workbench, members, run);

  // Out of date, degraded, truncated, and then with too few members.
  await workbench.succeed(["write", ...members.slice(1)], { stdin: randomBytes(10, 2) });
  await expectUntouched(workbench, members, run);
  await truncate(members[0] as string, 1_500_000);
  await expectUntouched(workbench, members, run);
  await truncate(members[1] as string, 1_500_000);
  await expectUntouched(workbench, members, run);
  await rm(members[2] as string);
  const left = members.toSpliced(2, 1);
  await expectUntouched(workbench, left, [...words, ...left]);
});
