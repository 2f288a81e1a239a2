const MARK = Symbol.for("@dmaengine/raid456.error");

/** Stable names for everything that the array engine refuses or gives up on. */
export type RaidErrorCode =
  /** A geometry that no array can have. */
  | "ERR_RAID_GEOMETRY"
  /** A request outside the array. */
  | "ERR_RAID_RANGE"
  /** More members are gone than the level can do without. Nothing was written for the request. */
  | "ERR_RAID_FAILED"
  /** The array is read-only. */
  | "ERR_RAID_READ_ONLY"
  /** The operation makes no sense in the array's state, for example a check without any redundancy left. */
  | "ERR_RAID_STATE"
  /** An offload engine failed. The request was not carried out; members hold what they held. */
  | "ERR_RAID_ENGINE"
  /** The caller aborted the operation. */
  | "ERR_RAID_ABORTED";

/** Any refusal by the array engine. */
export class RaidError extends Error {
  readonly code: RaidErrorCode;
  readonly [MARK] = true;

  constructor(code: RaidErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RaidError";
    this.code = code;
  }

  /** Whether `value` is a RaidError of this or of any other copy of the package. */
  static isInstance(value: unknown): value is RaidError {
    return typeof value === "object" && value !== null && MARK in value;
  }
}
