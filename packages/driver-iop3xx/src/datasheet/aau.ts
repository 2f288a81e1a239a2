/**
 * The Application Accelerator Unit of iop32x and iop33x: registers and descriptors, under the names of
 * arch/arm/include/asm/hardware/iop3xx-adma.h (Linux 3.1) and NetBSD's iopaaureg.h. All that hardware half and driver half have in common.
 *
 * @module
 */

import { numbered, type UnitRegisters } from "./unit.js";

export const ASR_MASTER_ABORT = 1 << 5;

export const AAU_REGISTERS: UnitRegisters = {
  control: { name: "ACR", offset: 0x00 },
  status: { name: "ASR", offset: 0x04 },
  current: { name: "ADAR", offset: 0x08 },
  nextOffset: 0x0c,
  words: [
    "ANDAR",
    ...numbered("SAR", 1, 4),
    "DAR",
    "ABCR",
    "ADCR",
    ...numbered("SAR", 5, 8),
    "EDCR0",
    ...numbered("SAR", 9, 16),
    "EDCR1",
    ...numbered("SAR", 17, 24),
    "EDCR2",
    ...numbered("SAR", 25, 32),
  ],
  endOfChain: 1 << 8,
  endOfTransfer: 1 << 9,
  active: 1 << 10,
  errors: ASR_MASTER_ABORT,
};

export const MAX_SOURCES = 32;

/** A zero check tells of no more than this (`IOP_ADMA_ZERO_SUM_MAX_BYTE_COUNT`): what the unit's buffer holds. */
export const CHECK_BYTES = 1024;

// Words of a descriptor.

/** The first source; for a fill, the pattern. */
export const WORD_SAR1 = 1;
export const WORD_DAR = 5;
/** [23:0] byte count. */
export const WORD_ABCR = 6;
export const WORD_ADCR = 7;

/**
 * Where the address of a source is, counted from 0. As in the register map. Linux's header keeps the extended control words in an array of sources
 * 5 to 32, at indices that count from source 1, so that there they overlap addresses.
 */
export function sourceWord(source: number): number {
  if (source < 4) return WORD_SAR1 + source;
  // From the ninth on, an extended control word stands before every eight.
  return 4 + source + (source >>> 3);
}

/** The control word with the block command of a source, and how far to the left the command is. */
export function commandWord(source: number): number {
  return source < 8 ? WORD_ADCR : sourceWord(source & ~7) - 1;
}
export function commandShift(source: number): number {
  return 1 + 3 * (source & 7);
}

/** Block commands. */
export const COMMAND_MASK = 0x7;
export const COMMAND_NULL = 0;
export const COMMAND_XOR = 1;
/** Only block 1: fill with the word in SAR1. */
export const COMMAND_FILL = 2;
/** Only block 1: load instead of xor. */
export const COMMAND_DIRECT_FILL = 7;

export const ADCR_INTERRUPT_ENABLE = 1 << 0;
/** [26:25]: how long the descriptor is. */
export const ADCR_BLOCK_CONTROL_SHIFT = 25;
/** By block control: how many sources the descriptor has room for, and how many slots it takes. */
export const BLOCK_CONTROL: readonly { readonly sources: number; readonly slots: number }[] = [
  { sources: 4, slots: 1 },
  { sources: 8, slots: 2 },
  { sources: 16, slots: 4 },
  { sources: 32, slots: 8 },
];
/** Written back: the descriptor is done. */
export const ADCR_TRANSFER_COMPLETE = 1 << 28;
/** Written back: the sum is not zero. */
export const ADCR_ZERO_RESULT_ERROR = 1 << 29;
export const ADCR_ZERO_RESULT_ENABLE = 1 << 30;
export const ADCR_WRITE_ENABLE = 1 << 31;
