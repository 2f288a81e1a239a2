import { execFile } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { DATA_MEMBERS } from "./rig.js";
import { timed } from "./turns.js";

const run = promisify(execFile);

/** SnapRAID with P and Q, on as many data disks as the arrays have, with one file on each. */
export class Snapraid {
  readonly #folder: string;
  readonly #config: string;
  readonly #files: readonly string[];

  private constructor(folder: string, files: readonly string[]) {
    this.#folder = folder;
    this.#config = path.join(folder, "snapraid.conf");
    this.#files = files;
  }

  /** Makes the data disks in a folder, and syncs them. Rejects where SnapRAID is not installed. */
  static async open(parent: string, source: Uint8Array, diskBytes: number): Promise<Snapraid> {
    await run("snapraid", ["--version"]);
    const folder = path.join(parent, "snapraid");
    // It takes files of the same name and time for copies, and does not read the second one.
    const files = Array.from({ length: DATA_MEMBERS }, (_, i) => path.join(folder, `disk-${i}`, `data-${i}`));
    for (const file of files) {
      mkdirSync(path.dirname(file), { recursive: true });
      for (let at = 0; at < diskBytes; at += source.length) {
        appendFileSync(file, source.subarray(0, Math.min(source.length, diskBytes - at)));
      }
    }
    const snapraid = new Snapraid(folder, files);
    writeFileSync(snapraid.#config, snapraid.#configuration());
    await snapraid.sync();
    return snapraid;
  }

  /** `snapraid sync` of everything, as if it were the first time. Resolves with milliseconds. */
  async sync(): Promise<number> {
    for (const name of [...this.#contentFiles(), ...this.#parityFiles()]) rmSync(name, { force: true });
    return await this.#command("sync");
  }

  /** `snapraid fix` of a disk that was synced and has lost its file. Resolves with milliseconds. */
  async fix(): Promise<number> {
    rmSync(this.#files[0] as string);
    return await this.#command("fix", "--filter-disk", "d0");
  }

  #command(command: string, ...options: string[]): Promise<number> {
    // All is on one disk here, which SnapRAID would refuse.
    const all = ["--conf", this.#config, "--test-skip-device", ...options, command];
    return timed(async () => {
      await run("snapraid", all);
    });
  }

  #parityFiles(): string[] {
    return ["parity-p", "parity-q"].map((name) => path.join(this.#folder, name));
  }

  /** It wants one more list of contents than there is parity. */
  #contentFiles(): string[] {
    return [this.#folder, ...this.#files.slice(0, 2).map((file) => path.dirname(file))].map((folder) =>
      path.join(folder, "snapraid.content"),
    );
  }

  #configuration(): string {
    const [p, q] = this.#parityFiles();
    const contents = this.#contentFiles().map((file) => `content ${file}`);
    const disks = this.#files.map((file, i) => `data d${i} ${path.dirname(file)}`);
    return [`parity ${p}`, `2-parity ${q}`, ...contents, ...disks, ""].join("\n");
  }
}
