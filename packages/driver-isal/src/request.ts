import {
  DMA_PREP_CONTINUE,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  DmaTransResult,
  SUM_CHECK_P_RESULT,
  SUM_CHECK_Q_RESULT,
} from "@dmaengine/core";
import type { DmaAddr, DmaTx, PqArgs } from "@dmaengine/core/driver";
import type { RealDomain, Window } from "./real-domain.js";
import { type Ring, Work } from "./ring.js";

/** What the engine can do. */
export type IsalOperation = "xor" | "xorVal" | "pq" | "pqVal";

/** A transaction whose operation tells the type of its arguments. */
export type IsalTx = { [Op in IsalOperation]: DmaTx<Op> }[IsalOperation];

/** The library's RAID functions want addresses, and `pq_gen` lengths too, that are multiples of it (isa-l/raid.h). */
const ALIGN_BYTES = 32;
const { NOERROR, READ_FAILED, WRITE_FAILED } = DmaTransResult;

/** What is found in a slot when the library refused. */
const REFUSED = -1;

/** Writes transactions into the slots of a ring, as the calls of the library that carry them out, and reads from there how they ended. */
export class Requests {
  readonly #ring: Ring;
  readonly #domain: RealDomain;
  /** By slot: memory that the library was given. It stays alive until the slot is done, whatever becomes of its mapping. */
  readonly #held: Window[][];
  /** By slot: what was found out before anybody saw it. */
  readonly #known: DmaTransResult[];
  // Of the slot that is being written:
  #slot = 0;
  #addrs = 0;
  #aligned = true;

  constructor(ring: Ring, domain: RealDomain) {
    this.#ring = ring;
    this.#domain = domain;
    this.#held = Array.from({ length: ring.size }, () => []);
    this.#known = new Array<DmaTransResult>(ring.size).fill(NOERROR);
  }

  /** Writes a transaction into a slot. Where an address is not mapped, there is nothing to do in it. */
  write(slot: number, tx: IsalTx): void {
    this.#slot = slot;
    this.#addrs = 0;
    this.#aligned = true;
    const result = this.#write(tx);
    this.#known[slot] = result;
    if (result !== NOERROR) this.#ring.clear(slot);
  }

  /** How a transaction has ended whose slot was done. Checks have their result in it then. */
  resultOf(slot: number, tx: IsalTx): DmaTransResult {
    const known = this.#known[slot] as DmaTransResult;
    const found = this.#ring.result(slot);
    if (known !== NOERROR) return known;
    if (found === REFUSED) return WRITE_FAILED;
    if (tx.operation === "xorVal" || tx.operation === "pqVal") {
      const onlyQ = tx.operation === "pqVal" && (tx.flags & DMA_PREP_PQ_DISABLE_P) !== 0;
      const first = onlyQ ? SUM_CHECK_Q_RESULT : SUM_CHECK_P_RESULT;
      tx.args.result.flags = ((found & 1) !== 0 ? first : 0) | ((found & 2) !== 0 ? SUM_CHECK_Q_RESULT : 0);
    }
    return NOERROR;
  }

