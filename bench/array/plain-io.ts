import { type FileHandle, open } from "node:fs/promises";
import type { Memory } from "./memory.js";

/** A part of a file, read or written from its beginning. */
export interface Stream {
  readonly file: number;
  readonly kind: "read" | "write";
  readonly lengthBytes: number;
}

/**
 * What a program does without an array: Node's own reads and writes of several files side by side, each file by transfers of one
 * size, one after the other.
 */
export class PlainIo {
  readonly #files: readonly FileHandle[];
  readonly #memory: Memory;
  /** Transfers of streams that have begun. */
  #turns = 0;
  /** Length of a transfer, in bytes, by what it does: {@link calibrate} finds the best. */
  readonly transferBytes = { read: 1024 * 1024, write: 1024 * 1024 };

  private constructor(files: readonly FileHandle[], memory: Memory) {
    this.#files = files;
    this.#memory = memory;
  }

  /** Opens files that exist. */
  static async open(paths: readonly string[], memory: Memory): Promise<PlainIo> {
    return new PlainIo(await Promise.all(paths.map((path) => open(path, "r+"))), memory);
  }

  /** Finds out which length of transfers is the fastest to read, and to write, the first `lengthBytes` bytes of all files. */
  async calibrate(sizes: readonly number[], lengthBytes: number): Promise<void> {
    for (const kind of ["write", "read"] as const) {
      let best = Number.POSITIVE_INFINITY;
      let bestSize = this.transferBytes[kind];
      for (const size of [...sizes, ...sizes]) {
        this.transferBytes[kind] = size;
        const start = performance.now();
        await this.run(this.#files.map((_, file) => ({ file, kind, lengthBytes })));
        const millis = performance.now() - start;
        if (millis >= best) continue;
        best = millis;
        bestSize = size;
      }
      this.transferBytes[kind] = bestSize;
    }
  }

  /** Does all streams side by side. What was written is durable then. */
  async run(streams: readonly Stream[]): Promise<void> {
    await Promise.all(streams.map((stream) => this.#run(stream)));
    await this.flush(streams.flatMap(({ kind, file }) => (kind === "write" ? [file] : [])));
  }

  /** What a small write to an array comes down to: reads the same place of some files, and writes it when all are read. The files keep their content. */
  async readThenWrite(
    files: readonly number[],
    offsetBytes: number,
    lane: number,
    lengthBytes: number,
  ): Promise<void> {
    const at = (i: number): number => (lane * files.length + i) * lengthBytes;
    const handles = files.map((file) => this.#files[file] as FileHandle);
    await Promise.all(
      handles.map((handle, i) => handle.read(this.#memory.into, at(i), lengthBytes, offsetBytes)),
    );
    await Promise.all(
      handles.map((handle, i) => handle.write(this.#memory.into, at(i), lengthBytes, offsetBytes)),
    );
  }

  async flush(files: readonly number[] = [...this.#files.keys()]): Promise<void> {
    await Promise.all(files.map((file) => (this.#files[file] as FileHandle).datasync()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  /** All streams go around in the whole memory together, as requests to an array do: whether it fits into the CPU's caches decides how fast it is. */
  async #run({ file, kind, lengthBytes }: Stream): Promise<void> {
    const handle = this.#files[file] as FileHandle;
    const { source, into } = this.#memory;
    const step = this.transferBytes[kind];
    const places = Math.floor(source.length / step);
    for (let at = 0; at < lengthBytes; at += step) {
      const length = Math.min(step, lengthBytes - at);
      const place = (this.#turns++ % places) * step;
      if (kind === "read") await handle.read(into, place, length, at);
      else await handle.write(source, place, length, at);
    }
  }
}
