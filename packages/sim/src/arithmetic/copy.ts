import type { AddressWindow, DmaAddr } from "@dmaengine/core/driver";
import { wordIndex } from "../memory.js";

/**
 * What a copy engine does: words where source and destination are aligned alike, and bytes otherwise. Makes no views, which would be
 * garbage of every descriptor.
 */
export function copyBlock(
  src: AddressWindow,
  srcAddr: DmaAddr,
  dst: AddressWindow,
  dstAddr: DmaAddr,
  lengthBytes: number,
): void {
  const srcAt = srcAddr - src.base;
  const dstAt = dstAddr - dst.base;
  const alike = ((srcAt ^ dstAt) & 3) === 0;
  const headBytes = alike ? Math.min(-srcAt & 3, lengthBytes) : lengthBytes;
  const words = (lengthBytes - headBytes) >>> 2;
  const tailAt = headBytes + 4 * words;
  for (let i = 0; i < headBytes; i++) dst.bytes[dstAt + i] = src.bytes[srcAt + i] as number;
  copyWords(src.words, wordIndex(srcAt + headBytes), dst.words, wordIndex(dstAt + headBytes), words);
  for (let i = tailAt; i < lengthBytes; i++) dst.bytes[dstAt + i] = src.bytes[srcAt + i] as number;
}

/** Copies `count` words from index to index. A loop of its own, which the compiler keeps free of everything else. */
export function copyWords(
  src: Uint32Array,
  srcAt: number,
  dst: Uint32Array,
  dstAt: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) dst[dstAt + i] = src[srcAt + i] as number;
}
