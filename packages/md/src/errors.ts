import type { Rejection } from "./rejection.js";

/** Marks every MdError, so that it is recognised across two installed copies (`instanceof` is not). */
const MARK = Symbol.for("@dmaengine/md.error");

/**
 * Stable names for everything that this package refuses. Codes never change within a major version; texts
 * may.
 */
export type MdErrorCode =
  /** The device carries no md superblock. */
  | "ERR_MD_NO_SUPERBLOCK"
  /** A superblock was found, but its checksum does not match its content. */
  | "ERR_MD_CHECKSUM"
  /** The checksum matches, but a field has a value that no md array can have. */
  | "ERR_MD_CORRUPT"
  /** Metadata that is valid in Linux md, but that this package does not handle. */
  | "ERR_MD_UNSUPPORTED"
  /** The device is too small for what its superblock, or the array that it is to join, puts on it. */
  | "ERR_MD_TOO_SMALL"
  /** The place of the superblock can't be read. `cause` has the device's error. */
  | "ERR_MD_UNREADABLE"
  /** Members of several arrays were given, and nothing says which array is meant. */
  | "ERR_MD_AMBIGUOUS"
  /** Too few members are up to date. `rejected` says why each of the others was left out. */
  | "ERR_MD_NOT_ENOUGH"
  /** The array was not shut down cleanly and lacks a member, so that what the member held can't be told. */
  | "ERR_MD_DIRTY_DEGRADED"
  /** An argument of a call is outside what md allows. */
  | "ERR_MD_ARGUMENT"
  /** A device holds something that would be overwritten. */
  | "ERR_MD_IN_USE"
  /** The array can be read, but must not be written. */
  | "ERR_MD_READ_ONLY"
  /**
   * A call does not fit the state of the array: a slot that has a member already, a closed array, and so on.
   */
  | "ERR_MD_STATE"
  /** More members failed than parity can replace, or no superblock can be written any more. */
  | "ERR_MD_BROKEN";

/** Any refusal by this package. What a member device itself refuses stays a `MemberError`. */
export class MdError extends Error {
  readonly code: MdErrorCode;
  /** The devices that were left out and why, where the error is about a whole array; else empty. */
  readonly rejected: readonly Rejection[];
  readonly [MARK] = true;

  constructor(
    code: MdErrorCode,
    message: string,
    { rejected = [], ...options }: ErrorOptions & { readonly rejected?: readonly Rejection[] } = {},
  ) {
    super(message, options);
    this.name = "MdError";
    this.code = code;
    this.rejected = rejected;
  }

  /** Whether `value` is an MdError of this or of any other copy of the package. */
  static isInstance(value: unknown): value is MdError {
    return typeof value === "object" && value !== null && MARK in value;
  }
}
