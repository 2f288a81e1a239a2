import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { addAbortSignal, type Readable } from "node:stream";
import type { OpenArray } from "@dmaengine/md";
import { BlockWriter } from "../array/block-writer.js";
import { type AssemblyOptions, type EngineOptions, withWritableArray } from "../array/with-array.js";
import { CommandError, ExitStatus } from "../errors.js";
import { type Io, printJson, say } from "../io.js";
import { formatBytes } from "../report/format.js";
import { startProgress } from "../report/progress.js";

export interface WriteOptions extends AssemblyOptions, EngineOptions {
  /** First byte of the array to write. */
  readonly offset: number;
  /** File to read from; "-" for standard input. */
  readonly input: string;
  readonly json?: boolean;
}

/** `mdraid write`: stores a file, or standard input, in the array. */
export function runWrite(io: Io, paths: readonly string[], options: WriteOptions): Promise<number> {
  const { offset, input, json } = options;
  return withWritableArray(io, paths, options, async (array) => {
    const fromStdin = input === "-";
    const lengthBytes = fromStdin ? null : await knownLength(input);
    array.geometry.checkRange(offset, lengthBytes ?? 0);
    const source = fromStdin ? io.stdin : createReadStream(input);
    const progress = lengthBytes === null ? null : startProgress(io, "write");
    const writer = new BlockWriter(array, offset);
    try {
      await store(array, addAbortSignal(io.signal, source), writer, offset, (doneBytes) =>
        progress?.update({ doneBytes, totalBytes: lengthBytes ?? 0 }),
      );
    } catch (error) {
      await writer.abandon();
      say(io, `${writer.storedBytes} bytes were stored, from byte ${offset} of the array on`);
      throw error;
    } finally {
      progress?.stop();
    }
    if (json) printJson(io, { offsetBytes: offset, storedBytes: writer.storedBytes });
    else say(io, `stored ${formatBytes(writer.storedBytes)} (${writer.storedBytes} bytes)`);
    return ExitStatus.OK;
  });
}

async function store(
  array: OpenArray,
  source: Readable,
  writer: BlockWriter,
  offset: number,
  onTaken: (bytes: number) => void,
): Promise<void> {
  const room = array.geometry.arrayBytes - offset;
  let taken = 0;
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    const fitting = chunk.subarray(0, room - taken);
    await writer.push(fitting);
    taken += fitting.length;
    onTaken(taken);
    if (fitting.length < chunk.length) {
      await writer.end();
      throw new CommandError(
        "ERR_MDRAID_FULL",
        `the input goes on, but the array ends at byte ${array.geometry.arrayBytes}`,
      );
    }
  }
  await writer.end();
}

/** The length of a regular file; null for what has none, such as a pipe. */
async function knownLength(path: string): Promise<number | null> {
  const status = await stat(path);
  return status.isFile() ? status.size : null;
}
