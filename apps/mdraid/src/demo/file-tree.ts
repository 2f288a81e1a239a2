import { createReadStream, existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Files, and what they have in them, one after the other. */
export interface FileTree {
  readonly files: number;
  readonly lengthBytes: number;
  /** The content as one stream. */
  content(): AsyncIterable<Uint8Array>;
}

/** Node's own program and the sources of this project: real files, and some hundred MiB of them. */
export async function nodeAndSources(): Promise<FileTree> {
  const packages = join(projectRoot(), "packages");
  const sources = (await readdir(packages, { recursive: true }))
    .filter((path) => /[\\/]src[\\/].*\.ts$/.test(path) && !path.includes("node_modules"))
    .map((path) => join(packages, path));
  return await treeOf([process.execPath, ...sources.toSorted()]);
}

async function treeOf(paths: readonly string[]): Promise<FileTree> {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return {
    files: paths.length,
    lengthBytes: sizes.reduce((sum, size) => sum + size, 0),
    async *content() {
      for (const path of paths) yield* createReadStream(path, { highWaterMark: 1024 * 1024 });
    },
  };
}

/** The folder of the workspace, from wherever in it this file is run. */
function projectRoot(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, "pnpm-workspace.yaml"))) return folder;
  }
  throw new Error("the demo stores the sources of this project, so it runs in a checkout of it only");
}
