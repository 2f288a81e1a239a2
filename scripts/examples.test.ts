import { existsSync, readdirSync } from "node:fs";
import { describe, it } from "vitest";
import { examplesOf } from "./examples.js";

const inside = (folder: string): string[] => readdirSync(folder).map((entry) => `${folder}/${entry}`);

const files = [
  "README.md",
  ...inside("docs").filter((path) => path.endsWith(".md")),
  ...[...inside("packages"), ...inside("apps")].map((folder) => `${folder}/README.md`),
].filter((path) => existsSync(path));

/** Every example in the documentation runs: what it imports exists, and what it asserts holds. */
describe.each(files.map((file) => ({ file, examples: examplesOf(file) })))("$file", ({ examples }) => {
  it.each(examples)("runs the example at line $line", async ({ id }) => {
    await import(/* @vite-ignore */ id);
  });
});
