import type { Geometry } from "../geometry.js";

/** The part of a request that lies in one page of the stripe cache. */
export interface Piece {
  /** Number of the stripe in the cache. */
  readonly stripe: number;
  readonly slot: number;
  readonly pageOffset: number;
  readonly memory: Uint8Array;
  readonly memoryOffset: number;
  readonly lengthBytes: number;
}

/** Cuts a request at the ends of pages. A chunk is a whole number of them. */
export function piecesOf(
  geometry: Geometry,
  stripeBytes: number,
  offset: number,
  memory: Uint8Array,
): Piece[] {
  const pagesPerChunk = geometry.chunkBytes / stripeBytes;
  const pieces: Piece[] = [];
  for (let memoryOffset = 0; memoryOffset < memory.length; ) {
    const at = geometry.locate(offset + memoryOffset);
    const pageOffset = at.offset % stripeBytes;
    const lengthBytes = Math.min(stripeBytes - pageOffset, memory.length - memoryOffset);
    pieces.push({
      stripe: at.stripe * pagesPerChunk + (at.offset - pageOffset) / stripeBytes,
      slot: geometry.row(at.stripe).data[at.index] as number,
      pageOffset,
      memory,
      memoryOffset,
      lengthBytes,
    });
    memoryOffset += lengthBytes;
  }
  return pieces;
}

/** Whether both touch the same bytes. */
export function overlap(a: Piece, b: Piece): boolean {
  return (
    a.stripe === b.stripe &&
    a.slot === b.slot &&
    a.pageOffset < b.pageOffset + b.lengthBytes &&
    b.pageOffset < a.pageOffset + a.lengthBytes
  );
}