  /** Lets go of the memory of a slot that was done. */
  release(slot: number): void {
    (this.#held[slot] as Window[]).length = 0;
  }

  #write(tx: IsalTx): DmaTransResult {
    switch (tx.operation) {
      case "xor": {
        const { srcs, srcCnt, dst, lengthBytes } = tx.args;
        if (!this.#addAll(srcs, srcCnt, lengthBytes)) return READ_FAILED;
        if (!this.#add(dst, lengthBytes)) return WRITE_FAILED;
        this.#xorInto(srcCnt, lengthBytes);
        return NOERROR;
      }
      case "xorVal": {
        const { srcs, srcCnt, lengthBytes } = tx.args;
        if (!this.#addAll(srcs, srcCnt, lengthBytes)) return READ_FAILED;
        this.#xorCheck(srcCnt, lengthBytes);
        return NOERROR;
      }
      case "pq":
        return this.#pq(tx.args, tx.flags);
      case "pqVal":
        return this.#pqVal(tx.args, tx.flags);
    }
  }

  #pq(args: PqArgs, flags: number): DmaTransResult {
    const { srcs, coefs, srcCnt, p, q, lengthBytes } = args;
    const hasP = (flags & DMA_PREP_PQ_DISABLE_P) === 0;
    const hasQ = (flags & DMA_PREP_PQ_DISABLE_Q) === 0;
    const continues = (flags & DMA_PREP_CONTINUE) !== 0;
    if (!this.#addAll(srcs, srcCnt, lengthBytes)) return READ_FAILED;
    // What P and Q hold already are two sources more, once each.
    for (let times = continues ? 2 : 1; times > 0; times--) {
      if (hasP && !this.#add(p, lengthBytes)) return WRITE_FAILED;
      if (hasQ && !this.#add(q, lengthBytes)) return WRITE_FAILED;
    }
    const terms = this.#addrs - Number(hasP) - Number(hasQ);
    if (!hasQ) {
      this.#xorInto(terms, lengthBytes);
    } else if (hasP && !continues && this.#canPqGen(coefs, srcCnt, lengthBytes)) {
      this.#ring.set(this.#slot, Work.PQ_GEN, lengthBytes, terms, 2, 0);
    } else {
      this.#writeCoefs(hasP, coefs, srcCnt, terms);
      this.#ring.set(this.#slot, Work.SUMS, lengthBytes, terms, hasP ? 2 : 1, 0);
    }
    return NOERROR;
  }

  #pqVal(args: PqArgs, flags: number): DmaTransResult {
    const { srcs, coefs, srcCnt, p, q, lengthBytes } = args;
    const hasP = (flags & DMA_PREP_PQ_DISABLE_P) === 0;
    const hasQ = (flags & DMA_PREP_PQ_DISABLE_Q) === 0;
    if (!this.#addAll(srcs, srcCnt, lengthBytes)) return READ_FAILED;
    if (hasP && !this.#add(p, lengthBytes)) return READ_FAILED;
    if (hasQ && !this.#add(q, lengthBytes)) return READ_FAILED;
    const rows = this.#addrs - srcCnt;
    if (!hasQ) {
      this.#xorCheck(this.#addrs, lengthBytes);
    } else if (this.#canPqGen(coefs, srcCnt, lengthBytes)) {
      this.#ring.set(this.#slot, Work.PQ_CHECK, lengthBytes, srcCnt, rows, hasP ? 0 : 1);
    } else {
      // The sums are zero if P and Q, added to them, are what they should be.
      this.#writeCoefs(hasP, coefs, srcCnt, this.#addrs);
      this.#ring.set(this.#slot, Work.SUMS_CHECK, lengthBytes, this.#addrs, rows, 0);
    }
    return NOERROR;
  }

  /** The sum of all but the last address goes to the last one. */
  #xorInto(terms: number, lengthBytes: number): void {
    if (this.#aligned && terms > 1) {
      this.#ring.set(this.#slot, Work.XOR_GEN, lengthBytes, terms, 1, 0);
      return;
    }
    this.#writeOnes(terms);
    this.#ring.set(this.#slot, Work.SUMS, lengthBytes, terms, 1, 0);
  }

  #xorCheck(terms: number, lengthBytes: number): void {
    if (this.#aligned && terms > 1) {
      this.#ring.set(this.#slot, Work.XOR_CHECK, lengthBytes, terms, 0, 0);
      return;
    }
    this.#writeOnes(terms);
    this.#ring.set(this.#slot, Work.SUMS_CHECK, lengthBytes, terms, 1, 0);
  }

  /** Whether `pq_gen` makes these sums: it has two sources or more, and the coefficients 1, 2, 4 … in this order. */
  #canPqGen(coefs: Uint8Array, srcCnt: number, lengthBytes: number): boolean {
    if (!this.#aligned || lengthBytes % ALIGN_BYTES !== 0 || srcCnt < 2) return false;
    let power = 1;
    for (let i = 0; i < srcCnt; i++) {
      if (coefs[i] !== power) return false;
      power = power < 0x80 ? power << 1 : (power << 1) ^ 0x11d;
    }
    return true;
  }

  #writeOnes(terms: number): void {
    for (let i = 0; i < terms; i++) this.#ring.setCoef(this.#slot, i, 1);
  }

  /**
   * The rows of P, if there is one, and Q. Terms beyond the sources are P, if there is one, and Q as they are.
   */
  #writeCoefs(hasP: boolean, coefs: Uint8Array, srcCnt: number, terms: number): void {
    const ring = this.#ring;
    const slot = this.#slot;
    const q = hasP ? terms : 0;
    for (let i = 0; i < srcCnt; i++) {
      if (hasP) ring.setCoef(slot, i, 1);
      ring.setCoef(slot, q + i, coefs[i] as number);
    }
    for (let i = srcCnt; i < terms; i++) {
      const isP = hasP && i === srcCnt;
      if (hasP) ring.setCoef(slot, i, isP ? 1 : 0);
      ring.setCoef(slot, q + i, isP ? 0 : 1);
    }
  }

  #addAll(addrs: Float64Array, count: number, lengthBytes: number): boolean {
    for (let i = 0; i < count; i++) if (!this.#add(addrs[i] as DmaAddr, lengthBytes)) return false;
    return true;
  }

  /** Appends to the slot's addresses. False when it is not mapped. */
  #add(addr: DmaAddr, lengthBytes: number): boolean {
    const window = this.#domain.find(addr, lengthBytes);
    if (window === null) return false;
    const held = this.#held[this.#slot] as Window[];
    if (held[held.length - 1] !== window) held.push(window);
    // Of the low 32 bits, as the remainder of a number beyond them is a slow division.
    if ((addr >>> 0) % ALIGN_BYTES !== 0) this.#aligned = false;
    this.#ring.setAddr(this.#slot, this.#addrs, addr);
    this.#addrs += 1;
    return true;
  }
}
