import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/** A folder of files of one length, which is removed in the end. */
export class Files {
  readonly folder: string;
  readonly paths: readonly string[];

  /** Makes `count` files of `lengthBytes` bytes in a new folder below `parent`, with all their room. */
  constructor(parent: string, count: number, lengthBytes: number) {
    this.folder = mkdtempSync(path.join(parent, "bench-array-"));
    process.once("exit", () => rmSync(this.folder, { recursive: true, force: true }));
    this.paths = Array.from({ length: count }, (_, i) => path.join(this.folder, `member-${i}`));
    for (const each of this.paths) writeFileSync(each, new Uint8Array(lengthBytes));
  }

  /** Has the system forget what it has of the files in memory, so that reads come from the disk. */
  dropFromCache(): void {
    for (const each of this.paths) {
      const { error, stderr } = spawnSync("dd", [`if=${each}`, "iflag=nocache", "count=0"], {
        encoding: "utf8",
      });
      if (error) throw new Error(`dd can't drop ${each} from the page cache: ${error.message} ${stderr}`);
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
