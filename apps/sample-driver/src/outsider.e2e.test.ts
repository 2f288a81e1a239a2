import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
const sample = join(import.meta.dirname, "..");
/** Everything that stands for the outside world: what was published, who writes a driver, who uses it. */
const world = mkdtempSync(join(tmpdir(), "sample-driver-"));
const registry = join(world, "registry");
const author = join(world, "author");
const user = join(world, "user");
afterAll(() => rmSync(world, { recursive: true }));

async function run(cwd: string, command: string, ...words: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, words, { cwd, maxBuffer: 1 << 26 });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${words.join(" ")}\n${stdout}${stderr}`, { cause: error });
  }
}

/** A program of the toolchain, which is the same inside and outside. */
const tool = (cwd: string, path: string, ...words: readonly string[]): Promise<string> =>
  run(cwd, process.execPath, join(cwd, "node_modules", path), ...words);

/** Packs a package as it would be published, and tells where the tarball is. */
async function pack(folder: string): Promise<string> {
  const before = new Set(readdirSync(registry));
  await run(join(root, folder), "npx", "--yes", "pnpm@12.21.0", "pack", "--pack-destination", registry);
  return join(registry, readdirSync(registry).find((name) => !before.has(name)) as string);
}

/** Installs tarballs, and links the tools that the registry would give. */
async function install(folder: string, tarballs: readonly string[], tools: readonly string[]): Promise<void> {
  await run(folder, "npm", "install", "--offline", "--no-audit", "--no-fund", "--no-save", ...tarballs);
  for (const name of tools) symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
}

beforeAll(async () => {
  for (const folder of [registry, author, user]) mkdirSync(folder);
  const core = await pack("packages/core");
  const conformance = await pack("packages/conformance");

  cpSync(join(sample, "src"), join(author, "src"), {
    recursive: true,
    filter: (path) => !/^(doc|outsider)\./.test(basename(path)),
  });
  const manifest = JSON.parse(readFileSync(join(sample, "package.json"), "utf8"));
  // What `pnpm publish` does with the versions of the workspace; the tools are linked.
  manifest.peerDependencies = { "@dmaengine/core": "*" };
  manifest.devDependencies = {};
  writeFileSync(join(author, "package.json"), JSON.stringify(manifest));
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2023", "DOM"],
    types: [],
    module: "NodeNext",
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    noEmit: true,
  };
  writeFileSync(join(author, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }));
  await install(author, [core, conformance], ["tsup", "typescript", "vitest"]);

  await tool(author, "tsup/dist/cli-default.js", "src/index.ts", "--format", "esm,cjs", "--dts", "--clean");
  await run(author, "npm", "pack", "--pack-destination", registry);
  const driver = join(registry, readdirSync(registry).find((name) => name.includes("sample")) as string);
  writeFileSync(join(user, "package.json"), JSON.stringify({ name: "user", type: "module", private: true }));
  await install(user, [core, driver], ["typescript"]);
}, 300_000);

test("the driver typechecks against the published packages", { timeout: 120_000 }, async () => {
  await tool(author, "typescript/bin/tsc", "-p", ".");
});

test("the driver's tests pass against the published packages", { timeout: 120_000 }, async () => {
  await tool(author, "vitest/vitest.mjs", "run", "--reporter=json", "--outputFile=report.json");
  const report = JSON.parse(readFileSync(join(author, "report.json"), "utf8"));
  const { numPassedTests, numFailedTests, success } = report;
  expect({ numFailedTests, success }).toEqual({ numFailedTests: 0, success: true });
  // What is skipped says nothing of the driver.
  expect(numPassedTests).toBeGreaterThan(60);
});

test("whoever installs the driver has its operation: the example of the README runs", {
  timeout: 60_000,
}, async () => {
  const readme = readFileSync(join(sample, "README.md"), "utf8");
  const example = /^```ts[^\n]*\n(.*?)^```$/ms.exec(readme)?.[1] ?? "";
  expect(example).toContain("prepCrc32c");
  writeFileSync(join(user, "example.mjs"), example);
  await run(user, process.execPath, "example.mjs");
});

test("the operation is typed there, in ESM and CommonJS, and nothing else is", {
  timeout: 120_000,
}, async () => {
  const calls = {
    "right.mts": "chan.prepCrc32c(null, 0, 8, 0, { value: 0 })",
    "right.cts": "chan.prepCrc32c(null, 0, 8, 0, { value: 0 })",
    "wrong-arguments.mts": 'chan.prepCrc32c(null, "0", 8, 0, { value: 0 })',
    "wrong-operation.mts": "chan.prepMemcpy(0, 0, 8)",
  };
  for (const [file, call] of Object.entries(calls)) {
    const text = `
      import { DmaEngine } from "@dmaengine/core";
      import { sample } from "@dmaengine/sample-driver";
      export async function use(): Promise<void> {
        const engine = new DmaEngine();
        await engine.register(sample());
        const chan = engine.requestChannel(["crc32c"]);
        ${call};
        chan.release();
      }`;
    writeFileSync(join(user, file), text);
  }
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2023", "DOM"],
    types: [],
    module: "NodeNext",
    strict: true,
    noEmit: true,
  };
  writeFileSync(join(user, "tsconfig.json"), JSON.stringify({ compilerOptions, files: Object.keys(calls) }));
  const output = await tool(user, "typescript/bin/tsc", "-p", ".").catch((error: Error) => error.message);
  const errors = [...output.matchAll(/^(\S+)\(\d+,\d+\): error (TS\d+)/gm)].map(
    ([, file, code]) => `${file} ${code}`,
  );
  expect(errors).toEqual(["wrong-arguments.mts TS2345", "wrong-operation.mts TS2339"]);
});
