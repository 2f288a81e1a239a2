import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { LinuxVm, RunOptions, RunResult } from "../../vm/linux-vm.js";
import type { ArrayCase } from "./array-case.js";
import { parseDetail, parseExamine } from "./mdadm-report.js";
import { mdraid } from "./mdraid.js";
import { randomBytes } from "./random-bytes.js";

const guestMd = await readFile(join(import.meta.dirname, "guest-md.sh"), "utf8");

/** What a script in the guest found out. */
export interface Findings extends RunResult {
  /** The lines `key=value` of its standard output. */
  readonly values: Readonly<Record<string, string>>;
}

/** A directory for one test, which the guest sees as /host, with the member images and whatever else both sides need. */
export class Workbench {
  readonly #vm: LinuxVm;
  readonly #directory: string;

  private constructor(vm: LinuxVm, directory: string) {
    this.#vm = vm;
    this.#directory = directory;
  }

  static async make(vm: LinuxVm): Promise<Workbench> {
    return new Workbench(vm, await mkdtemp(join(tmpdir(), "linux-md-")));
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  read(name: string): Promise<Buffer> {
    return readFile(this.path(name));
  }

  write(name: string, bytes: Uint8Array): Promise<void> {
    return writeFile(this.path(name), bytes);
  }

  /** Makes an image of zeros. */
  async blankMember(name: string, { memberSizeKib }: ArrayCase): Promise<string> {
    await writeFile(this.path(name), "", { flag: "wx" });
    await truncate(this.path(name), memberSizeKib * 1024);
    return this.path(name);
  }

  /** Makes an image of random bytes, as a disk with a past has them. */
  async usedMember(name: string, { memberSizeKib }: ArrayCase): Promise<string> {
    await writeFile(this.path(name), randomBytes(name, memberSizeKib * 1024), { flag: "wx" });
    return this.path(name);
  }

  /** Copies images into this directory. */
  copies(images: readonly string[], prefix = ""): Promise<string[]> {
    return Promise.all(
      images.map(async (image) => {
        const copy = this.path(prefix + basename(image));
        await copyFile(image, copy);
        return copy;
      }),
    );
  }

  /** Reads a whole array with `mdraid read`. */
  async readArray(members: readonly string[]): Promise<Buffer> {
    await mdraid(["read", ...members, "-o", this.path("content-by-mdraid")]);
    return this.read("content-by-mdraid");
  }

  /** What mdadm said where a guest's script wrote it to the files /host/examine and /host/detail. */
  async mdadmReports() {
    return {
      examine: parseExamine(`${await this.read("examine")}`),
      detail: parseDetail(`${await this.read("detail")}`),
    };
  }

  /** Boots Linux with these disks as /dev/vda, /dev/vdb, … and runs a script there, after the functions of guest-md.sh. */
  async linux(
    disks: readonly string[],
    script: string,
    options: Pick<RunOptions, "timeoutSeconds"> = {},
  ): Promise<Findings> {
    const result = await this.#vm.run(guestMd + script, {
      ...options,
      disks,
      sharedDirectory: this.#directory,
    });
    const values = Object.fromEntries(
      [...result.stdout.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]),
    );
    return { ...result, values };
  }
}

/** The guest's names of `count` disks, beginning with disk `first`. */
export function guestDisks(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, index) => `/dev/vd${"abcdefghijklmnopqrstuvwxyz"[first + index]}`);
}
