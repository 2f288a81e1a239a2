import { DMA_PREP_INTERRUPT, DMA_PREP_PQ_DISABLE_P, DMA_PREP_PQ_DISABLE_Q } from "@dmaengine/core";
import type { CoherentMemory, DmaAddr, DmaTx } from "@dmaengine/core/driver";
import type { PhysicalMemory } from "@dmaengine/sim";
import {
  DESC_INT_END,
  DESC_OP_SHIFT,
  DESC_P_ENABLE,
  DESC_Q_ENABLE,
  MIN_BYTE_COUNT,
  MODE_IN_DESC,
  MODE_MEMCPY,
  MODE_MEMINIT,
  MODE_XOR,
  OP_PQ,
  OP_XOR,
  PQ_SLOT_COEFS,
} from "./datasheet.js";
import type { DescriptorPool } from "./descriptor-pool.js";
import type { MvXorOperation, MvXorVariant } from "./variant.js";

/** A transaction of any of the operations; `operation` tells which. */
export type MvXorTx = { [Op in MvXorOperation]: DmaTx<Op> }[MvXorOperation];

/** Turns transactions into descriptors, one for each. */
export class DescriptorWriter {
  readonly #pool: DescriptorPool;
  readonly #variant: MvXorVariant;
  /** What an interrupt transaction xors, and where it goes: the engine can do nothing but work. */
  readonly #dummySrc: CoherentMemory;
  readonly #dummyDst: CoherentMemory;

  constructor(memory: PhysicalMemory, pool: DescriptorPool, variant: MvXorVariant) {
    this.#pool = pool;
    this.#variant = variant;
    this.#dummySrc = memory.allocCoherent(MIN_BYTE_COUNT, MIN_BYTE_COUNT);
    this.#dummyDst = memory.allocCoherent(MIN_BYTE_COUNT, MIN_BYTE_COUNT);
  }

  /** Gives the memory back. */
  free(memory: PhysicalMemory): void {
    memory.freeCoherent(this.#dummySrc);
    memory.freeCoherent(this.#dummyDst);
  }

  /** The mode that the channel has to be in for a transaction. */
  modeFor(tx: MvXorTx): number {
    if (this.#variant.operationInDescriptor) return MODE_IN_DESC;
    if (tx.operation === "memset") return MODE_MEMINIT;
    return tx.operation === "memcpy" && !this.#variant.copyIsXor ? MODE_MEMCPY : MODE_XOR;
  }

  /** Fills the transaction's slot. A memset has none: it is done with registers alone. */
  write(tx: MvXorTx): void {
    const { index } = tx;
    switch (tx.operation) {
      case "memcpy":
        this.#writeXor(tx, tx.args.dst, 1, tx.args.lengthBytes);
        this.#pool.setSource(index, 0, tx.args.src);
        break;
      case "interrupt":
        this.#writeXor(tx, this.#dummyDst.dmaAddr, 1, MIN_BYTE_COUNT);
        this.#pool.setSource(index, 0, this.#dummySrc.dmaAddr);
        break;
      case "xor": {
        const { dst, srcs, srcCnt, lengthBytes } = tx.args;
        this.#writeXor(tx, dst, srcCnt, lengthBytes);
        for (let i = 0; i < srcCnt; i++) this.#pool.setSource(index, i, srcs[i] as DmaAddr);
        break;
      }
      case "pq":
        this.#writePq(tx);
        break;
      case "memset":
        break;
    }
  }

  #writeXor(tx: MvXorTx, dst: DmaAddr, srcCnt: number, lengthBytes: number): void {
    const sources = (1 << srcCnt) - 1;
    this.#pool.init(tx.index, this.#command(tx, OP_XOR, sources), dst, lengthBytes);
  }

  /** Each source goes where its coefficient is; without Q that doesn't matter. */
  #writePq(tx: DmaTx<"pq">): void {
    const { p, q, srcs, coefs, srcCnt, lengthBytes } = tx.args;
    const hasP = (tx.flags & DMA_PREP_PQ_DISABLE_P) === 0;
    const hasQ = (tx.flags & DMA_PREP_PQ_DISABLE_Q) === 0;
    let enables = (hasP ? DESC_P_ENABLE : 0) | (hasQ ? DESC_Q_ENABLE : 0);
    for (let i = 0; i < srcCnt; i++) {
      const place = hasQ ? PQ_SLOT_COEFS.indexOf(coefs[i] as number) : i;
      this.#pool.setSource(tx.index, place, srcs[i] as DmaAddr);
      enables |= 1 << place;
    }
    this.#pool.init(tx.index, this.#command(tx, OP_PQ, enables), hasP ? p : 0, lengthBytes);
    this.#pool.setQ(tx.index, hasQ ? q : 0);
  }

  #command(tx: MvXorTx, op: number, enables: number): number {
    const interrupt = (tx.flags & DMA_PREP_INTERRUPT) === 0 ? 0 : DESC_INT_END;
    return interrupt | (this.#variant.operationInDescriptor ? op << DESC_OP_SHIFT : 0) | enables;
  }
}
