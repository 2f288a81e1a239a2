import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "dmaengine-readme-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
copyFileSync(join(root, "README.md"), join(folder, "README.md"));

/** The command lines of the root README, without their comments. */
const commands = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```sh\n(.*?)^```$/gms)]
  .flatMap((block) => (block[1] ?? "").split("\n"))
  .map((line) => line.replace(/#.*/, "").trim())
  .filter((line) => line !== "");

/** `npm start -- words`, as npm runs it when it is called in `folder`. */
async function start(words: readonly string[]): Promise<string> {
  const environment = { ...process.env, INIT_CWD: folder };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(root, "scripts/start.mjs"), ...words],
    {
      cwd: root,
      env: environment,
      maxBuffer: 1 << 26,
    },
  );
  return stdout;
}

it("names the two commands first", () => {
  expect(commands.slice(0, 2)).toEqual(["npm start", "npm test"]);
});

it("shows nothing but those two and command lines of mdraid", () => {
  for (const command of commands.slice(2)) expect(command).toMatch(/^npm start -- \w/);
});

it("shows the main job, which says that everything compared equal", { timeout: 180_000 }, async () => {
  await start([]);
});

it("shows mdraid command lines that work, one after the other", { timeout: 120_000 }, async () => {
  const output: string[] = [];
  for (const command of commands.slice(2)) {
    const words = command.replace("npm start -- ", "").split(" ");
    output.push(await start(words));
  }
  // The third reads the start of this very README back, from half of the members.
  expect(output[2]).toBe(readFileSync(join(root, "README.md"), "utf8").slice(0, 100));
});
