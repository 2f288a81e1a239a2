import type { DmaAddr } from "@dmaengine/core/driver";
import { type EngineCosts, fillBlock, type PhysicalMemory, SumUnit } from "@dmaengine/sim";
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
  COMMAND_DIRECT_FILL,
  COMMAND_FILL,
  COMMAND_MASK,
  COMMAND_NULL,
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
import { MAX_COUNT, SLOT_BYTES } from "../datasheet/unit.js";
import type { Unit } from "./unit.js";

/** The Application Accelerator Unit: xor, fill and zero check. */
export class AauUnit implements Unit {
  readonly registers = AAU_REGISTERS;
  readonly masterAbort = ASR_MASTER_ABORT;
  readonly controlWord = WORD_ADCR;
  readonly #memory: PhysicalMemory;
  readonly #hasZeroCheck: boolean;
  readonly #sums = new SumUnit();
  readonly #pattern = new Uint32Array(1);
  readonly #patternBytes = new Uint8Array(this.#pattern.buffer);
  /** Addresses of the sources that take part. */
  readonly #srcs = new Float64Array(MAX_SOURCES);
  #srcCnt = 0;

  constructor(memory: PhysicalMemory, hasZeroCheck: boolean) {
    this.#memory = memory;
    this.#hasZeroCheck = hasZeroCheck;
  }

  alignBytes(words: Uint32Array): number {
    return blockControl(words).slots * SLOT_BYTES;
  }

  wordCount(words: Uint32Array): number {
    const { sources } = blockControl(words);
    return sources === 4 ? WORD_ADCR + 1 : sourceWord(sources - 1) + 1;
  }

  nanos(words: Uint32Array, { setupNanos, copyBytesPerNano, sumBytesPerNano }: EngineCosts): number {
    const lengthBytes = count(words);
    if (commandOf(words, 0) === COMMAND_FILL) {
      return setupNanos.value + Math.ceil(lengthBytes / copyBytesPerNano.value);
    }
    this.#decodeSources(words);
    return setupNanos.value + Math.ceil((lengthBytes * this.#srcCnt) / sumBytesPerNano.value);
  }

  execute(words: Uint32Array): number {
    const lengthBytes = count(words);
    if (lengthBytes === 0) return 0;
    if (commandOf(words, 0) === COMMAND_FILL) return this.#fill(words, lengthBytes);
    if (!this.#decodeSources(words)) return ASR_MASTER_ABORT;
    const checks = ((words[WORD_ADCR] as number) & ADCR_ZERO_RESULT_ENABLE) !== 0;
    if (!checks) return this.#xor(words, lengthBytes);
    // Assumed: how a unit without the check refuses it.
    return this.#hasZeroCheck ? this.#check(words, lengthBytes) : ASR_MASTER_ABORT;
  }

  interrupts(words: Uint32Array): boolean {
    return ((words[WORD_ADCR] as number) & ADCR_INTERRUPT_ENABLE) !== 0;
  }

  writeBackWord(words: Uint32Array): number {
    return ((words[WORD_ADCR] as number) & ADCR_ZERO_RESULT_ENABLE) === 0 ? -1 : WORD_ADCR;
  }

  #fill(words: Uint32Array, lengthBytes: number): number {
    const dstAddr = words[WORD_DAR] as number;
    const dst = this.#memory.locate(dstAddr, lengthBytes, "write");
    if (dst === null) return ASR_MASTER_ABORT;
    this.#pattern[0] = words[WORD_SAR1] as number;
    fillBlock(dst, dstAddr, this.#patternBytes, lengthBytes);
    return 0;
  }

  #xor(words: Uint32Array, lengthBytes: number): number {
    this.#sums.clear();
    for (let i = 0; i < this.#srcCnt; i++) {
      const addr = this.#srcs[i] as DmaAddr;
      const window = this.#memory.locate(addr, lengthBytes, "read");
      if (window === null) return ASR_MASTER_ABORT;
      this.#sums.addSource(window, addr);
    }
    this.#moveOn(words, lengthBytes);
    if (((words[WORD_ADCR] as number) & ADCR_WRITE_ENABLE) === 0) return 0;
    const dstAddr = words[WORD_DAR] as number;
    const dst = this.#memory.locate(dstAddr, lengthBytes, "write");
    if (dst === null) return ASR_MASTER_ABORT;
    this.#sums.setP(dst, dstAddr);
    this.#sums.store(lengthBytes);
    return 0;
  }

  /**
   * Assumed: the unit looks at each buffer that it has summed, and what it says in the end is true of the last one only. That is why Linux checks
   * no more than one buffer with one descriptor.
   */
  #check(words: Uint32Array, lengthBytes: number): number {
    const lastBytes = lengthBytes % CHECK_BYTES || CHECK_BYTES;
    const before = lengthBytes - lastBytes;
    this.#sums.clear();
    for (let i = 0; i < this.#srcCnt; i++) {
      const addr = this.#srcs[i] as DmaAddr;
      const window = this.#memory.locate(addr, lengthBytes, "read");
      if (window === null) return ASR_MASTER_ABORT;
      // The sum of all is zero if the first is the sum of the others.
      if (i === 0) this.#sums.setP(window, addr + before);
      else this.#sums.addSource(window, addr + before);
    }
    this.#moveOn(words, lengthBytes);
    const error = this.#sums.check(lastBytes).p ? ADCR_ZERO_RESULT_ERROR : 0;
    words[WORD_ADCR] = (words[WORD_ADCR] as number) | ADCR_TRANSFER_COMPLETE | error;
    return 0;
  }

  /** False if there is a block command that the block does not have, which is assumed to be an error. */
  #decodeSources(words: Uint32Array): boolean {
    const { sources } = blockControl(words);
    this.#srcCnt = 0;
    for (let i = 0; i < sources; i++) {
      const command = commandOf(words, i);
      if (command === COMMAND_NULL) continue;
      if (command !== COMMAND_XOR && !(command === COMMAND_DIRECT_FILL && i === 0)) return false;
      this.#srcs[this.#srcCnt] = words[sourceWord(i)] as number;
      this.#srcCnt += 1;
    }
    return true;
  }

  /** All sources were read: their registers show it. */
  #moveOn(words: Uint32Array, lengthBytes: number): void {
    const { sources } = blockControl(words);
    for (let i = 0; i < sources; i++) {
      const word = sourceWord(i);
      if (commandOf(words, i) !== COMMAND_NULL) words[word] = (words[word] as number) + lengthBytes;
    }
  }
}

function count(words: Uint32Array): number {
  return (words[WORD_ABCR] as number) & MAX_COUNT;
}

function blockControl(words: Uint32Array): (typeof BLOCK_CONTROL)[number] {
  const index = ((words[WORD_ADCR] as number) >>> ADCR_BLOCK_CONTROL_SHIFT) & 3;
  return BLOCK_CONTROL[index] as (typeof BLOCK_CONTROL)[number];
}

/** The block command of a source. */
function commandOf(words: Uint32Array, source: number): number {
  return ((words[commandWord(source)] as number) >>> commandShift(source)) & COMMAND_MASK;
}
