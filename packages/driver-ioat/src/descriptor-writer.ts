import {
  DMA_PREP_CONTINUE,
  DMA_PREP_FENCE,
  DMA_PREP_INTERRUPT,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
} from "@dmaengine/core";
import type { DmaAddr, DmaTx } from "@dmaengine/core/driver";
import {
  CTL_COMPL_WRITE,
  CTL_FENCE,
  CTL_INT_EN,
  CTL_NULL,
  CTL_OP_SHIFT,
  CTL_P_DISABLE,
  CTL_Q_DISABLE,
  CTL_SRC_CNT_SHIFT,
  FIELD_DST,
  FIELD_PQ_COEF,
  FIELD_PQ_P,
  FIELD_PQ_Q,
  FIELD_SRC,
  MAX_SOURCES,
  MIN_SOURCES,
  NULL_DESC_SIZE,
  OP_PQ,
  OP_PQ_VAL,
  OP_XOR,
  OP_XOR_VAL,
  PQ_BASE_SOURCES,
  PQ_EXT_SOURCES,
  XOR_BASE_SOURCES,
  XOR_EXT_SOURCES,
} from "./datasheet.js";
import type { Ring } from "./ring.js";

/** The operations that the driver knows. */
export type IoatOperation = "memcpy" | "xor" | "xorVal" | "pq" | "pqVal" | "interrupt";

/** A transaction of any of them; `operation` tells which. */
export type IoatTx = { [Op in IoatOperation]: DmaTx<Op> }[IoatOperation];

type RaidTx = Exclude<IoatTx, DmaTx<"memcpy"> | DmaTx<"interrupt">>;

/**
 * Turns transactions into descriptors, after drivers/dma/ioat/prep.c: splits them into pieces that the hardware can take, and brings RAID
 * operations into a form that it knows.
 */
export class DescriptorWriter {
  readonly #ring: Ring;
  readonly #xfercapBytes: number;
  readonly #trailingNull: boolean;

  // The RAID operation at hand, as the hardware will see it:
  #op = OP_XOR;
  #disabled = 0;
  #p: DmaAddr = 0;
  #q: DmaAddr = 0;
  readonly #srcs = new Float64Array(MAX_SOURCES);
  readonly #coefs = new Uint8Array(MAX_SOURCES);
  #srcCnt = 0;

  /**
   * @param trailingNull - whether a RAID operation ends with a null descriptor, whose completion stands for it. Before version 3.3 the
   *   RAID engine's own completion could arrive before that of earlier copies.
   */
  constructor(ring: Ring, xfercapBytes: number, trailingNull: boolean) {
    this.#ring = ring;
    this.#xfercapBytes = xfercapBytes;
    this.#trailingNull = trailingNull;
  }

