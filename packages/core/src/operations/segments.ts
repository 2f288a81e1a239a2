import { DmaError } from "../errors.js";
import type { DmaAddr } from "../mapping/domain.js";
import { checkAddr, checkLength } from "./limits.js";
import type { BlockLimits, RangeVisitor } from "./operation.js";

/** Segments of device memory, as a mapped scatterlist has them. */
export interface DmaSegments {
  /** Where each segment starts (`sg_dma_address`). */
  readonly dmaAddr: ArrayLike<DmaAddr>;
  /** How long it is (`sg_dma_len`). */
  readonly dmaLengthBytes: ArrayLike<number>;
}

export interface SegmentLimits extends BlockLimits {
  /** Most segments in one transaction. */
  readonly maxSegments: number;
}

/** The segments of a transaction. The first `count` entries are in use. */
export interface SegmentArgs {
  readonly addrs: Float64Array;
  readonly lengthsBytes: Float64Array;
  count: number;
}

export function createSegmentArgs(limits: SegmentLimits): SegmentArgs {
  return {
    addrs: new Float64Array(limits.maxSegments),
    lengthsBytes: new Float64Array(limits.maxSegments),
    count: 0,
  };
}

/** Refuses segments that the limits forbid; returns the sum of their lengths. */
export function checkSegments(
  operation: string,
  limits: SegmentLimits,
  sgl: DmaSegments,
  count: number,
): number {
  if (!(count >= 1 && count <= limits.maxSegments && count <= sgl.dmaAddr.length)) {
    throw new DmaError(
      "ERR_DMA_LIMIT",
      count > sgl.dmaAddr.length
        ? `${operation}: segment count is ${count}, but the list has only ${sgl.dmaAddr.length}`
        : `${operation}: expected 1 to ${limits.maxSegments} segments on this channel, got ${count}`,
    );
  }
  let lengthBytes = 0;
  for (let i = 0; i < count; i++) {
    checkAddr(operation, limits, sgl.dmaAddr[i] as DmaAddr);
    checkLength(operation, limits, sgl.dmaLengthBytes[i] as number);
    lengthBytes += sgl.dmaLengthBytes[i] as number;
  }
  return lengthBytes;
}

/** Keeps the segments for the driver: the client's list may change when the prep call returns. */
export function takeSegments(args: SegmentArgs, sgl: DmaSegments, count: number): void {
  for (let i = 0; i < count; i++) {
    args.addrs[i] = sgl.dmaAddr[i] as DmaAddr;
    args.lengthsBytes[i] = sgl.dmaLengthBytes[i] as number;
  }
  args.count = count;
}

export function visitSegments(args: SegmentArgs, visit: RangeVisitor): void {
  for (let i = 0; i < args.count; i++) visit(args.addrs[i] as DmaAddr, args.lengthsBytes[i] as number);
}
