import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { expect } from "vitest";
import { builtCli } from "./testing/built-cli.js";
import { test } from "./testing/workbench.js";

const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");

/** The commands of the README's `console` blocks, each with what the reader is promised to see. */
const commands = [...readme.matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, block = ""]) =>
  block.split(/^\$ /m).flatMap((part) => {
    const [command = "", ...output] = part.trimEnd().split("\n");
    return command === "" ? [] : [{ command, output }];
  }),
);

/** Matches what was printed against the README, where … stands for anything: in a line, or for any number of lines. */
function pattern(output: readonly string[]): RegExp {
  const lines = output.map((line) =>
    line === "…" ? "(.*\n)*" : `${line.split("…").map(escapeRegExp).join(".*")}\n`,
  );
  return new RegExp(`^${lines.join("")}$`);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

test("the commands of the README do what it says", { timeout: 60_000 }, async ({ workbench }) => {
  expect(commands.length).toBeGreaterThan(8);
  const bin = workbench.path("bin");
  await mkdir(bin);
  await symlink(builtCli, join(bin, "mdraid"));
  const node = join(process.execPath, "..");
  const env = { ...process.env, PATH: [bin, node, process.env["PATH"]].join(delimiter) };
  for (const { command, output } of commands) {
    const { status, stdout } = spawnSync("sh", ["-c", `exec 2>&1; ${command}`], {
      cwd: workbench.folder,
      env,
      encoding: "utf8",
    });
    expect({ command, status, stdout }).toEqual({
      command,
      status: 0,
      stdout: expect.stringMatching(pattern(output)),
    });
  }
});
