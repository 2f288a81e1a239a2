/**
 * The DMA channels of iop32x and iop33x: registers and descriptors, under the names of arch/arm/include/asm/hardware/iop3xx-adma.h (Linux 3.1)
 * and NetBSD's i80321reg.h. All that hardware half and driver half have in common.
 *
 * @module
 */

import type { UnitRegisters } from "./unit.js";

/** Something on the internal bus did not answer. */
export const CSR_INTERNAL_MASTER_ABORT = 1 << 5;
/** Something on the PCI bus did not answer. */
export const CSR_PCI_MASTER_ABORT = 1 << 3;
export const CSR_PCI_TARGET_ABORT = 1 << 2;
const CSR_PCIX_SPLIT_ERROR = 1 << 1;

export const DMA_REGISTERS: UnitRegisters = {
  control: { name: "CCR", offset: 0x00 },
  status: { name: "CSR", offset: 0x04 },
  current: { name: "DAR", offset: 0x0c },
  nextOffset: 0x10,
  words: ["NDAR", "PADR", "PUADR", "LADR", "BCR", "DCR"],
  endOfChain: 1 << 8,
  endOfTransfer: 1 << 9,
  active: 1 << 10,
  errors: CSR_INTERNAL_MASTER_ABORT | CSR_PCI_MASTER_ABORT | CSR_PCI_TARGET_ABORT | CSR_PCIX_SPLIT_ERROR,
};

// Words of a descriptor.

/** PCI address, of which word 2 is the upper half; from memory to memory: the source. */
export const WORD_PADR = 1;
/** Local address; from memory to memory: the destination. */
export const WORD_LADR = 3;
/** [23:0] byte count. */
export const WORD_BCR = 4;
/** Control. */
export const WORD_DCR = 5;

/** [3:0]: what the driver gives as PCI transaction type. */
export const DCR_PCI_COMMAND = 0xe;
export const DCR_INTERRUPT_ENABLE = 1 << 4;
export const DCR_MEM_TO_MEM = 1 << 6;
export const DCR_CRC_TRANSFER = 1 << 7;
export const DCR_CRC_ENABLE = 1 << 8;
