import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vitest/config";

const root = join(import.meta.dirname, "..");

/** What the module of a code block is called: the Markdown file and the number of the block in it. */
const EXAMPLE = /^example:(?<path>.+\.md)#(?<number>\d+)\.ts$/;
const PACKAGE = /^@dmaengine\/(?<name>[^/]+)(?:\/(?<entry>.+))?$/;

/** A code block of a Markdown file that is marked as TypeScript. */
export interface Example {
  readonly id: string;
  /** The line on which the code begins. */
  readonly line: number;
  readonly code: string;
}

/** The examples in a Markdown file, in order. */
export function examplesOf(path: string): Example[] {
  const text = readFileSync(join(root, path), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((block, n) => ({
    id: `example:${path}#${n}.ts`,
    line: text.slice(0, block.index).split("\n").length + 1,
    code: block[1] ?? "",
  }));
}

/**
 * Makes the code blocks of the documentation importable, as `example:README.md#0.ts`. They import packages by name, as a reader's own
 * code would, and get the sources of this repository.
 */
export function examples(): Plugin {
  return {
    name: "examples",
    enforce: "pre",
    resolveId(id, importer) {
      if (EXAMPLE.test(id)) return id;
      const { name, entry = "index" } = PACKAGE.exec(id)?.groups ?? {};
      if (name === undefined || importer === undefined || !EXAMPLE.test(importer)) return undefined;
      return join(root, "packages", name, "src", `${entry === "node" ? "node/index" : entry}.ts`);
    },
    load(id) {
      const { path, number } = EXAMPLE.exec(id)?.groups ?? {};
      return path === undefined ? undefined : examplesOf(path)[Number(number)]?.code;
    },
  };
}
