import type { Readable, Writable } from "node:stream";

/** What a run of the program reads, writes and listens to: the process's own, or a test's. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** Everything that is not the result: warnings, progress, plans and statistics. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Aborted when the user asks the program to stop. The reason is an `Interruption`. */
  readonly signal: AbortSignal;
}

/** Tells the user something that is not the result. */
export function say({ stderr }: Io, text: string): void {
  stderr.write(`mdraid: ${text}\n`);
}

/** Prints the result for people. */
export function print({ stdout }: Io, text: string): void {
  stdout.write(`${text}\n`);
}

/** Prints the result for programs: one JSON document. */
export function printJson({ stdout }: Io, result: unknown): void {
  stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}
