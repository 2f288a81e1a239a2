import type { Block } from "./kernels.js";

/**
 * From here on the platform's own copy is faster than a loop over words, although it needs a view of the source,
 * which is an allocation. Measured on Node 20 and 24.
 */
const VIEW_MIN_BYTES = 512;

export function copy(dst: Block, src: Block, lengthBytes: number): void {
  if (dst.bytes === src.bytes) {
    dst.bytes.copyWithin(dst.start, src.start, src.start + lengthBytes);
  } else if (lengthBytes >= VIEW_MIN_BYTES) {
    dst.bytes.set(src.bytes.subarray(src.start, src.start + lengthBytes), dst.start);
  } else {
    copyShort(dst, src, lengthBytes);
  }
}

function copyShort(dst: Block, src: Block, lengthBytes: number): void {
  let at = 0;
  if (((dst.start | src.start) & 3) === 0) {
    const from = src.words;
    const to = dst.words;
    const s = src.start / 4;
    const d = dst.start / 4;
    const count = lengthBytes >>> 2;
    for (let i = 0; i < count; i++) to[d + i] = from[s + i]!;
    at = 4 * count;
  }
  for (; at < lengthBytes; at++) dst.bytes[dst.start + at] = src.bytes[src.start + at]!;
}
