import { DmaError } from "../errors.js";
import type { DmaAddr } from "../mapping/domain.js";
import type { BlockLimits } from "./operation.js";

/** Refuses a length that the limits forbid. */
export function checkLength(operation: string, limits: BlockLimits, lengthBytes: number): void {
  const min = limits.minLengthBytes ?? 1;
  const max = limits.maxLengthBytes ?? Number.MAX_SAFE_INTEGER;
  const align = limits.alignBytes ?? 1;
  if (lengthBytes >= min && lengthBytes <= max && lengthBytes % align === 0) return;
  throw new DmaError(
    "ERR_DMA_LIMIT",
    `${operation}: expected a length from ${min} to ${max} bytes in steps of ${align}, got ${lengthBytes}`,
  );
}

/** Refuses an address that is no address or not aligned as the limits want it. */
export function checkAddr(operation: string, limits: BlockLimits, addr: DmaAddr): void {
  const align = limits.alignBytes ?? 1;
  if (addr >= 0 && addr % align === 0) return;
  throw new DmaError(
    "ERR_DMA_LIMIT",
    addr >= 0
      ? `${operation}: expected bus addresses aligned to ${align} bytes, got 0x${addr.toString(16)}`
      : `${operation}: expected a bus address, got ${addr}: test what a mapping call returns with dmaMappingError()`,
  );
}

/** Refuses a number of sources outside `min … max`, or beyond the list that holds them. */
export function checkSources(
  operation: string,
  srcs: ArrayLike<DmaAddr>,
  srcCnt: number,
  min: number,
  max: number,
): void {
  if (srcCnt >= min && srcCnt <= max && srcCnt <= srcs.length) return;
  throw new DmaError(
    "ERR_DMA_LIMIT",
    srcCnt > srcs.length
      ? `${operation}: source count is ${srcCnt}, but only ${srcs.length} addresses were given`
      : `${operation}: expected ${min} to ${max} sources on this channel, got ${srcCnt}`,
  );
}
