import {
  DMA_PREP_CONTINUE,
  DMA_PREP_INTERRUPT,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  SUM_CHECK_P_RESULT,
  SUM_CHECK_Q_RESULT,
} from "@dmaengine/core";
import type { DmaAddr, DmaTx } from "@dmaengine/core/driver";
import {
  ABCR_COMPLETE,
  ABCR_P_ERROR,
  ABCR_Q_ERROR,
  ACSR_INTERNAL_TARGET_ABORT,
  ADCR_DIRECTION,
  ADCR_FILL,
  ADCR_INTERRUPT_ENABLE,
  ADCR_P_DISABLE,
  ADCR_PQ,
  ADCR_SOURCES_SHIFT,
  ADCR_STATUS_WRITE_BACK,
  ADCR_ZERO_RESULT,
  ADMA_REGISTERS,
  COEF_SHIFT,
  MAX_SOURCES,
  PQ_ALIGN_BYTES,
  slotsFor,
  sourceWord,
  WORD_ABCR,
  WORD_ADCR,
  WORD_CARMD,
  WORD_DLADR,
} from "../datasheet/adma.js";
import { MAX_COUNT } from "../datasheet/unit.js";
import type { DescriptorFormat, IopTx } from "./format.js";

const CHECK = ADCR_ZERO_RESULT | ADCR_STATUS_WRITE_BACK;

/**
 * Descriptors of the ADMA units, after mach/adma.h of iop13xx. Upper halves of addresses are left 0.
 *
 * The unit can leave P out, but not Q: P alone is an xor. (Linux ignores `DMA_PREP_PQ_DISABLE_Q`.)
 */
export class AdmaFormat implements DescriptorFormat {
  readonly registers = ADMA_REGISTERS;
  readonly limits = {
    memcpy: { maxLengthBytes: MAX_COUNT },
    memset: { maxLengthBytes: MAX_COUNT },
    xor: { maxSources: MAX_SOURCES, maxLengthBytes: MAX_COUNT },
    xorVal: { maxSources: MAX_SOURCES, maxLengthBytes: MAX_COUNT },
    // P and Q must be alike in their lowest bits, which no limit can say but that all of them are zero.
    pq: {
      maxSources: MAX_SOURCES,
      continuation: false,
      alignBytes: PQ_ALIGN_BYTES,
      maxLengthBytes: MAX_COUNT + 1 - PQ_ALIGN_BYTES,
    },
    // P and Q are sources, too. (Linux says 16, which its descriptor has no room for.)
    pqVal: { maxSources: MAX_SOURCES - 2, continuation: false, maxLengthBytes: MAX_COUNT },
    interrupt: {},
  };
  readonly mostSlots = slotsFor(MAX_SOURCES);
  readonly aligned = false;
  readonly sourceWord = sourceWord(0);
  readonly descriptorErrors = ACSR_INTERNAL_TARGET_ABORT;
  /** How many sources the descriptor at hand has so far. */
  #srcCnt = 0;

  slots(tx: IopTx): number {
    switch (tx.operation) {
      case "memcpy":
      case "memset":
      case "interrupt":
        return 1;
      case "xor":
      case "xorVal":
        return slotsFor(tx.args.srcCnt);
      case "pq":
        return slotsFor(tx.args.srcCnt + continuationSources(tx.flags));
      case "pqVal":
        return slotsFor(tx.args.srcCnt + (hasQ(tx.flags) ? 2 : 1));
    }
  }

  pieces(): number {
    return 1;
  }

