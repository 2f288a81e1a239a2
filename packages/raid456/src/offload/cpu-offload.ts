import { SUM_CHECK_P_RESULT, SUM_CHECK_Q_RESULT } from "@dmaengine/core";
import type { StripePage } from "../stripe/stripe-page.js";
import { addProducts, xorBlocks, xorsToZero } from "./cpu-kernels.js";
import type { Offload } from "./offload.js";
import type { ByteRange, PageOp, PqOp, PqValOp } from "./page-op.js";

/** Scenario 0: the CPU does every operation, at once. Nothing is mapped. */
export class CpuOffload implements Offload {
  readonly scenario = 0;
  readonly #plan: readonly string[];
  /** Sums to compare with, for checks; as long as the longest check so far. */
  #sum = new Uint8Array(0);

  constructor(plan: readonly string[]) {
    this.#plan = plan;
  }

  explain(): readonly string[] {
    return this.#plan;
  }

  alloc(sizeBytes: number): Uint8Array {
    return new Uint8Array(sizeBytes);
  }

  free(): void {}

  map(): null {
    return null;
  }

  async run(chain: readonly PageOp[]): Promise<void> {
    for (const op of chain) this.#execute(op);
  }

  close(): void {}

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

function block(page: StripePage, range: ByteRange): Uint8Array {
  return page.bytes.subarray(range.start, range.end);
}

function blocks(pages: readonly StripePage[], range: ByteRange): Uint8Array[] {
  return pages.map((page) => block(page, range));
}
