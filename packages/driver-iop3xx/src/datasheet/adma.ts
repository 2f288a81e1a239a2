/**
 * The ADMA units of iop13xx: registers and descriptors, under the names of arch/arm/mach-iop13xx/include/mach/adma.h (Linux 3.1).
 * All that hardware half and driver half have in common.
 *
 * @module
 */

import type { UnitRegisters } from "./unit.js";

export const ACSR_INTERNAL_MASTER_ABORT = 1 << 3;
export const ACSR_INTERNAL_TARGET_ABORT = 1 << 4;
const ACSR_MEMORY_CONTROLLER_ABORT = 1 << 5;
const ACSR_PARITY = 1 << 9;

export const MAX_SOURCES = 16;

export const ADMA_REGISTERS: UnitRegisters = {
  control: { name: "ACCR", offset: 0x00 },
  status: { name: "ACSR", offset: 0x04 },
  current: { name: "ADAR", offset: 0x08 },
  nextOffset: 0x24,
  words: [
    "ANDAR",
    "ADCR",
    "CARMD",
    "ABCR",
    "DLADR",
    "DUADR",
    ...Array.from({ length: MAX_SOURCES }, (_, n) => [`SLAR${n}`, `SUAR${n}`]).flat(),
  ],
  endOfChain: 1 << 11,
  endOfTransfer: 1 << 12,
  active: 1 << 13,
  errors:
    ACSR_INTERNAL_MASTER_ABORT | ACSR_INTERNAL_TARGET_ABORT | ACSR_MEMORY_CONTROLLER_ABORT | ACSR_PARITY,
};

// Words of a descriptor.

export const WORD_ADCR = 1;
/** CRC address, fill data, or where Q is. */
export const WORD_CARMD = 2;
/** [23:0] byte count, and the status that is written back. */
export const WORD_ABCR = 3;
/** Destination, or P. */
export const WORD_DLADR = 4;
/** Upper half of the destination, of P and of Q. */
export const WORD_DUADR = 5;

/** Where the lower half of a source's address is; the upper half follows. With PQ the top byte of the latter is the coefficient. */
export function sourceWord(source: number): number {
  return 6 + 2 * source;
}
export const COEF_SHIFT = 24;

/** How many slots a descriptor takes (`slot_count_table`). */
export function slotsFor(srcCnt: number): number {
  return Math.ceil((6 + 2 * srcCnt) / 8);
}

export const ADCR_INTERRUPT_ENABLE = 1 << 0;
/** [2:1]: 3, from local memory to local memory. */
export const ADCR_DIRECTION = 3 << 1;
/** [6:3]: sources less 1. */
export const ADCR_SOURCES_SHIFT = 3;
export const ADCR_SOURCES_MASK = 0xf;
export const ADCR_ZERO_RESULT = 1 << 7;
export const ADCR_FILL = 1 << 8;
export const ADCR_STATUS_WRITE_BACK = 1 << 12;
export const ADCR_PQ = 1 << 18;
export const ADCR_P_DISABLE = 1 << 19;
/** CRC generation, endian swap, PQ update and dual xor, which are not simulated. */
export const ADCR_NOT_SIMULATED = (1 << 9) | (1 << 13) | (1 << 16) | (1 << 17);

/** P and Q must be alike in these bits of their addresses, even if P is disabled. */
export const PQ_ALIGN_BYTES = 8;

export const ABCR_Q_ERROR = 1 << 29;
/** P, or the xor sum, is wrong. */
export const ABCR_P_ERROR = 1 << 30;
export const ABCR_COMPLETE = 1 << 31;
