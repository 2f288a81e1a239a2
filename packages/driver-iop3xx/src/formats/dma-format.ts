import { DMA_PREP_INTERRUPT } from "@dmaengine/core";
import {
  CSR_PCI_MASTER_ABORT,
  CSR_PCI_TARGET_ABORT,
  DCR_INTERRUPT_ENABLE,
  DCR_MEM_TO_MEM,
  DCR_PCI_COMMAND,
  DMA_REGISTERS,
  WORD_BCR,
  WORD_DCR,
  WORD_LADR,
  WORD_PADR,
} from "../datasheet/dma.js";
import { MAX_COUNT } from "../datasheet/unit.js";
import type { DescriptorFormat, IopTx } from "./format.js";

/** Descriptors of the DMA channels, after iop3xx-adma.h (`iop3xx_desc_dma`). */
export class DmaFormat implements DescriptorFormat {
  readonly registers = DMA_REGISTERS;
  readonly limits = { memcpy: { maxLengthBytes: MAX_COUNT }, interrupt: {} };
  readonly mostSlots = 1;
  readonly aligned = false;
  readonly sourceWord = WORD_PADR;
  readonly descriptorErrors = CSR_PCI_MASTER_ABORT | CSR_PCI_TARGET_ABORT;

  slots(): number {
    return 1;
  }

  pieces(): number {
    return 1;
  }

  write(words: Uint32Array, at: number, tx: IopTx): void {
    this.writeNull(words, at);
    if ((tx.flags & DMA_PREP_INTERRUPT) !== 0) words[at + WORD_DCR]! |= DCR_INTERRUPT_ENABLE;
    if (tx.operation !== "memcpy") return;
    words[at + WORD_PADR] = tx.args.src;
    words[at + WORD_LADR] = tx.args.dst;
    words[at + WORD_BCR] = tx.args.lengthBytes;
  }

  /** A copy of nothing. */
  writeNull(words: Uint32Array, at: number): void {
    words[at + WORD_DCR] = DCR_PCI_COMMAND | DCR_MEM_TO_MEM;
  }

  verdict(): null {
    return null;
  }
}
