import type { AddressWindow } from "@dmaengine/core/driver";
import { type PhysicalMemory, wordIndex } from "@dmaengine/sim";
import { CHANERR_READ_DATA, CHANERR_WRITE_DATA, FIELD_DST, FIELD_SRC } from "../datasheet.js";
import type { FetchedDescriptor } from "./descriptor.js";

/** Does a copy descriptor's work. Returns 0, or CHANERR bits, and then nothing was written. */
export function executeCopy(memory: PhysicalMemory, descriptor: FetchedDescriptor): number {
  const { sizeBytes } = descriptor;
  const srcAddr = descriptor.field(FIELD_SRC);
  const dstAddr = descriptor.field(FIELD_DST);
  const src = memory.locate(srcAddr, sizeBytes);
  if (src === null) return CHANERR_READ_DATA;
  const dst = memory.locate(dstAddr, sizeBytes);
  if (dst === null) return CHANERR_WRITE_DATA;
  copy(src, srcAddr - src.base, dst, dstAddr - dst.base, sizeBytes);
  return 0;
}

/**
 * Copies words where source and destination are aligned alike, and bytes otherwise. Makes no views, which would be garbage
 * of every descriptor.
 */
function copy(
  src: AddressWindow,
  srcAt: number,
  dst: AddressWindow,
  dstAt: number,
  lengthBytes: number,
): void {
  const alike = ((srcAt ^ dstAt) & 3) === 0;
  const headBytes = alike ? Math.min(-srcAt & 3, lengthBytes) : lengthBytes;
  const words = (lengthBytes - headBytes) >>> 2;
  const tailAt = headBytes + 4 * words;
  for (let i = 0; i < headBytes; i++) dst.bytes[dstAt + i] = src.bytes[srcAt + i] as number;
  copyWords(src.words, wordIndex(srcAt + headBytes), dst.words, wordIndex(dstAt + headBytes), words);
  for (let i = tailAt; i < lengthBytes; i++) dst.bytes[dstAt + i] = src.bytes[srcAt + i] as number;
}

function copyWords(src: Uint32Array, srcAt: number, dst: Uint32Array, dstAt: number, count: number): void {
  for (let i = 0; i < count; i++) dst[dstAt + i] = src[srcAt + i] as number;
}
