import type { Geometry } from "../geometry.js";

/** The part of a request that lies in one chunk. */
export interface Extent {
  readonly slot: number;
  /** Number of the chunk's stripe, as the layout counts them: not a stripe of the cache, which may be shorter. */
  readonly row: number;
  /** Where it begins in the member's data, in bytes. */
  readonly memberOffset: number;
  readonly memory: Uint8Array;
  readonly memoryOffset: number;
  readonly lengthBytes: number;
}

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

/** Cuts a request at the ends of chunks. */
export function extentsOf(geometry: Geometry, offset: number, memory: Uint8Array): Extent[] {
  const extents: Extent[] = [];
  for (let memoryOffset = 0; memoryOffset < memory.length; ) {
    const at = geometry.locate(offset + memoryOffset);
    const lengthBytes = Math.min(geometry.chunkBytes - at.offset, memory.length - memoryOffset);
    extents.push({
      slot: geometry.row(at.stripe).data[at.index] as number,
      row: at.stripe,
      memberOffset: at.stripe * geometry.chunkBytes + at.offset,
      memory,
      memoryOffset,
      lengthBytes,
    });
    memoryOffset += lengthBytes;
  }
  return extents;
}

/** Cuts what lies in one chunk at the ends of pages. */
export function piecesOf(extent: Extent, stripeBytes: number): Piece[] {
  const { slot, memory } = extent;
  const pieces: Piece[] = [];
  for (let done = 0; done < extent.lengthBytes; ) {
    const at = extent.memberOffset + done;
    const pageOffset = at % stripeBytes;
    const lengthBytes = Math.min(stripeBytes - pageOffset, extent.lengthBytes - done);
    const memoryOffset = extent.memoryOffset + done;
    pieces.push({
      stripe: Math.floor(at / stripeBytes),
      slot,
      pageOffset,
      memory,
      memoryOffset,
      lengthBytes,
    });
    done += lengthBytes;
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
