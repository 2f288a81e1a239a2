import type { AddressWindow, DmaAddr } from "@dmaengine/core/driver";

/** What a fill engine does: `pattern` again and again, from its first byte on, wherever `dstAddr` is. */
export function fillBlock(
  dst: AddressWindow,
  dstAddr: DmaAddr,
  pattern: Uint8Array,
  lengthBytes: number,
): void {
  const { bytes } = dst;
  const at = dstAddr - dst.base;
  for (let i = 0, n = 0; i < lengthBytes; i++) {
    bytes[at + i] = pattern[n] as number;
    n = n + 1 === pattern.length ? 0 : n + 1;
  }
}
