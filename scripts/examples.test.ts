import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { examplesOf } from "./examples.js";

const inside = (folder: string): string[] => readdirSync(folder).map((entry) => `${folder}/${entry}`);

/** The Markdown files that have examples. */
const files = [
  "README.md",
  ...inside("docs").filter((path) => path.endsWith(".md")),
  ...[...inside("packages"), ...inside("apps")].map((folder) => `${folder}/README.md`),
].filter((path) => existsSync(path) && examplesOf(path).length > 0);

/** Every example in the documentation runs: what it imports exists, and what it asserts holds. */
describe.each(files.map((file) => ({ file, examples: examplesOf(file) })))("$file", ({ examples }) => {
  it.each(examples)("runs the example at line $line", async ({ id }) => {
    await import(/* @vite-ignore */ id);
  });
});

it("typechecks them all", { timeout: 120_000 }, () => {
  const root = join(import.meta.dirname, "..");
  const folder = join(root, "node_modules/.cache/examples");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const config = {
    extends: "../../../tsconfig.base.json",
    compilerOptions: {
      typeRoots: ["../../@types"],
      paths: {
        "@dmaengine/*/node": ["../../../packages/*/src/node/index.ts"],
        "@dmaengine/core/driver": ["../../../packages/core/src/driver.ts"],
        "@dmaengine/*": ["../../../packages/*/src/index.ts"],
      },
    },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  for (const { id, code } of files.flatMap(examplesOf)) {
    // An example may need no import, and is a module all the same.
    writeFileSync(join(folder, id.replaceAll(/[^\w.]/g, "-")), `${code}\nexport {};\n`);
  }
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  let errors = "";
  try {
    execFileSync(process.execPath, [tsc, "--noEmit", "-p", folder], { encoding: "utf8" });
  } catch (error) {
    errors = (error as { stdout: string }).stdout;
  }
  expect(errors).toBe("");
});
