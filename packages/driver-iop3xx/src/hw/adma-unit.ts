import type { DmaAddr } from "@dmaengine/core/driver";
import {
  copyBlock,
  type DeviceAccess,
  type EngineCosts,
  fillBlock,
  type PhysicalMemory,
  SumUnit,
} from "@dmaengine/sim";
import {
  ABCR_COMPLETE,
  ABCR_P_ERROR,
  ABCR_Q_ERROR,
  ACSR_INTERNAL_MASTER_ABORT,
  ACSR_INTERNAL_TARGET_ABORT,
  ADCR_DIRECTION,
  ADCR_FILL,
  ADCR_INTERRUPT_ENABLE,
  ADCR_NOT_SIMULATED,
  ADCR_P_DISABLE,
  ADCR_PQ,
  ADCR_SOURCES_MASK,
  ADCR_SOURCES_SHIFT,
  ADCR_STATUS_WRITE_BACK,
  ADCR_ZERO_RESULT,
  ADMA_REGISTERS,
  COEF_SHIFT,
  PQ_ALIGN_BYTES,
  sourceWord,
  WORD_ABCR,
  WORD_ADCR,
  WORD_CARMD,
  WORD_DLADR,
  WORD_DUADR,
} from "../datasheet/adma.js";
import { MAX_COUNT, SLOT_BYTES } from "../datasheet/unit.js";
import type { Unit } from "./unit.js";

const HIGH_HALF = 2 ** 32;

/** An ADMA unit: copy and xor, which are the same to it, fill, zero check, P+Q and its check. */
export class AdmaUnit implements Unit {
  readonly registers = ADMA_REGISTERS;
  readonly masterAbort = ACSR_INTERNAL_MASTER_ABORT;
  readonly controlWord = WORD_ADCR;
  readonly #memory: PhysicalMemory;
  readonly #hasPq: boolean;
  readonly #sums = new SumUnit();
  readonly #pattern = new Uint32Array(1);
  readonly #patternBytes = new Uint8Array(this.#pattern.buffer);

  constructor(memory: PhysicalMemory, hasPq: boolean) {
    this.#memory = memory;
    this.#hasPq = hasPq;
  }

  alignBytes(): number {
    return SLOT_BYTES;
  }

  wordCount(words: Uint32Array): number {
    return sourceWord(sources(words));
  }

  nanos(words: Uint32Array, { setupNanos, copyBytesPerNano, sumBytesPerNano }: EngineCosts): number {
    const control = words[WORD_ADCR] as number;
    const lengthBytes = count(words);
    const srcCnt = sources(words);
    const sums = srcCnt > 1 || (control & ADCR_ZERO_RESULT) !== 0;
    const moveNanos = sums
      ? (lengthBytes * srcCnt) / sumBytesPerNano.value
      : lengthBytes / copyBytesPerNano.value;
    return setupNanos.value + Math.ceil(moveNanos);
  }

