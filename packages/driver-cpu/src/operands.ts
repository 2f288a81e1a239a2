import type { AddressWindow, DmaAddr } from "@dmaengine/core/driver";
import { type Block, clearBlock, emptyBlock } from "./kernels/kernels.js";

/** Most sources of one transaction: GF(2^8) has no more than 255 different coefficients. */
export const MAX_SOURCES = 255;

/** Where bus addresses lead to. */
export interface Bus {
  /** The buffer that holds all of `addr … addr + lengthBytes - 1`, null if that is not mapped. */
  find(addr: DmaAddr, lengthBytes: number): AddressWindow | null;
}

/**
 * The operands of the transaction that is being executed, found in memory by their bus addresses. The records are made once and
 * filled in again for each transaction.
 */
export class Operands {
  readonly dst = emptyBlock();
  /** The one source of a copy. */
  readonly src = emptyBlock();
  readonly p = emptyBlock();
  readonly q = emptyBlock();
  readonly srcs: readonly Block[] = Array.from({ length: MAX_SOURCES }, emptyBlock);
  readonly #bus: Bus;
  /** How many of `srcs` were filled in since the last {@link release}. */
  #srcsInUse = 0;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Points `block` at the memory behind `addr`. False when it is not mapped. */
  find(block: Block, addr: DmaAddr, lengthBytes: number): boolean {
    const window = this.#bus.find(addr, lengthBytes);
    if (window === null) return false;
    block.bytes = window.bytes;
    block.words = window.words;
    block.start = smallInteger(addr - window.base);
    return true;
  }

  /** Points the first `srcCnt` of `srcs` at the memory behind `addrs`. False when one of them is not mapped. */
  findSrcs(addrs: Float64Array, srcCnt: number, lengthBytes: number): boolean {
    this.#srcsInUse = Math.max(this.#srcsInUse, srcCnt);
    for (let i = 0; i < srcCnt; i++) {
      if (!this.find(this.srcs[i] as Block, addrs[i] as DmaAddr, lengthBytes)) return false;
    }
    return true;
  }

  /** Lets go of the buffers, so that the collector may have those that nobody maps any more. */
  release(): void {
    clearBlock(this.dst);
    clearBlock(this.src);
    clearBlock(this.p);
    clearBlock(this.q);
    for (let i = 0; i < this.#srcsInUse; i++) clearBlock(this.srcs[i] as Block);
    this.#srcsInUse = 0;
  }
}

/**
 * The same number, held as an integer where 32 bits are enough. Addresses come out of a `Float64Array`; V8 would go on
 * calculating indices in floating point, and the kernels would run at half their speed.
 */
function smallInteger(index: number): number {
  return index <= 0x7fff_ffff ? index | 0 : index;
}
