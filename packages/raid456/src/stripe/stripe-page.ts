import type { DmaAddr, DmaDevice } from "@dmaengine/core";
import type { ByteRange } from "../offload/page-op.js";

/**
 * One member's block of one stripe in the cache.
 *
 * Who may touch its bytes changes hands between the CPU, an engine and the page's member: see {@link PageMapping}.
 */
export interface StripePage {
  readonly bytes: Uint8Array;
  /** Null where no engine ever takes part. */
  readonly mapping: PageMapping | null;
  /** The bytes that are what the member holds, or what it would hold if it were there. Empty: nothing is known. */
  valid: ByteRange;
}

/** The page as engines see it. Ownership moves by sync, and only where it changes. */
export interface PageMapping {
  /** The device that the page is mapped with; null while it is not mapped, and the CPU's as a whole. */
  readonly device: DmaDevice | null;
  /** The member, or the CPU, is going to read or write these bytes. */
  toCpu(range: ByteRange): void;
  /**
   * An engine of this device is going to. Returns the bus address of the page's first byte. The page is mapped anew where the engine can't
   * use the mapping that it has. Throws `ERR_RAID_ENGINE` when the device can't map it.
   */
  toDevice(device: DmaDevice, range: ByteRange): DmaAddr;
  /** Ends the mapping, if there is one. The page's content stays. */
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
  if (isUptodate(page, range)) return;
  const touching = range.start <= valid.end && valid.start <= range.end && valid.end > valid.start;
  page.valid = touching
    ? { start: Math.min(valid.start, range.start), end: Math.max(valid.end, range.end) }
    : range;
}
