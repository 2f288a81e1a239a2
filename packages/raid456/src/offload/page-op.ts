import type { SumCheck } from "@dmaengine/core";
import type { StripePage } from "../stripe/stripe-page.js";

/**
 * The operations on stripe pages of which everything else is made. They all work on the same byte range of every page they name: parity is
 * computed at equal offsets. A list of them is a chain: each may use what the ones before it left.
 */
export type PageOp = DrainOp | FillOp | XorOp | PqOp | XorValOp | PqValOp;

export const NO_OPS: readonly PageOp[] = [];

/** Copies a piece of a write request into a page ("biodrain"). */
export interface DrainOp {
  readonly op: "drain";
  readonly page: StripePage;
  readonly pageOffset: number;
  readonly from: Uint8Array;
  readonly fromOffset: number;
  readonly lengthBytes: number;
}

/** Copies a piece of a page into a read request ("biofill"). */
export interface FillOp {
  readonly op: "fill";
  readonly page: StripePage;
  readonly pageOffset: number;
  readonly into: Uint8Array;
  readonly intoOffset: number;
  readonly lengthBytes: number;
}

/** `dst = Σ srcs`; the destination may be the first of the sources. */
export interface XorOp {
  readonly op: "xor";
  readonly dst: StripePage;
  readonly srcs: readonly StripePage[];
  readonly range: ByteRange;
}

/** `p = Σ srcs` and `q = Σ coefs * srcs`, or added to what p and q hold already. Null leaves one of them out. */
export interface PqOp {
  readonly op: "pq";
  readonly p: StripePage | null;
  readonly q: StripePage | null;
  readonly srcs: readonly StripePage[];
  readonly coefs: readonly number[];
  readonly range: ByteRange;
  /** Add to p and q (`DMA_PREP_CONTINUE`). */
  readonly goOn: boolean;
}

/** Is `Σ srcs` zero? */
export interface XorValOp {
  readonly op: "xorVal";
  readonly srcs: readonly StripePage[];
  readonly range: ByteRange;
  readonly result: SumCheck;
}

/** Are p and q the sums of the sources? Null leaves one of them out. */
export interface PqValOp {
  readonly op: "pqVal";
  readonly p: StripePage | null;
  readonly q: StripePage | null;
  readonly srcs: readonly StripePage[];
  readonly coefs: readonly number[];
  readonly range: ByteRange;
  readonly result: SumCheck;
}

/** Bytes `start … end - 1` of a page. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** How many bytes of each page an operation works on. */
export function lengthOf(op: PageOp): number {
  return op.op === "drain" || op.op === "fill" ? op.lengthBytes : op.range.end - op.range.start;
}

/** Calls `visit` with every page that an operation reads or writes, and the bytes of it. */
export function visitPages(op: PageOp, visit: (page: StripePage, range: ByteRange) => void): void {
  switch (op.op) {
    case "drain":
    case "fill":
      visit(op.page, { start: op.pageOffset, end: op.pageOffset + op.lengthBytes });
      return;
    case "xor":
      visit(op.dst, op.range);
      break;
    case "pq":
    case "pqVal":
      if (op.p !== null) visit(op.p, op.range);
      if (op.q !== null) visit(op.q, op.range);
  }
  for (const src of op.srcs) visit(src, op.range);
}

/** A page that the operation works on. */
export function firstPage(op: PageOp): StripePage | undefined {
  return op.op === "drain" || op.op === "fill" ? op.page : op.srcs[0];
}
