import { createHash } from "node:crypto";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { DmaEngine } from "@dmaengine/core";
import { type AssembledArray, assemble, createArray, type OpenArray } from "@dmaengine/md";
import { type CheckReport, layoutName } from "@dmaengine/raid456";
import { BlockWriter } from "../array/block-writer.js";
import { fillSlots } from "../array/fill-slots.js";
import { NewMembers } from "../array/new-members.js";
import { closeMembers, openForLooking, openForWriting } from "../array/open-members.js";
import { readBlocks } from "../array/read-blocks.js";
import { withEngine, withOpenArray } from "../array/with-array.js";
import { CommandError } from "../errors.js";
import type { Io } from "../io.js";
import { describeCheck } from "../report/check-report.js";
import { formatBytes, formatMillis, formatRate } from "../report/format.js";
import { startProgress, withProgress } from "../report/progress.js";
import { describeWork } from "../report/work-table.js";
import type { FileTree } from "./file-tree.js";

/** What the demo is made of. */
export interface DemoOptions {
  /** Folder for the images. */
  readonly folder: string;
  /** What is stored. */
  readonly tree: FileTree;
  /** As `--engine`. */
  readonly engine: string;
  /** Length of an image, in bytes. */
  readonly memberBytes: number;
}

const HEADLINE =
  "A RAID-6 in Linux md's format, without the kernel: its parity is made by a simulated offload engine,\n" +
  "which is driven through its registers and descriptors as the hardware would be.";
const MEMBERS = 6;
const CHUNK_BYTES = 64 * 1024;
/** Any two will do. */
const LOST = [1, 4];

/**
 * Stores files in a RAID-6, loses two members, reads everything back, rebuilds and checks.
 *
 * @throws CommandError `ERR_MDRAID_DEMO` if anything that was read differs from what was stored, or parity from data
 */
export async function runDemo(io: Io, options: DemoOptions): Promise<void> {
  await withEngine(io, options, (engine) => new Demo(io, engine, options).run());
}

class Demo {
  readonly #io: Io;
  readonly #engine: DmaEngine | null;
  readonly #tree: FileTree;
  readonly #memberBytes: number;
  readonly #paths: readonly string[];
  #step = 0;

  constructor(io: Io, engine: DmaEngine | null, { folder, tree, memberBytes }: DemoOptions) {
    this.#io = io;
    this.#engine = engine;
    this.#tree = tree;
    this.#memberBytes = memberBytes;
    this.#paths = Array.from({ length: MEMBERS }, (_, slot) => join(folder, `member${slot}.img`));
  }

  async run(): Promise<void> {
    this.#io.stdout.write(`${HEADLINE}\n`);
    await this.#create();
    const { plan, sha256 } = await this.#store();
    await this.#lose();
    this.#title("Read everything back without them");
    await this.#readBack(
      this.#paths.filter((_, slot) => !LOST.includes(slot)),
      sha256,
    );
    await this.#rebuild();
    await this.#check();
    this.#title("Read everything back");
    await this.#readBack(this.#paths, sha256);
    this.#title("What did the work, and why");
    for (const sentence of plan) this.#print(sentence);
    this.#io.stdout.write("\n");
    if (this.#engine !== null) this.#print(describeWork(this.#engine.stats()).replaceAll("\n", "\n   "));
  }

  async #create(): Promise<void> {
    this.#title(`Create a RAID-6 over ${MEMBERS} images of ${formatBytes(this.#memberBytes)}`);
    const opened = await NewMembers.open(this.#paths, this.#memberBytes);
    try {
      const { geometry, uuid } = await createArray({
        level: 6,
        members: opened.members,
        name: "demo",
        chunkBytes: CHUNK_BYTES,
        // New images are full of zeros, and so is their parity.
        assumeClean: true,
      });
      const { level, layout, chunkBytes, arrayBytes } = geometry;
      const chunks = `chunks of ${formatBytes(chunkBytes)}, ${layoutName(level, layout)}`;
      this.#print(`${formatBytes(arrayBytes)}, metadata 1.2, ${chunks}, UUID ${uuid}`);
    } finally {
      await opened.close();
    }
  }

