/** Why a device was not taken into an array. */
export type RejectReason =
  /** No md superblock on it. */
  | "no-superblock"
  /** Its superblock's checksum is wrong. */
  | "checksum"
  /** Its superblock has an impossible field. */
  | "corrupt"
  /** Its metadata is of a kind that is not handled. */
  | "unsupported"
  /** It is shorter than its superblock says: a truncated image, for example. */
  | "too-small"
  /** Reading its superblock failed. */
  | "unreadable"
  /** It belongs to another array. */
  | "other-array"
  /** It belongs to the array, but disagrees about what the array is. */
  | "mismatch"
  /** Another of the given devices is the same member, and at least as fresh. */
  | "duplicate"
  /** Its event count is behind: the array was written without it. */
  | "stale"
  /** It is recorded as failed. */
  | "faulty"
  /** The fresher members no longer know it. */
  | "removed"
  /** It and the freshest member each say that the other has failed: both went on alone. */
  | "split-brain"
  /** It has a list of blocks that can't be trusted, and the array can do without it. */
  | "bad-blocks";

/** A device that was given for an array and left out of it. */
export interface Rejection {
  /** Name of the device. */
  readonly device: string;
  readonly code: RejectReason;
  /** The reason in words, with the numbers that led to it. */
  readonly reason: string;
}

/** The rejections as they end the message of an error: one indented line each, or nothing. */
export function describeRejections(rejected: readonly Rejection[]): string {
  return rejected.map(({ device, reason }) => `\n  ${device}: ${reason}`).join("");
}
