import { AsyncTxError } from "../errors.js";
import type { Page } from "../submit-ctl.js";
import type { Block } from "./map-blocks.js";

/** An argument that makes no sense: `BUG_ON` in the original. */
export function badArgument(call: string, expected: string): AsyncTxError {
  return new AsyncTxError("ERR_ASYNC_TX_ARGUMENT", `${call}: expected ${expected}`);
}

/** A part of a page, which must be within it. */
export function blockOf(call: string, page: Page, offset: number, len: number): Block {
  if (Number.isInteger(offset) && offset >= 0 && len >= 1 && offset + len <= page.length)
    return { page, offset };
  throw badArgument(call, `a range within a page of ${page.length} bytes, got ${len} bytes at ${offset}`);
}

/**
 * Where in their pages blocks are: one offset for all, or one for each.
 *
 * @deprecated Prep calls of `@dmaengine/core` take addresses, to which an offset is added.
 */
export type Offsets = number | readonly number[];

/** The first `count` of a list of blocks, of which some may be missing. */
export function blocksOf(
  call: string,
  pages: readonly (Page | null)[],
  offsets: Offsets,
  count: number,
  len: number,
): (Block | null)[] {
  if (!(count <= pages.length && (typeof offsets === "number" || count <= offsets.length))) {
    throw badArgument(
      call,
      `${count} pages, and an offset for each or one for all, got ${pages.length} pages`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const page = pages[i] ?? null;
    const offset = typeof offsets === "number" ? offsets : (offsets[i] as number);
    return page === null ? null : blockOf(call, page, offset, len);
  });
}

/** Whether two blocks are the same bytes. */
export function isSame(one: Block, other: Block): boolean {
  const startOf = ({ page, offset }: Block): number => page.byteOffset + offset;
  return one.page.buffer === other.page.buffer && startOf(one) === startOf(other);
}
