import { MdError } from "@dmaengine/md";
import { CommandError, ExitStatus, Interruption } from "./errors.js";
import { type Io, printJson, say } from "./io.js";

/**
 * Tells why a command has ended early.
 *
 * @param json also as JSON on standard output, where programs expect the result
 * @returns the exit status
 */
export function reportFailure(io: Io, error: unknown, json: boolean): number {
  // After the user's signal, whatever a command has ended with is a consequence of it.
  const { reason } = io.signal;
  const cause = reason instanceof Interruption ? reason : error;
  if (json) printJson(io, { error: describe(cause) });
  say(io, messageOf(cause));
  if (cause instanceof Interruption) return cause.exitStatus;
  const isUsage = cause instanceof CommandError && cause.code === "ERR_MDRAID_USAGE";
  return isUsage ? ExitStatus.USAGE : ExitStatus.PROBLEM;
}

/** A failure as a program wants it. */
function describe(error: unknown): object {
  return {
    code: codeOf(error),
    message: messageOf(error),
    rejected: MdError.isInstance(error) ? error.rejected : [],
  };
}

/** The text of a refusal; of a mistake in the program, all that helps to find it. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return codeOf(error) === null ? (error.stack ?? error.message) : error.message;
}

/** Every error that is made on purpose, by this project and by Node, has a code. */
function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}