  write(words: Uint32Array, at: number, tx: IopTx): void {
    this.#srcCnt = 0;
    let control = ADCR_DIRECTION | ((tx.flags & DMA_PREP_INTERRUPT) === 0 ? 0 : ADCR_INTERRUPT_ENABLE);
    switch (tx.operation) {
      case "interrupt":
        words[at + WORD_ADCR] = control;
        return;
      case "memset":
        // The unit fills with a word, the client with a byte.
        words[at + WORD_CARMD] = tx.args.value * 0x01010101;
        words[at + WORD_DLADR] = tx.args.dst;
        words[at + WORD_ADCR] = control | ADCR_FILL;
        words[at + WORD_ABCR] = tx.args.lengthBytes;
        return;
      case "memcpy":
        words[at + WORD_DLADR] = tx.args.dst;
        this.#addSource(words, at, tx.args.src);
        break;
      case "xor":
        words[at + WORD_DLADR] = tx.args.dst;
        this.#addSources(words, at, tx.args.srcs, tx.args.srcCnt);
        break;
      case "xorVal":
        control |= CHECK;
        this.#addSources(words, at, tx.args.srcs, tx.args.srcCnt);
        break;
      case "pq":
        control |= this.#writePq(words, at, tx);
        break;
      case "pqVal":
        control |= CHECK | this.#writePqVal(words, at, tx);
    }
    words[at + WORD_ADCR] = control | ((this.#srcCnt - 1) << ADCR_SOURCES_SHIFT);
    words[at + WORD_ABCR] = tx.args.lengthBytes;
  }

  /** A copy of nothing. */
  writeNull(words: Uint32Array, at: number): void {
    words[at + WORD_ADCR] = ADCR_DIRECTION;
  }

  verdict(words: Uint32Array, at: number): number | null {
    const status = words[at + WORD_ABCR] as number;
    if ((status & ABCR_COMPLETE) === 0) return null;
    return (
      ((status & ABCR_P_ERROR) === 0 ? 0 : SUM_CHECK_P_RESULT) |
      ((status & ABCR_Q_ERROR) === 0 ? 0 : SUM_CHECK_Q_RESULT)
    );
  }

  /** Returns control bits. */
  #writePq(words: Uint32Array, at: number, { args, flags }: DmaTx<"pq">): number {
    const goesOn = (flags & DMA_PREP_CONTINUE) !== 0;
    const hasP = (flags & DMA_PREP_PQ_DISABLE_P) === 0;
    if (!hasQ(flags)) {
      words[at + WORD_DLADR] = args.p;
      this.#addSources(words, at, args.srcs, args.srcCnt);
      if (goesOn) this.#addSource(words, at, args.p);
      return 0;
    }
    words[at + WORD_DLADR] = hasP ? args.p : args.q % PQ_ALIGN_BYTES;
    words[at + WORD_CARMD] = args.q;
    this.#addSources(words, at, args.srcs, args.srcCnt, args.coefs);
    if (goesOn) {
      // The unit can't continue: what P and Q hold goes in as sources, with coefficients that keep each out of the other's sum.
      // With P: P once, and Q twice, which cancels in P. Without P nothing is to be kept out of it.
      if (hasP) this.#addSource(words, at, args.p, 0);
      this.#addSource(words, at, args.q, 1);
      if (hasP) this.#addSource(words, at, args.q, 0);
    }
    return ADCR_PQ | (hasP ? 0 : ADCR_P_DISABLE);
  }

  /** Returns control bits. */
  #writePqVal(words: Uint32Array, at: number, { args, flags }: DmaTx<"pqVal">): number {
    if (!hasQ(flags)) {
      this.#addSources(words, at, args.srcs, args.srcCnt);
      this.#addSource(words, at, args.p);
      return 0;
    }
    const hasP = (flags & DMA_PREP_PQ_DISABLE_P) === 0;
    this.#addSources(words, at, args.srcs, args.srcCnt, args.coefs);
    this.#addSource(words, at, hasP ? args.p : args.q);
    this.#addSource(words, at, args.q);
    return ADCR_PQ | (hasP ? 0 : ADCR_P_DISABLE);
  }

  #addSources(
    words: Uint32Array,
    at: number,
    srcs: ArrayLike<DmaAddr>,
    srcCnt: number,
    coefs?: Uint8Array,
  ): void {
    for (let i = 0; i < srcCnt; i++) this.#addSource(words, at, srcs[i] as DmaAddr, coefs?.[i]);
  }

  #addSource(words: Uint32Array, at: number, addr: DmaAddr, coef = 0): void {
    const word = at + sourceWord(this.#srcCnt);
    words[word] = addr;
    words[word + 1] = coef << COEF_SHIFT;
    this.#srcCnt += 1;
  }
}

function hasQ(flags: number): boolean {
  return (flags & DMA_PREP_PQ_DISABLE_Q) === 0;
}

/** How many sources it takes to go on with a sum. */
function continuationSources(flags: number): number {
  if ((flags & DMA_PREP_CONTINUE) === 0) return 0;
  return hasQ(flags) && (flags & DMA_PREP_PQ_DISABLE_P) === 0 ? 3 : 1;
}
