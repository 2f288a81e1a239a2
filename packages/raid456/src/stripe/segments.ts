import type { ByteRange } from "../offload/page-op.js";
import type { Piece } from "./piece.js";

/**
 * Parity is computed from one multiple of this to another, like a sector of a disk: engines want some alignment, and it costs nothing.
 */
const GRAIN_BYTES = 512;

/** The whole grains around some bytes of a page. */
export function grainsOf(start: number, end: number): ByteRange {
  return { start: roundDown(start), end: roundUp(end) };
}

/** A part of a stripe in which the same blocks are written. */
export interface Segment {
  readonly range: ByteRange;
  /** Slots that are written in it … */
  readonly written: readonly number[];
  /** … and those of them that are written from its first byte to its last. */
  readonly covered: readonly number[];
}

/**
 * Cuts a stripe where the set of blocks that are written changes, in order. Each segment can be written in the way that costs
 * it the least: bytes that no piece touches don't have to be read because other ones are.
 */
export function segmentsOf(pieces: readonly Piece[]): Segment[] {
  const { pageOffset, lengthBytes } = pieces[0] as Piece;
  const range = grainsOf(pageOffset, pageOffset + lengthBytes);
  const rangeBytes = range.end - range.start;
  const sameBytes = pieces.every(
    (piece) => piece.pageOffset === pageOffset && piece.lengthBytes === lengthBytes,
  );
  // Whole grains of the same part of all pages, as in a full stripe, or a lone small write: nothing is to be cut.
  if (sameBytes && (rangeBytes === lengthBytes || rangeBytes === GRAIN_BYTES)) {
    const slots = pieces.map(({ slot }) => slot);
    const written = haveDifferentSlots(pieces) ? slots : [...new Set(slots)];
    return [{ range, written, covered: rangeBytes === lengthBytes ? written : [] }];
  }

  const writtenBytes = bytesBySlot(pieces);
  const cuts = new Set<number>();
  for (const ranges of writtenBytes.values()) {
    for (const { start, end } of ranges) {
      for (const at of [roundDown(start), roundUp(start), roundDown(end), roundUp(end)]) cuts.add(at);
    }
  }
  const segments: Segment[] = [];
  let start = -1;
  for (const end of [...cuts].sort((a, b) => a - b)) {
    if (start >= 0) append(segments, segmentIn({ start, end }, writtenBytes));
    start = end;
  }
  return segments;
}

/** Which bytes of each slot are written: ranges in order that don't touch. */
function bytesBySlot(pieces: readonly Piece[]): Map<number, ByteRange[]> {
  const bySlot = new Map<number, ByteRange[]>();
  for (const { slot, pageOffset: start, lengthBytes } of [...pieces].sort(
    (a, b) => a.pageOffset - b.pageOffset,
  )) {
    const end = start + lengthBytes;
    const ranges = bySlot.get(slot);
    const last = ranges?.at(-1);
    if (ranges === undefined) bySlot.set(slot, [{ start, end }]);
    else if (last === undefined || last.end < start) ranges.push({ start, end });
    else ranges[ranges.length - 1] = { start: last.start, end: Math.max(last.end, end) };
  }
  return bySlot;
}

function segmentIn(range: ByteRange, writtenBytes: ReadonlyMap<number, readonly ByteRange[]>): Segment {
  const written: number[] = [];
  const covered: number[] = [];
  for (const [slot, ranges] of writtenBytes) {
    if (ranges.some(({ start, end }) => start < range.end && range.start < end)) written.push(slot);
    if (ranges.some(({ start, end }) => start <= range.start && range.end <= end)) covered.push(slot);
  }
  return { range, written, covered };
}

function append(segments: Segment[], segment: Segment): void {
  if (segment.written.length === 0) return;
  const last = segments.at(-1);
  const continues =
    last !== undefined &&
    last.range.end === segment.range.start &&
    sameSlots(last.written, segment.written) &&
    sameSlots(last.covered, segment.covered);
  if (!continues) segments.push(segment);
  else
    segments[segments.length - 1] = { ...last, range: { start: last.range.start, end: segment.range.end } };
}

/** Whether no two pieces are of the same page. */
export function haveDifferentSlots(pieces: readonly Piece[]): boolean {
  for (let i = 1; i < pieces.length; i++) {
    for (let j = 0; j < i; j++) if (pieces[i]?.slot === pieces[j]?.slot) return false;
  }
  return true;
}

/** Whether two lists name the same slots in the same order. */
function sameSlots(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((slot, i) => slot === b[i]);
}

function roundDown(offset: number): number {
  return offset - (offset % GRAIN_BYTES);
}

function roundUp(offset: number): number {
  return roundDown(offset + GRAIN_BYTES - 1);
}
