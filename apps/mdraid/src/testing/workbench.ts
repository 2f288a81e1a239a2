import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { expect, test as vitest } from "vitest";
import { main } from "../main.js";

/** What a run of the program left behind. */
export interface Outcome {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: Uint8Array | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

/** A folder for images, and the program in it. */
export class Workbench {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** The names of `count` images: m0.img, m1.img … */
  images(count: number): string[] {
    return Array.from({ length: count }, (_, index) => this.path(`m${index}.img`));
  }

  /** Runs `mdraid` in this process, without an engine unless the words name one. */
  async run(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const { stdin = new Uint8Array(), signal = new AbortController().signal } = options;
    const stdout = new Sink();
    const stderr = new Sink();
    const input = Readable.from(stdin instanceof Uint8Array ? [stdin] : stdin);
    const status = await main(words, { stdin: input, stdout, stderr, signal });
    return { status, stdout: stdout.content, stderr: stderr.content.toString() };
  }

  /** The same, for a run that has to go well: the test fails with what it said otherwise. */
  async succeed(words: readonly string[], options?: RunOptions): Promise<Outcome> {
    const outcome = await this.run(words, options);
    expect(outcome, `mdraid ${words.join(" ")}`).toMatchObject({ status: 0 });
    return outcome;
  }

  /** Makes an array of new images. */
  async create(level: number, count: number, ...options: string[]): Promise<string[]> {
    const images = this.images(count);
    const words = ["create", "-l", `${level}`, "-n", `${count}`, "-c", "16K", "-z", "2560K", ...options];
    await this.succeed([...words, ...images]);
    return images;
  }

  /** The array's content from `offset` on. */
  async read(members: readonly string[], ...options: string[]): Promise<Buffer> {
    return (await this.succeed(["read", ...members, "--engine", "none", ...options])).stdout;
  }
}

class Sink extends Writable {
  readonly #chunks: Buffer[] = [];

  get content(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    done();
  }
}

/** vitest's `test`, with a workbench that is removed afterwards. */
// biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures this one needs.
export const test = vitest.extend("workbench", async ({}, { onCleanup }) => {
  const folder = await mkdtemp(join(tmpdir(), "mdraid-test-"));
  onCleanup(() => rm(folder, { recursive: true }));
  return new Workbench(folder);
});

/** Deterministic bytes that look random. */
export function randomBytes(length: number, seed: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 64) }, (_, block) =>
    createHash("sha512").update(`${seed} ${block}`).digest(),
  );
  return Buffer.concat(blocks, length);
}

/** All that could change on files: their bytes and their time stamps. */
export async function fingerprint(paths: readonly string[]): Promise<unknown> {
  return await Promise.all(
    paths.map(async (path) => {
      const { atimeNs, mtimeNs, ctimeNs, size } = await stat(path, { bigint: true });
      return { path, atimeNs, mtimeNs, ctimeNs, size };
    }),
  );
}

/** The content of files, as one digest for each. */
export async function digests(paths: readonly string[]): Promise<string[]> {
  return await Promise.all(
    paths.map(async (path) =>
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
    ),
  );
}

/** A signal that is given when it is looked at for the `looks`-th time, and so at the same point in each run. */
export function signalAfter(looks: number, reason: Error): AbortSignal {
  const controller = new AbortController();
  let left = looks;
  Object.defineProperty(controller.signal, "aborted", {
    get() {
      left -= 1;
      if (left === 0) controller.abort(reason);
      return left <= 0;
    },
  });
  return controller.signal;
}
