import { type DeviceAccess, type PhysicalMemory, SumUnit } from "@dmaengine/sim";
import {
  CHANERR_Q,
  CHANERR_READ_DATA,
  CHANERR_WRITE_DATA,
  CHANERR_XOR_P_OR_CRC,
  CTL_P_DISABLE,
  CTL_Q_DISABLE,
  FIELD_DST,
  FIELD_PQ_P,
  FIELD_PQ_Q,
  OP_PQ_VAL,
  OP_XOR,
  OP_XOR_VAL,
  PQ_BASE_SOURCES,
  PQ_EXT_SOURCES,
  XOR_BASE_SOURCES,
  XOR_EXT_SOURCES,
} from "../datasheet.js";
import type { FetchedDescriptor } from "./descriptor.js";

/** Whether the operation is the RAID engine's. */
export function isRaidOp(op: number): boolean {
  return op >= OP_XOR && op <= OP_PQ_VAL;
}

function isXorOp(op: number): boolean {
  return op === OP_XOR || op === OP_XOR_VAL;
}

/** Whether a RAID descriptor's sources go on in an extension descriptor. */
export function needsExtension({ op, srcCnt }: FetchedDescriptor): boolean {
  return srcCnt > (isXorOp(op) ? XOR_BASE_SOURCES : PQ_BASE_SOURCES).length;
}

/**
 * The RAID engine: XOR, PQ, and the check of either. To it XOR is PQ without Q, and XOR_VAL checks the sources
 * against a P that the descriptor calls its destination.
 */
export class RaidEngine {
  readonly #memory: PhysicalMemory;
  readonly #sums = new SumUnit();

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  /** Does a RAID descriptor's work. Returns 0, or CHANERR bits. But for a mismatch, nothing was written then. */
  execute(base: FetchedDescriptor, ext: FetchedDescriptor): number {
    const { op, sizeBytes } = base;
    const checks = op === OP_XOR_VAL || op === OP_PQ_VAL;
    this.#sums.clear();
    if (!this.#openSources(base, ext)) return CHANERR_READ_DATA;
    if (!this.#openOutputs(base, checks ? "read" : "write"))
      return checks ? CHANERR_READ_DATA : CHANERR_WRITE_DATA;
    if (!checks) {
      this.#sums.store(sizeBytes);
      return 0;
    }
    const { p, q } = this.#sums.check(sizeBytes);
    return (p ? CHANERR_XOR_P_OR_CRC : 0) | (q ? CHANERR_Q : 0);
  }

  #openSources(base: FetchedDescriptor, ext: FetchedDescriptor): boolean {
    const inBase = isXorOp(base.op) ? XOR_BASE_SOURCES : PQ_BASE_SOURCES;
    const inExt = isXorOp(base.op) ? XOR_EXT_SOURCES : PQ_EXT_SOURCES;
    for (let i = 0; i < base.srcCnt; i++) {
      const addr =
        i < inBase.length ? base.field(inBase[i] as number) : ext.field(inExt[i - inBase.length] as number);
      const window = this.#memory.locate(addr, base.sizeBytes, "read");
      if (window === null) return false;
      this.#sums.addSource(window, addr, base.coef(i));
    }
    return true;
  }

  /** A disabled output needs a valid address all the same. */
  #openOutputs(base: FetchedDescriptor, access: DeviceAccess): boolean {
    const { control, sizeBytes } = base;
    const isXor = isXorOp(base.op);
    const pAddr = base.field(isXor ? FIELD_DST : FIELD_PQ_P);
    const p = this.#memory.locate(pAddr, sizeBytes, access);
    if (p === null) return false;
    if (isXor || (control & CTL_P_DISABLE) === 0) this.#sums.setP(p, pAddr);
    if (isXor) return true;
    const qAddr = base.field(FIELD_PQ_Q);
    const q = this.#memory.locate(qAddr, sizeBytes, access);
    if (q === null) return false;
    if ((control & CTL_Q_DISABLE) === 0) this.#sums.setQ(q, qAddr);
    return true;
  }
}