  async #store(): Promise<{ plan: readonly string[]; sha256: string }> {
    const { files, lengthBytes } = this.#tree;
    this.#title(`Store ${files} files, ${formatBytes(lengthBytes)}: Node.js and the sources of this project`);
    return await this.#withMembers(this.#paths, async (array) => {
      const hash = createHash("sha256");
      const writer = new BlockWriter(array, 0);
      await this.#timed("write", lengthBytes, async (onDone) => {
        for await (const chunk of this.#tree.content()) {
          this.#io.signal.throwIfAborted();
          hash.update(chunk);
          await writer.push(chunk);
          onDone(chunk.length);
        }
        await writer.end();
      });
      const sha256 = hash.digest("hex");
      this.#print(`SHA-256 ${sha256}`);
      return { plan: array.explain(), sha256 };
    });
  }

  async #lose(): Promise<void> {
    this.#title(`Lose the members in slots ${LOST.join(" and ")}: delete their images`);
    for (const slot of LOST) await unlink(this.#paths[slot] as string);
  }

  async #readBack(paths: readonly string[], sha256: string): Promise<void> {
    const { members } = await openForLooking(paths);
    try {
      const assembled = await assemble(members);
      await withOpenArray(this.#io, assembled, { readOnly: true, engine: this.#engine }, async (array) => {
        const hash = createHash("sha256");
        await this.#timed("read", this.#tree.lengthBytes, async (onDone) => {
          for await (const block of readBlocks(array, 0, this.#tree.lengthBytes)) {
            this.#io.signal.throwIfAborted();
            hash.update(block);
            onDone(block.length);
          }
        });
        const found = hash.digest("hex");
        if (found !== sha256) throw failure(`SHA-256 ${found} is not that of what was stored`);
        this.#print(`SHA-256 ${found}: the same`);
      });
    } finally {
      await closeMembers(members);
    }
  }

  async #rebuild(): Promise<void> {
    this.#title("Add two blank members, and rebuild what the lost ones held");
    const kept = this.#paths.filter((_, slot) => !LOST.includes(slot));
    const opened = await NewMembers.open(
      LOST.map((slot) => this.#paths[slot] as string),
      this.#memberBytes,
    );
    try {
      await this.#withMembers(kept, async (array, assembled) => {
        await fillSlots(array, assembled, opened.members);
        const started = performance.now();
        await withProgress(this.#io, "   rebuild", (sync) => array.rebuild(sync));
        this.#printPace(LOST.length * array.geometry.memberBytes, performance.now() - started);
      });
    } finally {
      await opened.close();
    }
  }

  async #check(): Promise<void> {
    this.#title("Check: compare all data with all parity");
    const report = await this.#withMembers(this.#paths, async (array): Promise<CheckReport> => {
      const started = performance.now();
      const found = await withProgress(this.#io, "   check", (sync) => array.check(sync));
      this.#printPace(MEMBERS * array.geometry.memberBytes, performance.now() - started);
      return found;
    });
    if (report.mismatches.length > 0) throw failure(describeCheck(report));
    this.#print(describeCheck(report));
  }

  async #withMembers<T>(
    paths: readonly string[],
    task: (array: OpenArray, assembled: AssembledArray) => Promise<T>,
  ): Promise<T> {
    const members = await openForWriting(paths);
    try {
      const assembled = await assemble(members);
      return await withOpenArray(this.#io, assembled, { readOnly: false, engine: this.#engine }, (array) =>
        task(array, assembled),
      );
    } finally {
      await closeMembers(members);
    }
  }

  /** Shows the progress of something that goes through `totalBytes`, and prints how fast it was. */
  async #timed(
    what: string,
    totalBytes: number,
    run: (onDone: (bytes: number) => void) => Promise<void>,
  ): Promise<void> {
    const progress = startProgress(this.#io, `   ${what}`);
    const started = performance.now();
    let doneBytes = 0;
    try {
      await run((bytes) => {
        doneBytes += bytes;
        progress.update({ doneBytes, totalBytes });
      });
    } finally {
      progress.stop();
    }
    this.#printPace(totalBytes, performance.now() - started);
  }

  #printPace(bytes: number, millis: number): void {
    this.#print(`${formatBytes(bytes)} in ${formatMillis(millis)}, ${formatRate(bytes, millis)}`);
  }

  #title(text: string): void {
    this.#step += 1;
    this.#io.stdout.write(`\n${this.#step}. ${text}\n`);
  }

  #print(text: string): void {
    this.#io.stdout.write(`   ${text}\n`);
  }
}

function failure(message: string): CommandError {
  return new CommandError("ERR_MDRAID_DEMO", message);
}
