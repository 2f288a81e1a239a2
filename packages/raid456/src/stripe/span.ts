import type { Geometry } from "../geometry.js";
import type { Piece } from "./piece.js";
import type { StripeHead } from "./stripe-head.js";

/** Bytes of the array, in memory. */
export interface Span {
  /** Where they begin in the array. */
  readonly offset: number;
  readonly memory: Uint8Array;
}

/**
 * Calls `visit` with the number of each stripe of the cache that holds some of the array's bytes `start … end - 1`, in order.
 *
 * @param stripeBytes - length of a stripe's pages
 */
export function visitStripes(
  geometry: Geometry,
  stripeBytes: number,
  start: number,
  end: number,
  visit: (stripe: number) => void,
): void {
  const perChunk = geometry.chunkBytes / stripeBytes;
  const first = Math.floor(start / geometry.stripeDataBytes) * perChunk;
  const past = Math.ceil(end / geometry.stripeDataBytes) * perChunk;
  for (let stripe = first; stripe < past; stripe++) {
    if (holdsSome(geometry, stripeBytes, stripe, start, end)) visit(stripe);
  }
}

/** Whether a stripe holds some of the array's bytes `start … end - 1`. */
export function holdsSome(
  geometry: Geometry,
  stripeBytes: number,
  stripe: number,
  start: number,
  end: number,
): boolean {
  if (start >= end) return false;
  const { chunkBytes, dataDisks } = geometry;
  const first = firstPageOffset(geometry, stripeBytes, stripe);
  const pagesBeforeEnd = Math.min(dataDisks, Math.ceil((end - first) / chunkBytes));
  return pagesBeforeEnd > 0 && start < first + (pagesBeforeEnd - 1) * chunkBytes + stripeBytes;
}

/** Whether all data of a stripe is in the span. */
export function coversStripe(
  geometry: Geometry,
  { number, stripeBytes }: StripeHead,
  { offset, memory }: Span,
): boolean {
  const first = firstPageOffset(geometry, stripeBytes, number);
  const last = first + (geometry.dataDisks - 1) * geometry.chunkBytes;
  return offset <= first && last + stripeBytes <= offset + memory.length;
}

/** The parts of spans that lie in a stripe: of one span after the other, and of each in the array's order. */
export function piecesIn(geometry: Geometry, stripe: StripeHead, spans: readonly Span[]): Piece[] {
  const { number, row, stripeBytes } = stripe;
  const first = firstPageOffset(geometry, stripeBytes, number);
  const pieces: Piece[] = [];
  for (const { offset, memory } of spans) {
    for (let index = 0; index < row.data.length; index++) {
      const page = first + index * geometry.chunkBytes;
      const start = Math.max(page, offset);
      const end = Math.min(page + stripeBytes, offset + memory.length);
      if (start >= end) continue;
      pieces.push({
        slot: row.data[index] as number,
        pageOffset: start - page,
        memory,
        memoryOffset: start - offset,
        lengthBytes: end - start,
      });
    }
  }
  return pieces;
}

/** Where a stripe's first data page begins in the array. Each of the others begins a chunk behind the one before it. */
export function firstPageOffset(geometry: Geometry, stripeBytes: number, stripe: number): number {
  const perChunk = geometry.chunkBytes / stripeBytes;
  const row = Math.floor(stripe / perChunk);
  return row * geometry.stripeDataBytes + (stripe - row * perChunk) * stripeBytes;
}