  execute(words: Uint32Array): number {
    const control = words[WORD_ADCR] as number;
    const lengthBytes = count(words);
    const isPq = (control & ADCR_PQ) !== 0;
    // Assumed: what the unit can't do looks like this.
    if ((control & ADCR_NOT_SIMULATED) !== 0 || (isPq && !this.#hasPq)) return ACSR_INTERNAL_TARGET_ABORT;
    if ((control & ADCR_DIRECTION) !== ADCR_DIRECTION) return ACSR_INTERNAL_TARGET_ABORT;
    if (lengthBytes === 0) return 0;
    if ((control & ADCR_FILL) !== 0) return this.#fill(words, lengthBytes);
    if ((control & ADCR_ZERO_RESULT) !== 0) return this.#check(words, lengthBytes, isPq);
    if (isPq) return this.#pq(words, lengthBytes);
    return sources(words) === 1 ? this.#copy(words, lengthBytes) : this.#xor(words, lengthBytes);
  }

  interrupts(words: Uint32Array): boolean {
    return ((words[WORD_ADCR] as number) & ADCR_INTERRUPT_ENABLE) !== 0;
  }

  writeBackWord(words: Uint32Array): number {
    return ((words[WORD_ADCR] as number) & ADCR_STATUS_WRITE_BACK) === 0 ? -1 : WORD_ABCR;
  }

  #fill(words: Uint32Array, lengthBytes: number): number {
    const dstAddr = destination(words);
    const dst = this.#memory.locate(dstAddr, lengthBytes, "write");
    if (dst === null) return ACSR_INTERNAL_MASTER_ABORT;
    this.#pattern[0] = words[WORD_CARMD] as number;
    fillBlock(dst, dstAddr, this.#patternBytes, lengthBytes);
    return 0;
  }

  /** What an xor of one source comes to. */
  #copy(words: Uint32Array, lengthBytes: number): number {
    const srcAddr = source(words, 0);
    const dstAddr = destination(words);
    const src = this.#memory.locate(srcAddr, lengthBytes, "read");
    if (src === null) return ACSR_INTERNAL_MASTER_ABORT;
    moveOn(words, lengthBytes);
    const dst = this.#memory.locate(dstAddr, lengthBytes, "write");
    if (dst === null) return ACSR_INTERNAL_MASTER_ABORT;
    copyBlock(src, srcAddr, dst, dstAddr, lengthBytes);
    return 0;
  }

  #xor(words: Uint32Array, lengthBytes: number): number {
    const srcCnt = sources(words);
    this.#sums.clear();
    for (let i = 0; i < srcCnt; i++) {
      if (!this.#addSource(source(words, i), 1, lengthBytes)) return ACSR_INTERNAL_MASTER_ABORT;
    }
    moveOn(words, lengthBytes);
    if (!this.#setP(destination(words), lengthBytes, "write")) return ACSR_INTERNAL_MASTER_ABORT;
    this.#sums.store(lengthBytes);
    return 0;
  }

  #pq(words: Uint32Array, lengthBytes: number): number {
    const srcCnt = sources(words);
    const p = destination(words);
    const q = (words[WORD_DUADR] as number) * HIGH_HALF + (words[WORD_CARMD] as number);
    // Assumed: what happens to a P and Q that are not alike.
    if ((p - q) % PQ_ALIGN_BYTES !== 0) return ACSR_INTERNAL_TARGET_ABORT;
    this.#sums.clear();
    for (let i = 0; i < srcCnt; i++) {
      if (!this.#addSource(pqSource(words, i), coef(words, i), lengthBytes))
        return ACSR_INTERNAL_MASTER_ABORT;
    }
    moveOn(words, lengthBytes);
    const hasP = ((words[WORD_ADCR] as number) & ADCR_P_DISABLE) === 0;
    if (hasP && !this.#setP(p, lengthBytes, "write")) return ACSR_INTERNAL_MASTER_ABORT;
    if (!this.#setQ(q, lengthBytes, "write")) return ACSR_INTERNAL_MASTER_ABORT;
    this.#sums.store(lengthBytes);
    return 0;
  }

  /**
   * Without PQ: whether the sources' sum is zero. With PQ, assumed from what Linux gives the unit: whether the next to last source is the P and the
   * last the Q of the others.
   */
  #check(words: Uint32Array, lengthBytes: number, isPq: boolean): number {
    const srcCnt = sources(words);
    const data = isPq ? srcCnt - 2 : srcCnt;
    if (data < 1) return ACSR_INTERNAL_TARGET_ABORT;
    this.#sums.clear();
    for (let i = isPq ? 0 : 1; i < data; i++) {
      const addr = isPq ? pqSource(words, i) : source(words, i);
      if (!this.#addSource(addr, coef(words, i), lengthBytes)) return ACSR_INTERNAL_MASTER_ABORT;
    }
    // The sum of all is zero if the first is the sum of the others.
    const p = isPq ? pqSource(words, data) : source(words, 0);
    const hasP = ((words[WORD_ADCR] as number) & ADCR_P_DISABLE) === 0;
    if (hasP && !this.#setP(p, lengthBytes, "read")) return ACSR_INTERNAL_MASTER_ABORT;
    if (isPq && !this.#setQ(pqSource(words, data + 1), lengthBytes, "read"))
      return ACSR_INTERNAL_MASTER_ABORT;
    moveOn(words, lengthBytes);
    const differs = this.#sums.check(lengthBytes);
    words[WORD_ABCR] =
      (words[WORD_ABCR] as number) |
      ABCR_COMPLETE |
      (differs.p ? ABCR_P_ERROR : 0) |
      (differs.q ? ABCR_Q_ERROR : 0);
    return 0;
  }

  #addSource(addr: DmaAddr, coefficient: number, lengthBytes: number): boolean {
    const window = this.#memory.locate(addr, lengthBytes, "read");
    if (window === null) return false;
    this.#sums.addSource(window, addr, coefficient);
    return true;
  }

  #setP(addr: DmaAddr, lengthBytes: number, access: DeviceAccess): boolean {
    const window = this.#memory.locate(addr, lengthBytes, access);
    if (window === null) return false;
    this.#sums.setP(window, addr);
    return true;
  }

  #setQ(addr: DmaAddr, lengthBytes: number, access: DeviceAccess): boolean {
    const window = this.#memory.locate(addr, lengthBytes, access);
    if (window === null) return false;
    this.#sums.setQ(window, addr);
    return true;
  }
}

function count(words: Uint32Array): number {
  return (words[WORD_ABCR] as number) & MAX_COUNT;
}

function sources(words: Uint32Array): number {
  return (((words[WORD_ADCR] as number) >>> ADCR_SOURCES_SHIFT) & ADCR_SOURCES_MASK) + 1;
}

function destination(words: Uint32Array): DmaAddr {
  return (words[WORD_DUADR] as number) * HIGH_HALF + (words[WORD_DLADR] as number);
}

function source(words: Uint32Array, i: number): DmaAddr {
  const word = sourceWord(i);
  return (words[word + 1] as number) * HIGH_HALF + (words[word] as number);
}

/** With PQ the top byte of the upper half is the coefficient. */
function pqSource(words: Uint32Array, i: number): DmaAddr {
  const word = sourceWord(i);
  return ((words[word + 1] as number) % 2 ** COEF_SHIFT) * HIGH_HALF + (words[word] as number);
}

function coef(words: Uint32Array, i: number): number {
  return (words[sourceWord(i) + 1] as number) >>> COEF_SHIFT;
}

/** All sources were read: their registers show it. */
function moveOn(words: Uint32Array, lengthBytes: number): void {
  for (let i = 0; i < sources(words); i++) {
    const word = sourceWord(i);
    words[word] = (words[word] as number) + lengthBytes;
  }
}
