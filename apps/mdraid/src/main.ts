import { CommanderError } from "commander";
import { ExitStatus } from "./errors.js";
import type { Io } from "./io.js";
import { buildProgram } from "./program.js";
import { reportFailure } from "./report-failure.js";

/**
 * Runs the command line.
 *
 * @param words what the user has typed behind `mdraid`
 * @returns the exit status
 */
export async function main(words: readonly string[], io: Io): Promise<number> {
  let status: number = ExitStatus.OK;
  const program = buildProgram(io, (result) => {
    status = result;
  });
  try {
    await program.parseAsync(words, { from: "user" });
    return status;
  } catch (error) {
    // commander has said already what is wrong with the words.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.OK : ExitStatus.USAGE;
    return reportFailure(io, error, words.includes("--json"));
  }
}
