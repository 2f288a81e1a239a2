import type { Block } from "./kernels.js";

export function fill(dst: Block, value: number, lengthBytes: number): void {
  dst.bytes.fill(value, dst.start, dst.start + lengthBytes);
}
