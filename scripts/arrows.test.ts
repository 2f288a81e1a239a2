import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const projectRoot = resolve(import.meta.dirname, "..");
let root = "";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "arrows-"));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

async function writeSources(sources: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(sources)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

/** Makes `@dmaengine/<name>` resolvable, with a root entry that exports `x`. */
async function installPackage(name: string): Promise<void> {
  const exports = { ".": { "@dmaengine/source": "./src/index.ts" } };
  await writeSources({
    [`packages/${name}/package.json`]: JSON.stringify({ name: `@dmaengine/${name}`, exports }),
    [`packages/${name}/src/index.ts`]: "export const x = 1;\n",
  });
  await mkdir(join(root, "node_modules/@dmaengine"), { recursive: true });
  await symlink(join(root, "packages", name), join(root, "node_modules/@dmaengine", name));
}

/** The rules that the sources under `root` break, as "file: rule". */
async function brokenRules(): Promise<string[]> {
  const stdout = await new Promise<string>((done, fail) => {
    const depcruise = join(projectRoot, "node_modules/.bin/depcruise");
    const config = join(projectRoot, ".dependency-cruiser.mjs");
    execFile(
      depcruise,
      ["--config", config, "--output-type", "json", "packages"],
      { cwd: root },
      (error, out) => (out === "" && error ? fail(error) : done(out)),
    );
  });
  const { summary } = JSON.parse(stdout) as {
    summary: { violations: { from: string; rule: { name: string } }[] };
  };
  return summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`).sort();
}

test("imports along the arrows pass", { timeout: 30_000 }, async () => {
  await installPackage("core");
  await installPackage("raid456");
  await installPackage("driver-cpu");
  await writeSources({
    "packages/core/src/device.ts": 'import type { C } from "./channel.js";\nexport type D = C | 1;\n',
    "packages/core/src/channel.ts": 'import type { D } from "./device.js";\nexport type C = D | 2;\n',
    "packages/raid456/src/array.ts": 'import { x } from "@dmaengine/core";\nexport const y = x;\n',
    "packages/raid456/src/array.test.ts": 'import "node:fs";\nimport "@dmaengine/driver-cpu";\n',
    "packages/raid456/src/node/index.ts": 'import "node:fs";\n',
    "packages/md/src/index.ts": 'import type { x } from "@dmaengine/raid456";\nexport type X = typeof x;\n',
  });
  expect(await brokenRules()).toEqual([]);
});

test("every kind of forbidden import is refused", { timeout: 30_000 }, async () => {
  await installPackage("core");
  await installPackage("raid456");
  await installPackage("driver-cpu");
  await writeSources({
    "packages/core/src/upward.ts": 'import "@dmaengine/raid456";\n',
    "packages/core/src/built-in.ts": 'import "node:fs";\n',
    "packages/core/src/a.ts": 'import "./b.js";\n',
    "packages/core/src/b.ts": 'import "./a.js";\n',
    "packages/core/src/c.test.ts": 'import "@dmaengine/driver-cpu";\n',
    "packages/raid456/src/typed.ts": 'export type { x } from "@dmaengine/driver-cpu";\n',
    "packages/raid456/src/node/index.ts": "export {};\n",
    "packages/raid456/src/root.ts": 'import "./node/index.js";\n',
    "packages/driver-cpu/src/client.ts": 'import "@dmaengine/raid456";\n',
    "packages/md/src/deep.ts": 'import "@dmaengine/core/src/index.js";\n',
    "packages/md/src/path.ts": 'import "../../core/src/index.js";\n',
    "packages/nbd/src/any.ts": 'import "@dmaengine/core";\n',
    "packages/newcomer/src/any.ts": 'import "@dmaengine/core";\n',
  });
  expect(await brokenRules()).toEqual([
    "packages/core/src/a.ts: no-cycles",
    "packages/core/src/built-in.ts: node-only-in-src-node",
    "packages/core/src/c.test.ts: arrows-of-core-tests",
    "packages/core/src/upward.ts: arrows-of-core",
    "packages/driver-cpu/src/client.ts: arrows-of-driver-cpu",
    "packages/md/src/deep.ts: no-unresolvable",
    "packages/md/src/path.ts: no-import-past-the-exports",
    "packages/nbd/src/any.ts: arrows-of-nbd",
    "packages/newcomer/src/any.ts: package-without-arrows",
    "packages/raid456/src/root.ts: root-does-not-reach-src-node",
    "packages/raid456/src/typed.ts: arrows-of-raid456",
  ]);
});
