import type { AddressWindow, DmaAddr } from "@dmaengine/core/driver";
import { type PhysicalMemory, wordIndex } from "@dmaengine/sim";
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
  MAX_SOURCES,
  OP_PQ_VAL,
  OP_XOR,
  OP_XOR_VAL,
  PQ_BASE_SOURCES,
  PQ_EXT_SOURCES,
  XOR_BASE_SOURCES,
  XOR_EXT_SOURCES,
} from "../datasheet.js";
import type { FetchedDescriptor } from "./descriptor.js";
import { mulXorInto, xorInto } from "./gf-kernels.js";
import { isWholeWords, TILE_BYTES, Tile } from "./tile.js";

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

/** A range of memory that a descriptor names. */
class Operand {
  #window: AddressWindow | null = null;
  /** Offset in the window. */
  #at = 0;

  /** False when nothing answers there. */
  open(memory: PhysicalMemory, addr: DmaAddr, lengthBytes: number): boolean {
    this.#window = memory.locate(addr, lengthBytes);
    this.#at = addr - (this.#window?.base ?? 0);
    return this.#window !== null;
  }

  get window(): AddressWindow {
    return this.#window as AddressWindow;
  }

  get at(): number {
    return this.#at;
  }
}

/**
 * The RAID engine: XOR, PQ, and the check of either. To it XOR is PQ without Q, and XOR_VAL checks the sources
 * against a P that the descriptor calls its destination.
 */
export class RaidEngine {
  readonly #memory: PhysicalMemory;
  readonly #sources = Array.from({ length: MAX_SOURCES }, () => new Operand());
  readonly #coefs = new Uint8Array(MAX_SOURCES);
  readonly #p = new Operand();
  readonly #q = new Operand();
  readonly #pSum = new Tile();
  readonly #qSum = new Tile();
  /** Holds the piece of a source that does not consist of whole words. */
  readonly #stage = new Tile();

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  /** Does a RAID descriptor's work. Returns 0, or CHANERR bits. But for a mismatch, nothing was written then. */
  execute(base: FetchedDescriptor, ext: FetchedDescriptor): number {
    const { op, control, srcCnt, sizeBytes } = base;
    const isXor = isXorOp(op);
    const checks = op === OP_XOR_VAL || op === OP_PQ_VAL;
    if (!this.#openSources(base, ext)) return CHANERR_READ_DATA;
    // A disabled output needs a valid address all the same.
    const opened = isXor
      ? this.#p.open(this.#memory, base.field(FIELD_DST), sizeBytes)
      : this.#p.open(this.#memory, base.field(FIELD_PQ_P), sizeBytes) &&
        this.#q.open(this.#memory, base.field(FIELD_PQ_Q), sizeBytes);
    if (!opened) return checks ? CHANERR_READ_DATA : CHANERR_WRITE_DATA;

    const hasP = isXor || (control & CTL_P_DISABLE) === 0;
    const hasQ = !isXor && (control & CTL_Q_DISABLE) === 0;
    let mismatches = 0;
    for (let at = 0; at < sizeBytes; at += TILE_BYTES) {
      const lengthBytes = Math.min(TILE_BYTES, sizeBytes - at);
      this.#sum(srcCnt, at, lengthBytes, hasP, hasQ);
      if (hasP && !putOrCheck(this.#pSum, this.#p, at, lengthBytes, checks))
        mismatches |= CHANERR_XOR_P_OR_CRC;
      if (hasQ && !putOrCheck(this.#qSum, this.#q, at, lengthBytes, checks)) mismatches |= CHANERR_Q;
    }
    return mismatches;
  }

  #openSources(base: FetchedDescriptor, ext: FetchedDescriptor): boolean {
    const inBase = isXorOp(base.op) ? XOR_BASE_SOURCES : PQ_BASE_SOURCES;
    const inExt = isXorOp(base.op) ? XOR_EXT_SOURCES : PQ_EXT_SOURCES;
    for (let i = 0; i < base.srcCnt; i++) {
      const addr =
        i < inBase.length ? base.field(inBase[i] as number) : ext.field(inExt[i - inBase.length] as number);
      if (!(this.#sources[i] as Operand).open(this.#memory, addr, base.sizeBytes)) return false;
      this.#coefs[i] = base.coef(i);
    }
    return true;
  }

  /** Sums one tile of all sources. */
  #sum(srcCnt: number, at: number, lengthBytes: number, hasP: boolean, hasQ: boolean): void {
    const count = (lengthBytes + 3) >>> 2;
    this.#pSum.words.fill(0, 0, count);
    this.#qSum.words.fill(0, 0, count);
    for (let i = 0; i < srcCnt; i++) {
      const source = this.#sources[i] as Operand;
      const from = source.at + at;
      const whole = isWholeWords(from, lengthBytes);
      if (!whole) this.#stage.load(source.window, from, lengthBytes);
      const words = whole ? source.window.words : this.#stage.words;
      const first = whole ? wordIndex(from) : 0;
      if (hasP) xorInto(this.#pSum.words, words, first, count);
      if (hasQ) mulXorInto(this.#qSum.words, this.#coefs[i] as number, words, first, count);
    }
  }
}

/** Writes a sum to its place in memory, or checks it against what is there. False is a mismatch. */
function putOrCheck(sum: Tile, output: Operand, at: number, lengthBytes: number, checks: boolean): boolean {
  if (checks) return !sum.differs(output.window, output.at + at, lengthBytes);
  sum.store(output.window, output.at + at, lengthBytes);
  return true;
}
