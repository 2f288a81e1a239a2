import type { ByteRange } from "../offload/page-op.js";

/**
 * One member's block of one stripe in the cache.
 *
 * The page is mapped once for its whole life, if an engine works on it ({@link mapping}). Who may touch its bytes changes hands: see
 * {@link PageMapping}.
 */
export interface StripePage {
  readonly bytes: Uint8Array;
  /** Null where no engine takes part. */
  readonly mapping: PageMapping | null;
  /** The bytes that are what the member holds, or what it would hold if it were there. Empty: nothing is known. */
  valid: ByteRange;
}

/** The page as an engine sees it. Ownership moves by sync only, and only when it changes. */
export interface PageMapping {
  readonly addr: number;
  /** The member, or the CPU, is going to read or write the bytes. */
  toCpu(): void;
  /** The engine is going to. */
  toDevice(): void;
  /** Ends the mapping, when the page leaves the cache for good. */
  unmap(): void;
}

export const NOTHING: ByteRange = { start: 0, end: 0 };

/** Whether the page's bytes in this range are known. */
export function isUptodate(page: StripePage, range: ByteRange): boolean {
  return page.valid.start <= range.start && range.end <= page.valid.end;
}

/** The bytes of `range` are known from now on: joined to what was known if they touch it, else instead of it. */
export function setUptodate(page: StripePage, range: ByteRange): void {
  const { valid } = page;
  const touching = range.start <= valid.end && valid.start <= range.end && valid.end > valid.start;
  page.valid = touching
    ? { start: Math.min(valid.start, range.start), end: Math.max(valid.end, range.end) }
    : range;
}
