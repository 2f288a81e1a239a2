import type { AddressWindow, DmaAddr } from "@dmaengine/core/driver";
import { wordIndex } from "../memory.js";
import { mulXorInto, xorInto } from "./gf-kernels.js";
import { isWholeWords, TILE_BYTES, Tile } from "./tile.js";

/** A place in memory that a sum reads or writes. */
interface Operand {
  window: AddressWindow | null;
  /** Offset in the window. */
  at: number;
}

/** What {@link SumUnit.check} found. */
export interface SumMismatch {
  p: boolean;
  q: boolean;
}

/**
 * The arithmetic of RAID engines: `P = Σ source` and `Q = Σ coefficient * source`, either of them or both, in GF(2^8) of RAID-6.
 * XOR is P alone. What a source was is read before anything is written, so P or Q may be one of the sources.
 *
 * A model opens the operands of a descriptor (what can't be reached is its to report), then stores or checks the sums.
 */
export class SumUnit {
  readonly #sources: Operand[] = [];
  readonly #coefs: number[] = [];
  #srcCnt = 0;
  readonly #p: Operand = { window: null, at: 0 };
  readonly #q: Operand = { window: null, at: 0 };
  readonly #pSum = new Tile();
  readonly #qSum = new Tile();
  /** Holds the piece of a source that does not consist of whole words. */
  readonly #stage = new Tile();
  readonly #mismatch: SumMismatch = { p: false, q: false };

  /** Forgets all operands. */
  clear(): void {
    this.#srcCnt = 0;
    this.#p.window = null;
    this.#q.window = null;
  }

  /** One more source; `coef` is of no meaning without Q. */
  addSource(window: AddressWindow, addr: DmaAddr, coef = 1): void {
    let source = this.#sources[this.#srcCnt];
    if (source === undefined) {
      source = { window: null, at: 0 };
      this.#sources.push(source);
    }
    open(source, window, addr);
    this.#coefs[this.#srcCnt] = coef;
    this.#srcCnt += 1;
  }

  /** Where P is. Not set: no P. */
  setP(window: AddressWindow, addr: DmaAddr): void {
    open(this.#p, window, addr);
  }

  /** Where Q is. Not set: no Q. */
  setQ(window: AddressWindow, addr: DmaAddr): void {
    open(this.#q, window, addr);
  }

  /** Writes the sums. */
  store(lengthBytes: number): void {
    const { window: p } = this.#p;
    const { window: q } = this.#q;
    for (let at = 0; at < lengthBytes; at += TILE_BYTES) {
      const pieceBytes = Math.min(TILE_BYTES, lengthBytes - at);
      this.#sum(at, pieceBytes);
      if (p !== null) this.#pSum.store(p, this.#p.at + at, pieceBytes);
      if (q !== null) this.#qSum.store(q, this.#q.at + at, pieceBytes);
    }
  }

  /** Compares the sums with what P and Q hold, and writes nothing. The answer is good until the next check. */
  check(lengthBytes: number): Readonly<SumMismatch> {
    const { window: p } = this.#p;
    const { window: q } = this.#q;
    const mismatch = this.#mismatch;
    mismatch.p = false;
    mismatch.q = false;
    for (let at = 0; at < lengthBytes; at += TILE_BYTES) {
      const pieceBytes = Math.min(TILE_BYTES, lengthBytes - at);
      this.#sum(at, pieceBytes);
      if (p !== null && this.#pSum.differs(p, this.#p.at + at, pieceBytes)) mismatch.p = true;
      if (q !== null && this.#qSum.differs(q, this.#q.at + at, pieceBytes)) mismatch.q = true;
    }
    return mismatch;
  }

  /** Sums one tile of all sources. */
  #sum(at: number, lengthBytes: number): void {
    const count = (lengthBytes + 3) >>> 2;
    const hasP = this.#p.window !== null;
    const hasQ = this.#q.window !== null;
    if (hasP) this.#pSum.words.fill(0, 0, count);
    if (hasQ) this.#qSum.words.fill(0, 0, count);
    for (let i = 0; i < this.#srcCnt; i++) {
      const source = this.#sources[i] as Operand;
      const window = source.window as AddressWindow;
      const from = source.at + at;
      const whole = isWholeWords(from, lengthBytes);
      if (!whole) this.#stage.load(window, from, lengthBytes);
      const words = whole ? window.words : this.#stage.words;
      const first = whole ? wordIndex(from) : 0;
      if (hasP) xorInto(this.#pSum.words, words, first, count);
      if (hasQ) mulXorInto(this.#qSum.words, this.#coefs[i] as number, words, first, count);
    }
  }
}

function open(operand: Operand, window: AddressWindow, addr: DmaAddr): void {
  operand.window = window;
  operand.at = addr - window.base;
}
