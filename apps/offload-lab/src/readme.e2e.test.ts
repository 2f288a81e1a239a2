import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, expect, it } from "vitest";

const cli = join(import.meta.dirname, "../dist/cli.js");
if (!existsSync(cli)) throw new Error(`${cli} is missing: build the command line first`);

const folder = mkdtempSync(join(tmpdir(), "offload-lab-readme-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The commands of the README's `console` blocks, each with the lines that it prints; … stands for anything. */
const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
const commands = [...readme.matchAll(/^```console\n(.*?)^```$/gms)]
  .flatMap(([, block = ""]) => block.split(/^\$ /m).filter((part) => part !== ""))
  .map((part) => {
    const [command = "", ...lines] = part.trimEnd().split("\n");
    return { command, lines };
  });

it.each(commands)("the README's command works: $command", { timeout: 180_000 }, ({ command, lines }) => {
  const [bin, work] = [join(folder, "bin"), join(folder, "work")];
  mkdirSync(work, { recursive: true });
  if (mkdirSync(bin, { recursive: true }) !== undefined) {
    symlinkSync(cli, join(bin, "offload-lab"));
  }
  const path = [bin, join(process.execPath, ".."), process.env["PATH"]].join(delimiter);
  const { status, stdout, stderr } = spawnSync("sh", ["-c", command], {
    cwd: work,
    env: { ...process.env, PATH: path },
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  expect(status, stderr).toBe(0);
  for (const line of lines.filter((expected) => expected !== "…")) {
    expect(stdout).toContain(line.replace("…", ""));
  }
});
