/** What the exit status tells. */
export const ExitStatus = {
  /** Every test passed. */
  OK: 0,
  /** A test failed, or a thread could not go on. */
  FAILED: 1,
  /** The words on the command line make no sense, or there is nothing to test. */
  USAGE: 2,
} as const;

/** Stable names for what the program refuses. */
export type DmatestErrorCode =
  /** A parameter that dmatest does not have, or a value that it can't take. */
  | "ERR_DMATEST_PARAMETER"
  /** A channel was asked for that there is not, or no channel can do anything that dmatest tests. */
  | "ERR_DMATEST_CHANNEL";

/** A refusal: nothing was tested. */
export class DmatestError extends Error {
  readonly code: DmatestErrorCode;

  constructor(code: DmatestErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DmatestError";
    this.code = code;
  }
}
