import { type DeviceAccess, type PhysicalMemory, SumUnit } from "@dmaengine/sim";
import {
  CHANERR_NEXT_DESC_ADDR,
  CHANERR_NEXT_DESC_ALIGN,
  CHANERR_Q,
  CHANERR_READ_DATA,
  CHANERR_SED,
  CHANERR_WRITE_DATA,
  CHANERR_XOR_P_OR_CRC,
  CTL_P_DISABLE,
  CTL_Q_DISABLE,
  CTL_WB_EN,
  DMACAP_DWBES,
  DMACAP_PQ,
  DMACAP_RAID16SS,
  DMACAP_XOR,
  DWBES_P,
  DWBES_Q,
  DWBES_WRITTEN,
  FIELD_DST,
  FIELD_PQ_COEF,
  FIELD_PQ_P,
  FIELD_PQ_Q,
  FIELD_PQ_SED,
  FIELD_SED_COEF,
  MAX_SOURCES,
  OP_PQ,
  OP_PQ_16,
  OP_PQ_VAL,
  OP_PQ_VAL_16,
  OP_XOR,
  OP_XOR_VAL,
  PQ_16_SOURCES,
  PQ_SOURCES,
  SED_BYTES,
  type SourceLayout,
  XOR_SOURCES,
} from "../datasheet.js";
import { FetchedDescriptor } from "./descriptor.js";

/** What there is to know of an operation of the RAID engine. */
interface RaidOperation {
  /** The DMACAP bit of hardware that has it. */
  readonly capability: number;
  readonly sources: SourceLayout;
  /** XOR is PQ without Q, whose P the descriptor calls its destination. */
  readonly isXor: boolean;
  /** Whether it compares instead of writing. */
  readonly checks: boolean;
  readonly hasSed: boolean;
}

const XOR = { capability: DMACAP_XOR, sources: XOR_SOURCES, isXor: true, hasSed: false };
const PQ = { capability: DMACAP_PQ, sources: PQ_SOURCES, isXor: false, hasSed: false };
const PQ_16 = { capability: DMACAP_RAID16SS, sources: PQ_16_SOURCES, isXor: false, hasSed: true };

/** By code. */
const OPERATIONS: readonly (RaidOperation | undefined)[] = Object.assign(
  new Array<RaidOperation | undefined>(256).fill(undefined),
  {
    [OP_XOR]: { ...XOR, checks: false },
    [OP_XOR_VAL]: { ...XOR, checks: true },
    [OP_PQ]: { ...PQ, checks: false },
    [OP_PQ_VAL]: { ...PQ, checks: true },
    [OP_PQ_16]: { ...PQ_16, checks: false },
    [OP_PQ_VAL_16]: { ...PQ_16, checks: true },
  },
);

/** The operation of the RAID engine with this code; undefined if it has none. */
export function raidOperation(op: number): RaidOperation | undefined {
  return OPERATIONS[op];
}

/** Whether a descriptor's sources go on in an extension descriptor, the next of the chain. */
export function needsExtension({ op, srcCnt }: FetchedDescriptor): boolean {
  const operation = OPERATIONS[op];
  return operation !== undefined && !operation.hasSed && srcCnt > operation.sources.base.length;
}

/** The RAID engine: XOR, PQ, and the check of either. */
export class RaidEngine {
  readonly #memory: PhysicalMemory;
  readonly #capabilities: number;
  readonly #sums = new SumUnit();
  readonly #ext = new FetchedDescriptor();
  readonly #sed = new FetchedDescriptor(SED_BYTES);

  constructor(memory: PhysicalMemory, capabilities: number) {
    this.#memory = memory;
    this.#capabilities = capabilities;
  }

  /** Whether it knows the descriptor's operation, with so many sources. */
  knows({ op, srcCnt }: FetchedDescriptor): boolean {
    const operation = OPERATIONS[op];
    if (operation === undefined || (this.#capabilities & operation.capability) === 0) return false;
    return srcCnt <= operation.sources.base.length + operation.sources.ext.length;
  }

  /** Address of the descriptor behind the extension that {@link fetch} got. */
  get next(): number {
    return this.#ext.next;
  }

  /** Fetches what extends a descriptor, if anything does. Returns 0, or CHANERR bits. */
  fetch(base: FetchedDescriptor): number {
    if (needsExtension(base)) {
      return this.#ext.fetch(this.#memory, base.next, CHANERR_NEXT_DESC_ALIGN, CHANERR_NEXT_DESC_ADDR);
    }
    if (OPERATIONS[base.op]?.hasSed !== true) return 0;
    return this.#sed.fetch(this.#memory, base.field(FIELD_PQ_SED), CHANERR_SED, CHANERR_SED);
  }

  /** Does the work of a descriptor that is fetched and known. Returns 0, or CHANERR bits. But for a mismatch, nothing was written then. */
  execute(base: FetchedDescriptor): number {
    const operation = OPERATIONS[base.op] as RaidOperation;
    const { sizeBytes, control } = base;
    this.#sums.clear();
    if (!this.#openSources(base, operation)) return CHANERR_READ_DATA;
    if (!this.#openOutputs(base, operation.isXor, operation.checks ? "read" : "write")) {
      return operation.checks ? CHANERR_READ_DATA : CHANERR_WRITE_DATA;
    }
    if (!operation.checks) {
      this.#sums.store(sizeBytes);
      return 0;
    }
    const { p, q } = this.#sums.check(sizeBytes);
    if (!operation.isXor && (control & CTL_WB_EN) !== 0 && (this.#capabilities & DMACAP_DWBES) !== 0) {
      const status = (DWBES_WRITTEN | (p ? DWBES_P : 0) | (q ? DWBES_Q : 0)) >>> 0;
      // It was fetched from there, so it can be reached.
      this.#memory.write64(base.addr, status, control);
    }
    return (p ? CHANERR_XOR_P_OR_CRC : 0) | (q ? CHANERR_Q : 0);
  }

  /** Notes what was fetched, and returns what puts it back. */
  capture(): () => void {
    const ext = this.#ext.capture();
    const sed = this.#sed.capture();
    return () => {
      ext();
      sed();
    };
  }

  #openSources(base: FetchedDescriptor, { sources, hasSed }: RaidOperation): boolean {
    const ext = hasSed ? this.#sed : this.#ext;
    const inBase = sources.base.length;
    const { srcCnt } = base;
    for (let i = 0; i < srcCnt; i++) {
      const addr =
        i < inBase ? base.field(sources.base[i] as number) : ext.field(sources.ext[i - inBase] as number);
      const window = this.#memory.locate(addr, base.sizeBytes, "read");
      if (window === null) return false;
      const coef = i < MAX_SOURCES ? base.byte(FIELD_PQ_COEF, i) : ext.byte(FIELD_SED_COEF, i - MAX_SOURCES);
      this.#sums.addSource(window, addr, coef);
    }
    return true;
  }

  /** A disabled output needs a valid address all the same. */
  #openOutputs(base: FetchedDescriptor, isXor: boolean, access: DeviceAccess): boolean {
    const { control, sizeBytes } = base;
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
