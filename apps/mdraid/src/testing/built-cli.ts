import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const cli = join(import.meta.dirname, "../../dist/cli.js");
if (!existsSync(cli)) throw new Error(`${cli} is missing: build the command line first`);

/** The built command line, to be run by Node as a user would run it. */
export const builtCli = cli;

/** Starts the built command line in a folder. */
export function start(folder: string, ...words: readonly string[]): ChildProcess {
  return spawn(process.execPath, [cli, ...words], { cwd: folder });
}

/** Resolves when a child has said something on its standard error. */
export function saying(child: ChildProcess, text: string): Promise<void> {
  let said = "";
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(text)) resolve();
    });
    child.on("close", (status) =>
      reject(new Error(`ended with ${status} before it said "${text}":\n${said}`)),
    );
  });
}

/** Resolves with the exit status of a child; a signal that ended it has its name instead. */
export function ending(child: ChildProcess): Promise<number | string | null> {
  return new Promise((resolve) => {
    child.on("close", (status, signal) => resolve(status ?? signal));
  });
}
