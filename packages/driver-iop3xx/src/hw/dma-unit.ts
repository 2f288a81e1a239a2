import { copyBlock, type EngineCosts, type PhysicalMemory } from "@dmaengine/sim";
import {
  CSR_INTERNAL_MASTER_ABORT,
  CSR_PCI_MASTER_ABORT,
  CSR_PCI_TARGET_ABORT,
  DCR_CRC_ENABLE,
  DCR_CRC_TRANSFER,
  DCR_INTERRUPT_ENABLE,
  DCR_MEM_TO_MEM,
  DMA_REGISTERS,
  WORD_BCR,
  WORD_DCR,
  WORD_LADR,
  WORD_PADR,
} from "../datasheet/dma.js";
import { MAX_COUNT, SLOT_BYTES } from "../datasheet/unit.js";
import type { Unit } from "./unit.js";

/** A DMA channel: copies from memory to memory. Of PCI there is nothing here: no address on that bus answers. */
export class DmaUnit implements Unit {
  readonly registers = DMA_REGISTERS;
  readonly masterAbort = CSR_INTERNAL_MASTER_ABORT;
  readonly controlWord = WORD_DCR;
  readonly #memory: PhysicalMemory;

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  alignBytes(): number {
    return SLOT_BYTES;
  }

  wordCount(): number {
    return DMA_REGISTERS.words.length;
  }

  nanos(words: Uint32Array, { setupNanos, copyBytesPerNano }: EngineCosts): number {
    return setupNanos.value + Math.ceil(count(words) / copyBytesPerNano.value);
  }

  execute(words: Uint32Array): number {
    const lengthBytes = count(words);
    if (lengthBytes === 0) return 0;
    const control = words[WORD_DCR] as number;
    if ((control & DCR_MEM_TO_MEM) === 0) return CSR_PCI_MASTER_ABORT;
    // Assumed: CRC is not simulated, and nothing better tells so.
    if ((control & (DCR_CRC_ENABLE | DCR_CRC_TRANSFER)) !== 0) return CSR_PCI_TARGET_ABORT;
    const srcAddr = words[WORD_PADR] as number;
    const dstAddr = words[WORD_LADR] as number;
    const src = this.#memory.locate(srcAddr, lengthBytes, "read");
    if (src === null) return CSR_INTERNAL_MASTER_ABORT;
    words[WORD_PADR] = srcAddr + lengthBytes;
    const dst = this.#memory.locate(dstAddr, lengthBytes, "write");
    if (dst === null) return CSR_INTERNAL_MASTER_ABORT;
    copyBlock(src, srcAddr, dst, dstAddr, lengthBytes);
    return 0;
  }

  interrupts(words: Uint32Array): boolean {
    return ((words[WORD_DCR] as number) & DCR_INTERRUPT_ENABLE) !== 0;
  }

  writeBackWord(): number {
    return -1;
  }
}

function count(words: Uint32Array): number {
  return (words[WORD_BCR] as number) & MAX_COUNT;
}