  /** How many entries {@link write} will fill. */
  entries(tx: IoatTx): number {
    if (tx.operation === "interrupt") return 1;
    const pieces = Math.ceil(tx.args.lengthBytes / this.#xfercapBytes);
    if (tx.operation === "memcpy") return pieces;
    this.#translate(tx);
    return pieces * (this.#isExtended() ? 2 : 1) + (this.#trailingNull ? 1 : 0);
  }

  /** Fills the next entries of the ring. */
  write(tx: IoatTx): void {
    switch (tx.operation) {
      case "interrupt":
        this.#writeNull(tx, completion(tx.flags) | fence(tx.flags));
        break;
      case "memcpy":
        this.#writeCopies(tx);
        break;
      default:
        this.#translate(tx);
        this.#writeRaid(tx);
    }
  }

  /** A null descriptor of the driver's own, which gives a new chain something to complete. */
  writeStart(): void {
    this.#writeNull(null, CTL_COMPL_WRITE);
  }

  #writeNull(owner: DmaTx | null, control: number): void {
    const index = this.#ring.add(NULL_DESC_SIZE, control | CTL_NULL, owner, true);
    this.#ring.setAddress(index, FIELD_SRC, 0);
    this.#ring.setAddress(index, FIELD_DST, 0);
  }

  #writeCopies(tx: DmaTx<"memcpy">): void {
    const { dst, src, lengthBytes } = tx.args;
    for (let at = 0; at < lengthBytes; at += this.#xfercapBytes) {
      const sizeBytes = Math.min(this.#xfercapBytes, lengthBytes - at);
      const isLast = at + sizeBytes === lengthBytes;
      const control = isLast ? completion(tx.flags) | fence(tx.flags) : 0;
      const index = this.#ring.add(sizeBytes, control, tx, isLast);
      this.#ring.setAddress(index, FIELD_SRC, src + at);
      this.#ring.setAddress(index, FIELD_DST, dst + at);
    }
  }

  #writeRaid(tx: RaidTx): void {
    const { lengthBytes } = tx.args;
    const common =
      (this.#op << CTL_OP_SHIFT) | ((this.#srcCnt - MIN_SOURCES) << CTL_SRC_CNT_SHIFT) | this.#disabled;
    for (let at = 0; at < lengthBytes; at += this.#xfercapBytes) {
      const sizeBytes = Math.min(this.#xfercapBytes, lengthBytes - at);
      const isLast = at + sizeBytes === lengthBytes;
      const completes = isLast && !this.#trailingNull;
      const control = common | (isLast ? fence(tx.flags) : 0) | (completes ? completion(tx.flags) : 0);
      this.#writeRaidPiece(at, this.#ring.add(sizeBytes, control, tx, completes));
    }
    if (this.#trailingNull) this.#writeNull(tx, completion(tx.flags));
  }

  /** The addresses and coefficients of the piece that begins at byte `at` of the operation. */
  #writeRaidPiece(at: number, base: number): void {
    const ring = this.#ring;
    const isXor = this.#isXor();
    const inBase = isXor ? XOR_BASE_SOURCES : PQ_BASE_SOURCES;
    const inExt = isXor ? XOR_EXT_SOURCES : PQ_EXT_SOURCES;
    const ext = this.#isExtended() ? ring.extend() : base;
    for (let i = 0; i < this.#srcCnt; i++) {
      const src = (this.#srcs[i] as DmaAddr) + at;
      if (i < inBase.length) ring.setAddress(base, inBase[i] as number, src);
      else ring.setAddress(ext, inExt[i - inBase.length] as number, src);
    }
    if (isXor) {
      ring.setAddress(base, FIELD_DST, this.#p + at);
      return;
    }
    ring.setAddress(base, FIELD_PQ_P, this.#p + at);
    ring.setAddress(base, FIELD_PQ_Q, this.#q + at);
    for (let i = 0; i < this.#srcCnt; i++) ring.setByte(base, FIELD_PQ_COEF, i, this.#coefs[i] as number);
  }

  #isXor(): boolean {
    return this.#op === OP_XOR || this.#op === OP_XOR_VAL;
  }

  #isExtended(): boolean {
    return this.#srcCnt > (this.#isXor() ? XOR_BASE_SOURCES : PQ_BASE_SOURCES).length;
  }

  /** Brings a RAID operation into the hardware's form. */
  #translate(tx: RaidTx): void {
    this.#srcCnt = 0;
    this.#disabled = 0;
    switch (tx.operation) {
      case "xor":
        this.#op = OP_XOR;
        this.#p = tx.args.dst;
        for (let i = 0; i < tx.args.srcCnt; i++) this.#add(tx.args.srcs[i] as DmaAddr, 0);
        this.#pad(tx.args.srcs[0] as DmaAddr);
        break;
      case "xorVal":
        // The hardware xors its sources and compares with the destination: that is the first source.
        this.#op = OP_XOR_VAL;
        this.#p = tx.args.srcs[0] as DmaAddr;
        for (let i = 1; i < tx.args.srcCnt; i++) this.#add(tx.args.srcs[i] as DmaAddr, 0);
        this.#pad(tx.args.srcs[tx.args.srcCnt - 1] as DmaAddr);
        break;
      case "pq":
        this.#op = OP_PQ;
        this.#translatePq(tx, (tx.flags & DMA_PREP_CONTINUE) !== 0);
        break;
      case "pqVal":
        this.#op = OP_PQ_VAL;
        this.#translatePq(tx, false);
    }
  }

  #translatePq({ args, flags }: DmaTx<"pq"> | DmaTx<"pqVal">, goesOn: boolean): void {
    const hasP = (flags & DMA_PREP_PQ_DISABLE_P) === 0;
    const hasQ = (flags & DMA_PREP_PQ_DISABLE_Q) === 0;
    this.#disabled = (hasP ? 0 : CTL_P_DISABLE) | (hasQ ? 0 : CTL_Q_DISABLE);
    // A disabled output needs a valid address all the same.
    this.#p = hasP ? args.p : args.q;
    this.#q = hasQ ? args.q : args.p;
    for (let i = 0; i < args.srcCnt; i++) this.#add(args.srcs[i] as DmaAddr, args.coefs[i] as number);
    if (goesOn) {
      // The hardware can't continue: what P and Q hold goes in as sources, with coefficients that keep each out of the other's sum.
      // With P: P once, and Q twice, which cancels in P. Without P nothing is to be kept out of it.
      if (hasP) this.#add(this.#p, 0);
      this.#add(this.#q, 1);
      if (hasP) this.#add(this.#q, 0);
    }
    if (hasP) this.#pad(args.srcs[0] as DmaAddr);
    else if (this.#srcCnt < MIN_SOURCES) this.#add(args.srcs[0] as DmaAddr, 0);
  }

  #add(src: DmaAddr, coef: number): void {
    this.#srcs[this.#srcCnt] = src;
    this.#coefs[this.#srcCnt] = coef;
    this.#srcCnt += 1;
  }

  /** The hardware wants at least two sources: one more twice changes no sum. */
  #pad(src: DmaAddr): void {
    if (this.#srcCnt >= MIN_SOURCES) return;
    this.#add(src, 0);
    this.#add(src, 0);
  }
}

/** The control bits that end a transaction. Only who asks for an interrupt gets one. */
function completion(flags: number): number {
  return CTL_COMPL_WRITE | ((flags & DMA_PREP_INTERRUPT) === 0 ? 0 : CTL_INT_EN);
}

function fence(flags: number): number {
  return (flags & DMA_PREP_FENCE) === 0 ? 0 : CTL_FENCE;
}
