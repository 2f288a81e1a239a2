import type { Block } from "../kernels/kernels.js";
import type { SumMode } from "../kernels/sum.js";
import { kernelNumber } from "./kernel-module.js";
import { Slot } from "./slot.js";
import { QForm } from "./sum-kernel.js";

/** A linear memory as slots are written into it. */
export interface SlotMemory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

/**
 * Fills in the slot at `slot` for a sum, and returns the number of its kernel. Operands lie in the same memory. `run` is what
 * `powerRun` says of the coefficients; without Q it does not matter.
 */
export function writeSum(
  { bytes, words }: SlotMemory,
  slot: number,
  p: Block | null,
  q: Block | null,
  srcs: readonly Block[],
  coefs: Uint8Array,
  srcCnt: number,
  run: -1 | 0 | 1,
  lengthBytes: number,
  mode: SumMode,
): number {
  const word = slot / 4;
  words[word + Slot.LENGTH_BYTES / 4] = lengthBytes;
  words[word + Slot.SRC_CNT / 4] = srcCnt;
  if (p !== null) words[word + Slot.P / 4] = p.start;
  if (q === null) {
    for (let i = 0; i < srcCnt; i++) words[word + Slot.SRCS / 4 + i] = srcs[i]!.start;
    return kernelNumber(true, QForm.NONE, mode, srcCnt);
  }
  words[word + Slot.Q / 4] = q.start;
  for (let i = 0; i < srcCnt; i++) {
    const at = slotIndex(i, srcCnt, run);
    words[word + Slot.SRCS / 4 + at] = srcs[i]!.start;
    bytes[slot + Slot.COEFS + at] = coefs[i]!;
  }
  words[word + Slot.LOWEST_COEF / 4] = bytes[slot + Slot.COEFS + srcCnt - 1]!;
  return kernelNumber(p !== null, run === 0 ? QForm.PRODUCTS : QForm.POWERS, mode, srcCnt);
}

/** Where source `i` stands in the slot: the highest power comes first. */
export function slotIndex(i: number, srcCnt: number, run: -1 | 0 | 1): number {
  return run < 0 ? srcCnt - 1 - i : i;
}
