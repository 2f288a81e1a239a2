/**
 * What the other scripts share: where things are, how to run a tool, how to install. It runs before anything is
 * installed, so it uses nothing but Node 20.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "..");
const binFolder = join(root, "node_modules/.bin");

/** pnpm at exactly the version that package.json names, fetched by npx when it isn't cached. */
const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const pnpmCommand = ["npx", "--yes", packageManager];

/**
 * Runs a command at the root to its end.
 * @param {string[]} command
 * @param {import("node:child_process").StdioOptions} stdio "pipe" captures the output
 * @returns {{ ok: boolean, output: string }} `output` is empty unless captured
 */
export function run(command, stdio = "pipe") {
  const [program, ...args] = command;
  const env = {
    ...process.env,
    // The toolchain's own programs first, its own Node among them.
    PATH: [binFolder, process.env["PATH"]].join(delimiter),
    TURBO_TELEMETRY_DISABLED: "1",
  };
  const result = spawnSync(program, args, { cwd: root, env, stdio, encoding: "utf8", maxBuffer: 1 << 28 });
  if (result.error) {
    return { ok: false, output: `${program}: ${result.error.message}` };
  }
  return { ok: result.status === 0, output: `${result.stdout ?? ""}${result.stderr ?? ""}` };
}

/** Like `run`, for pnpm's own commands. */
export function pnpm(args, stdio) {
  return run([...pnpmCommand, ...args], stdio);
}

/** Like `run`, for a script of the root package.json. */
export function script(name) {
  return run(["node", "--run", name]);
}

/** Like `run`, for turbo, which looks for pnpm on the PATH: pnpm puts itself there for its children. */
export function turbo(args, stdio) {
  return pnpm(["exec", "turbo", "run", "--output-logs=errors-only", ...args], stdio);
}

/**
 * Installs what the lockfile names, or nothing when exactly that is installed already.
 * @returns {{ ok: boolean, output: string }}
 */
export function install() {
  const stamp = join(root, "node_modules/.cache/installed-lockfile");
  const lockfile = createHash("sha256")
    .update(readFileSync(join(root, "pnpm-lock.yaml")))
    .digest("hex");
  if (readIfThere(stamp) === lockfile) {
    return { ok: true, output: "" };
  }
  const result = pnpm(["install", "--frozen-lockfile"]);
  if (result.ok) {
    mkdirSync(join(stamp, ".."), { recursive: true });
    writeFileSync(stamp, lockfile);
  }
  return result;
}

function readIfThere(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}
