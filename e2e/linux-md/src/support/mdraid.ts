import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const manifestPath = createRequire(import.meta.url).resolve("@dmaengine/mdraid/package.json");
const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as { bin: { mdraid: string } };
const cli = join(dirname(manifestPath), manifest.bin.mdraid);

export interface MdraidOptions {
  readonly stdin?: Uint8Array;
  /** The exit status that the test expects: 0, the default, or 1 where the array has a problem. */
  readonly exitCode?: 0 | 1;
}

/**
 * Runs the built command line as a user would.
 * @returns its standard output.
 * @throws Error with all that it printed, when it ends with another exit status than expected.
 */
export function mdraid(
  args: readonly string[],
  { stdin, exitCode = 0 }: MdraidOptions = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [cli, ...args],
      { encoding: "buffer", maxBuffer: 1 << 28 },
      (error, stdout, stderr) => {
        const ended = error === null ? 0 : (error.code ?? error.signal);
        if (ended === exitCode) {
          resolve(stdout);
        } else {
          const printed = `${stderr}${stdout.subarray(0, 4096)}`;
          reject(
            new Error(`mdraid ${args.join(" ")}\nended with ${ended} instead of ${exitCode}:\n${printed}`),
          );
        }
      },
    );
    // A program that ends before it has read everything is judged by its exit status.
    child.stdin?.on("error", () => {});
    child.stdin?.end(stdin);
  });
}

/** What `mdraid examine --json` and `mdraid detail --json` say about an array and its members. */
export async function mdraidReports(members: readonly string[], options?: MdraidOptions): Promise<unknown> {
  const examine = await mdraid(["examine", ...members, "--json"]);
  const detail = await mdraid(["detail", ...members, "--json"], options);
  return { examine: JSON.parse(`${examine}`), detail: JSON.parse(`${detail}`) };
}
