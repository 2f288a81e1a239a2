import { SUM_CHECK_P_RESULT, SUM_CHECK_Q_RESULT } from "@dmaengine/core";
import type { StripePage } from "../stripe/stripe-page.js";
import { addProducts, xorBlocks, xorsToZero } from "./cpu-kernels.js";
import { type ByteRange, lengthOf, type PageOp, type PqOp, type PqValOp, visitPages } from "./page-op.js";

/** Page operations on the CPU, at once. */
export class CpuWork {
  /** Operations so far. */
  operations = 0;
  /** Bytes that they read and wrote. */
  bytes = 0;
  readonly #onWork: ((op: PageOp["op"], bytes: number) => void) | undefined;
  /** Sums to compare with, for checks; as long as the longest check so far. */
  #sum = new Uint8Array(0);

  constructor(onWork: ((op: PageOp["op"], bytes: number) => void) | undefined) {
    this.#onWork = onWork;
  }

  /** Takes the pages from whichever engine has them, and does the operation. */
  do(op: PageOp): void {
    visitPages(op, handToCpu);
    this.#execute(op);
    const bytes = blocksTouched(op) * lengthOf(op);
    this.operations += 1;
    this.bytes += bytes;
    this.#onWork?.(op.op, bytes);
  }

  #execute(op: PageOp): void {
    switch (op.op) {
      case "drain":
        op.page.bytes.set(op.from.subarray(op.fromOffset, op.fromOffset + op.lengthBytes), op.pageOffset);
        return;
      case "fill":
        op.into.set(op.page.bytes.subarray(op.pageOffset, op.pageOffset + op.lengthBytes), op.intoOffset);
        return;
      case "xor":
        xorBlocks(block(op.dst, op.range), blocks(op.srcs, op.range));
        return;
      case "pq":
        generate(op);
        return;
      case "xorVal":
        op.result.flags = xorsToZero(blocks(op.srcs, op.range)) ? 0 : SUM_CHECK_P_RESULT;
        return;
      case "pqVal":
        this.#check(op);
        return;
    }
  }

  #check({ p, q, srcs, coefs, range, result }: PqValOp): void {
    const from = blocks(srcs, range);
    result.flags = 0;
    if (p !== null && !xorsToZero([block(p, range), ...from])) result.flags |= SUM_CHECK_P_RESULT;
    if (q === null) return;
    const lengthBytes = range.end - range.start;
    if (this.#sum.length < lengthBytes) this.#sum = new Uint8Array(lengthBytes);
    const sum = this.#sum.subarray(0, lengthBytes);
    sum.set(block(q, range));
    addProducts(sum, from, coefs);
    if (!xorsToZero([sum])) result.flags |= SUM_CHECK_Q_RESULT;
  }
}

function handToCpu(page: StripePage, range: ByteRange): void {
  page.mapping?.toCpu(range);
}

function generate({ p, q, srcs, coefs, range, goOn }: PqOp): void {
  const from = blocks(srcs, range);
  if (p !== null) {
    const to = block(p, range);
    xorBlocks(to, goOn ? [to, ...from] : from);
  }
  if (q !== null) {
    const to = block(q, range);
    if (!goOn) to.fill(0);
    addProducts(to, from, coefs);
  }
}

/** How many blocks an operation reads and writes. */
function blocksTouched(op: PageOp): number {
  switch (op.op) {
    case "drain":
    case "fill":
      return 2;
    case "xor":
      return op.srcs.length + 1;
    case "pq": {
      const outputs = (op.p === null ? 0 : 1) + (op.q === null ? 0 : 1);
      return op.srcs.length + (op.goOn ? 2 * outputs : outputs);
    }
    case "xorVal":
      return op.srcs.length;
    case "pqVal":
      return op.srcs.length + (op.p === null ? 0 : 1) + (op.q === null ? 0 : 1);
  }
}

function block(page: StripePage, range: ByteRange): Uint8Array {
  return page.bytes.subarray(range.start, range.end);
}

function blocks(pages: readonly StripePage[], range: ByteRange): Uint8Array[] {
  return pages.map((page) => block(page, range));
}
