/** What the exit status tells. */
export const ExitStatus = {
  /** Everything ran, and raid456 has no wrong byte. */
  OK: 0,
  /** raid456 has wrong bytes. */
  WRONG_BYTES: 1,
  /** The words on the command line make no sense. */
  USAGE: 2,
} as const;

/** Stable names for what the laboratory refuses or gives up on. */
export type LabErrorCode =
  /** A word on the command line that makes no sense. */
  | "ERR_LAB_USAGE"
  /** A client waits for something that is never going to happen: a mistake in it, or in a driver. */
  | "ERR_LAB_STALLED";

/** A mistake that the message explains. */
export class LabError extends Error {
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LabError";
    this.code = code;
  }
}
