import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { readBlocks } from "../array/read-blocks.js";
import { refuseSameFile } from "../array/same-file.js";
import { type AssemblyOptions, type EngineOptions, withReadableArray } from "../array/with-array.js";
import { ExitStatus } from "../errors.js";
import type { Io } from "../io.js";
import { startProgress } from "../report/progress.js";

export interface ReadOptions extends AssemblyOptions, EngineOptions {
  /** First byte of the array to read. */
  readonly offset: number;
  /** How many bytes. Default: up to the end of the array. */
  readonly length?: number;
  /** File to write to; "-" for standard output. */
  readonly output: string;
}

/** `mdraid read`: copies the array, or a part of it, to a file or to standard output. The members stay untouched. */
export async function runRead(io: Io, paths: readonly string[], options: ReadOptions): Promise<number> {
  const toStdout = options.output === "-";
  if (!toStdout) for (const path of paths) await refuseSameFile([path, options.output]);
  return await withReadableArray(io, paths, options, async (array) => {
    const { offset, length = array.geometry.arrayBytes - offset } = options;
    array.geometry.checkRange(offset, length);
    const progress = toStdout ? null : startProgress(io, "read");
    async function* blocks(): AsyncGenerator<Uint8Array> {
      let doneBytes = 0;
      for await (const block of readBlocks(array, offset, length)) {
        io.signal.throwIfAborted();
        yield block;
        doneBytes += block.length;
        progress?.update({ doneBytes, totalBytes: length });
      }
    }
    try {
      // One block waits while the one before it is written.
      const source = Readable.from(blocks(), { highWaterMark: 1 });
      if (toStdout) await pipeline(source, io.stdout, { end: false });
      else await pipeline(source, createWriteStream(options.output));
    } catch (error) {
      if (!isClosedPipe(error)) throw error;
      // Whoever reads us has enough, as `mdraid read … | head` has.
    } finally {
      progress?.stop();
    }
    return ExitStatus.OK;
  });
}

function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
