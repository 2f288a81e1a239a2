import { DMA_PREP_INTERRUPT, SUM_CHECK_P_RESULT } from "@dmaengine/core";
import type { DmaAddr } from "@dmaengine/core/driver";
import {
  AAU_REGISTERS,
  ADCR_BLOCK_CONTROL_SHIFT,
  ADCR_INTERRUPT_ENABLE,
  ADCR_TRANSFER_COMPLETE,
  ADCR_WRITE_ENABLE,
  ADCR_ZERO_RESULT_ENABLE,
  ADCR_ZERO_RESULT_ERROR,
  BLOCK_CONTROL,
  CHECK_BYTES,
  COMMAND_DIRECT_FILL,
  COMMAND_FILL,
  COMMAND_XOR,
  commandShift,
  commandWord,
  MAX_SOURCES,
  sourceWord,
  WORD_ABCR,
  WORD_ADCR,
  WORD_DAR,
  WORD_SAR1,
} from "../datasheet/aau.js";
import { MAX_COUNT } from "../datasheet/unit.js";
import type { DescriptorFormat, IopTx } from "./format.js";

/** Descriptors of the AAU, after iop3xx-adma.h (`iop3xx_desc_aau`). */
export class AauFormat implements DescriptorFormat {
  readonly registers = AAU_REGISTERS;
  readonly limits;
  readonly mostSlots = slotsFor(MAX_SOURCES);
  readonly aligned = true;
  readonly sourceWord = WORD_SAR1;
  readonly descriptorErrors = 0;

  /** @param slotCount - slots of the unit's pool, which limits checks. */
  constructor(slotCount: number) {
    const checks = Math.floor(slotCount / this.mostSlots) - 1;
    this.limits = {
      xor: { maxSources: MAX_SOURCES, maxLengthBytes: MAX_COUNT },
      xorVal: { maxSources: MAX_SOURCES, maxLengthBytes: checks * CHECK_BYTES },
      memset: { maxLengthBytes: MAX_COUNT },
      interrupt: {},
    };
  }

  slots(tx: IopTx): number {
    if (tx.operation !== "xor" && tx.operation !== "xorVal") return 1;
    return slotsFor(tx.args.srcCnt);
  }

  pieces(tx: IopTx): number {
    return tx.operation === "xorVal" ? Math.ceil(tx.args.lengthBytes / CHECK_BYTES) : 1;
  }

  write(words: Uint32Array, at: number, tx: IopTx, piece: number): void {
    const isLast = piece === this.pieces(tx) - 1;
    let control = isLast && (tx.flags & DMA_PREP_INTERRUPT) !== 0 ? ADCR_INTERRUPT_ENABLE : 0;
    switch (tx.operation) {
      case "memset":
        control |= ADCR_WRITE_ENABLE | (COMMAND_FILL << commandShift(0));
        // The unit fills with a word, the client with a byte.
        words[at + WORD_SAR1] = tx.args.value * 0x01010101;
        words[at + WORD_DAR] = tx.args.dst;
        words[at + WORD_ABCR] = tx.args.lengthBytes;
        break;
      case "xor":
        control |= ADCR_WRITE_ENABLE;
        writeSources(words, at, tx.args.srcs, tx.args.srcCnt, 0);
        words[at + WORD_DAR] = tx.args.dst;
        words[at + WORD_ABCR] = tx.args.lengthBytes;
        break;
      case "xorVal": {
        const from = piece * CHECK_BYTES;
        control |= ADCR_ZERO_RESULT_ENABLE;
        writeSources(words, at, tx.args.srcs, tx.args.srcCnt, from);
        words[at + WORD_ABCR] = Math.min(CHECK_BYTES, tx.args.lengthBytes - from);
        break;
      }
    }
    words[at + WORD_ADCR]! |= control;
  }

  /** An xor of nothing. */
  writeNull(words: Uint32Array, at: number): void {
    words[at + WORD_ADCR] = 0;
  }

  verdict(words: Uint32Array, at: number): number | null {
    const control = words[at + WORD_ADCR] as number;
    if ((control & ADCR_TRANSFER_COMPLETE) === 0) return null;
    return (control & ADCR_ZERO_RESULT_ERROR) === 0 ? 0 : SUM_CHECK_P_RESULT;
  }
}

function blockControlFor(srcCnt: number): number {
  return BLOCK_CONTROL.findIndex(({ sources }) => srcCnt <= sources);
}

function slotsFor(srcCnt: number): number {
  return (BLOCK_CONTROL[blockControlFor(srcCnt)] as (typeof BLOCK_CONTROL)[number]).slots;
}

/** Addresses and commands of all sources, from byte `from` of each on. */
function writeSources(
  words: Uint32Array,
  at: number,
  srcs: ArrayLike<DmaAddr>,
  srcCnt: number,
  from: number,
): void {
  for (let i = 0; i < srcCnt; i++) {
    words[at + sourceWord(i)] = (srcs[i] as DmaAddr) + from;
    words[at + commandWord(i)]! |= (i === 0 ? COMMAND_DIRECT_FILL : COMMAND_XOR) << commandShift(i);
  }
  words[at + WORD_ADCR]! |= blockControlFor(srcCnt) << ADCR_BLOCK_CONTROL_SHIFT;
}
