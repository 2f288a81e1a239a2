import { constants } from "node:os";

/** What the exit status tells. */
export const ExitStatus = {
  OK: 0,
  /** The array has a problem: it is degraded, parity does not match, or the command failed. */
  PROBLEM: 1,
  /** The words on the command line make no sense. Nothing was looked at. */
  USAGE: 2,
} as const;

/** Stable names for what the command line itself refuses. */
export type CommandErrorCode =
  /** The words on the command line make no sense together. */
  | "ERR_MDRAID_USAGE"
  /** A plugin that `--engine` names can't be used. */
  | "ERR_MDRAID_ENGINE"
  /** A member can't be opened, or what is to be written or read does not fit. Nothing was written. */
  | "ERR_MDRAID_REFUSED"
  /** The input is longer than the rest of the array, which is full now. */
  | "ERR_MDRAID_FULL"
  /** The demo found that what it read is not what it had stored. */
  | "ERR_MDRAID_DEMO";

/** A refusal by the command line itself. */
export class CommandError extends Error {
  readonly code: CommandErrorCode;

  constructor(code: CommandErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
    this.code = code;
  }
}

/** The signals that ask the program to stop. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** The user asked the program to stop, and it did. */
export class Interruption extends Error {
  readonly code = "ERR_MDRAID_INTERRUPTED";
  /** By the shell's convention: 128 and the signal's number. */
  readonly exitStatus: number;

  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.name = "Interruption";
    this.exitStatus = 128 + constants.signals[signal];
  }
}
