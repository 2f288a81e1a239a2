import type { Block } from "./kernels.js";

/** From here on the platform's own copy is faster than a loop over words. Measured on Node 20 and 24. */
const PLATFORM_MIN_BYTES = 512;

/** The parts of Node's globals that are of use. */
interface NodeGlobals {
  readonly process?: { readonly versions?: { readonly node?: string } };
  readonly Buffer?: {
    readonly prototype: {
      copy(this: Uint8Array, target: Uint8Array, targetStart: number, start: number, end: number): number;
    };
  };
}

/** From Node 22 on its buffers copy parts of themselves by `memmove` whatever the memory (nodejs/node#54087), and without a view of the source. */
const { process, Buffer } = globalThis as NodeGlobals;
const nodeCopy = parseInt(process?.versions?.node ?? "0", 10) >= 22 ? Buffer?.prototype.copy : undefined;

/**
 * Whether {@link copy} is slow between buffers of which one is shared: V8's `set` goes word by word then, and byte by byte where one operand lies
 * otherwise in its words than the other.
 */
export const COPIES_BY_WORDS = nodeCopy === undefined;

export function copy(dst: Block, src: Block, lengthBytes: number): void {
  const { bytes, start } = src;
  if (dst.bytes === bytes) dst.bytes.copyWithin(dst.start, start, start + lengthBytes);
  else if (lengthBytes < PLATFORM_MIN_BYTES) copyShort(dst, src, lengthBytes);
  else if (nodeCopy !== undefined) nodeCopy.call(bytes, dst.bytes, dst.start, start, start + lengthBytes);
  else dst.bytes.set(bytes.subarray(start, start + lengthBytes), dst.start);
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
