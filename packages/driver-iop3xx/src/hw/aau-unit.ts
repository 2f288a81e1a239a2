import type { DmaAddr } from "@dmaengine/core/driver";
import { fillBlock, type PhysicalMemory, SumUnit } from "@dmaengine/sim";
import {
  AAU_REGISTERS,
  ADCR_BLOCK_CONTROL_SHIFT,
  ADCR_INTERRUPT_ENABLE,
  ADCR_TRANSFER_COMPLETE,
  ADCR_WRITE_ENABLE,
  ADCR_ZERO_RESULT_ENABLE,
  ADCR_ZERO_RESULT_ERROR,
  ASR_MASTER_ABORT,
  BLOCK_CONTROL,
  CHECK_BYTES,
  COMMAND_FILL,
  COMMAND_MASK,
  COMMAND_NULL,
  commandShift,
  commandWord,
  MAX_SOURCES,
  sourceWord,
  WORD_ABCR,
  WORD_ADCR,
  WORD_DAR,
  WORD_SAR1,
} from "../datasheet/aau.js";
import { MAX_COUNT, SLOT_BYTES } from "../datasheet/unit.js";
import type { Unit } from "./unit.js";

/** The Application Accelerator Unit: xor, fill and zero check. */
export class AauUnit implements Unit {
  readonly registers = AAU_REGISTERS;
  readonly masterAbort = ASR_MASTER_ABORT;
  readonly #memory: PhysicalMemory;
  readonly #sums = new SumUnit();
  readonly #pattern = new Uint32Array(1);
  readonly #patternBytes = new Uint8Array(this.#pattern.buffer);
  /** Addresses of the sources that take part. */
  readonly #srcs = new Float64Array(MAX_SOURCES);
  #srcCnt = 0;

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  alignBytes(words: Uint32Array): number {
    return blockControl(words).slots * SLOT_BYTES;
  }

  wordCount(words: Uint32Array): number {
    const { sources } = blockControl(words);
    return sources === 4 ? WORD_ADCR + 1 : sourceWord(sources - 1) + 1;
  }

  busBytes(words: Uint32Array): number {
    this.#decodeSources(words);
    return count(words) * (this.#srcCnt + 1);
  }

  execute(words: Uint32Array): number {
    const lengthBytes = count(words);
    const control = words[WORD_ADCR] as number;
    if (lengthBytes === 0) return 0;
    if (command(words, 0) === COMMAND_FILL) return this.#fill(words, lengthBytes);
    this.#decodeSources(words);
    // Assumed: the unit looks at each buffer that it has summed, and what it says in the end is true of the last one only. That is why
    // Linux checks no more than one buffer at a time.
    const checks = (control & ADCR_ZERO_RESULT_ENABLE) !== 0;
    const from = checks ? lengthBytes - (lengthBytes % CHECK_BYTES || CHECK_BYTES) : 0;
    if (!this.#read(lengthBytes, checks ? Math.max(from, 0) : 0, checks)) return ASR_MASTER_ABORT;
    this.#moveOn(words, lengthBytes);
    if (checks) {
      const { p: differs } = this.#sums.check(lengthBytes - from);
      words[WORD_ADCR] = control | ADCR_TRANSFER_COMPLETE | (differs ? ADCR_ZERO_RESULT_ERROR : 0);
      return 0;
    }
    if ((control & ADCR_WRITE_ENABLE) === 0) return 0;
    const dstAddr = words[WORD_DAR] as number;
    const dst = this.#memory.locate(dstAddr, lengthBytes);
    if (dst === null) return ASR_MASTER_ABORT;
    this.#sums.setP(dst, dstAddr);
    this.#sums.store(lengthBytes);
    return 0;
  }

  interrupts(words: Uint32Array): boolean {
    return ((words[WORD_ADCR] as number) & ADCR_INTERRUPT_ENABLE) !== 0;
  }

  writeBackWord(words: Uint32Array): number {
    return ((words[WORD_ADCR] as number) & ADCR_ZERO_RESULT_ENABLE) === 0 ? -1 : WORD_ADCR;
  }
}
