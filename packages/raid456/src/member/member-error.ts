import type { MemberDevice } from "./member-device.js";

/** Marks every MemberError, so that it is recognised across two installed copies (`instanceof` is not). */
const MARK = Symbol.for("@dmaengine/raid456.member-error");

/** Stable names for every way in which a member device refuses or fails. */
export type MemberErrorCode =
  /** The device can't be opened or created, or is of a kind that can't hold a member. */
  | "ERR_MEMBER_OPEN"
  /** The range is not inside the device, or is not made of whole numbers. */
  | "ERR_MEMBER_RANGE"
  /** The device ended before the range did: it shrank after it was opened. */
  | "ERR_MEMBER_SHORT"
  /** A write to a device that was opened for reading only. */
  | "ERR_MEMBER_READ_ONLY"
  /** The device was closed. */
  | "ERR_MEMBER_CLOSED"
  /**
   * The device reported an error, or a planned fault was met. `cause` has the original, where there is one.
   */
  | "ERR_MEMBER_IO";

/** A member device refused a call, or an operation on it failed. */
export class MemberError extends Error {
  readonly code: MemberErrorCode;
  /** Name of the device that failed. */
  readonly device: string;
  readonly [MARK] = true;

  constructor(code: MemberErrorCode, device: string, message: string, options?: ErrorOptions) {
    super(`${device}: ${message}`, options);
    this.name = "MemberError";
    this.code = code;
    this.device = device;
  }

  /** Whether `value` is a MemberError of this or of any other copy of the package. */
  static isInstance(value: unknown): value is MemberError {
    return typeof value === "object" && value !== null && MARK in value;
  }
}

/**
 * Refuses a range that is not inside `device`.
 *
 * @throws MemberError `ERR_MEMBER_RANGE`
 */
export function checkRange(device: MemberDevice, offsetBytes: number, lengthBytes: number): void {
  // Written so that NaN fails it too.
  if (Number.isSafeInteger(offsetBytes) && offsetBytes >= 0 && offsetBytes + lengthBytes <= device.sizeBytes)
    return;
  throw new MemberError(
    "ERR_MEMBER_RANGE",
    device.name,
    `bytes ${offsetBytes} to ${offsetBytes + lengthBytes} are not inside the device, which has ${device.sizeBytes}`,
  );
}

/**
 * Refuses a write to a device that was opened for reading only.
 *
 * @throws MemberError `ERR_MEMBER_READ_ONLY`
 */
export function checkWritable(device: MemberDevice): void {
  if (device.writable) return;
  throw new MemberError("ERR_MEMBER_READ_ONLY", device.name, "opened for reading only; open it for writing");
}

/** The rejection of every call on a closed device. */
export function closedError(device: MemberDevice): MemberError {
  return new MemberError("ERR_MEMBER_CLOSED", device.name, "the device is closed");
}
