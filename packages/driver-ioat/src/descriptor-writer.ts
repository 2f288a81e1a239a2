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
  CTL_WB_EN,
  FIELD_DST,
  FIELD_PQ_COEF,
  FIELD_PQ_P,
  FIELD_PQ_Q,
  FIELD_PQ_SED,
  FIELD_SED_COEF,
  FIELD_SRC,
  MAX_SOURCES,
  MAX_SOURCES_16,
  MIN_SOURCES,
  MIN_SOURCES_16,
  NULL_DESC_SIZE,
  OP_FILL,
  OP_PQ,
  OP_PQ_16,
  OP_PQ_VAL,
  OP_PQ_VAL_16,
  OP_XOR,
  OP_XOR_VAL,
  PQ_16_SOURCES,
  PQ_SOURCES,
  XOR_SOURCES,
} from "./datasheet.js";
import type { Ring } from "./ring.js";
import type { RingEntry } from "./ring-entry.js";

/** The operations that the driver knows. */
export type IoatOperation = "memcpy" | "memset" | "xor" | "xorVal" | "pq" | "pqVal" | "interrupt";

/** A transaction of any of them; `operation` tells which. */
export type IoatTx = { [Op in IoatOperation]: DmaTx<Op> }[IoatOperation];

type RaidTx = Exclude<IoatTx, DmaTx<"memcpy"> | DmaTx<"memset"> | DmaTx<"interrupt">>;

/** What the writer has to know of the hardware. */
export interface DescriptorRules {
  /** The longest transfer of one descriptor. */
  readonly xfercapBytes: number;
  /**
   * Whether a RAID operation ends with a null descriptor, whose completion stands for it. Before version 3.3 the RAID engine's own completion
   * could arrive before that of earlier copies.
   */
  readonly trailingNull: boolean;
  /** Whether checks leave their verdict in the descriptor. Those of XOR can't: they are made as checks of P alone (`ioat_prep_pqxor_val`). */
  readonly writesBack: boolean;
}

/**
 * Turns transactions into descriptors, after drivers/dma/ioat/prep.c: splits them into pieces that the hardware can take, and brings RAID
 * operations into a form that it knows.
 */
export class DescriptorWriter {
  readonly #ring: Ring;
  readonly #rules: DescriptorRules;

  // The RAID operation at hand, as the hardware will see it:
  #op = OP_XOR;
  /** P_DISABLE or Q_DISABLE, if one is. */
  #disabled = 0;
  #p: DmaAddr = 0;
  #q: DmaAddr = 0;
  readonly #srcs = new Float64Array(MAX_SOURCES_16);
  readonly #coefs = new Uint8Array(MAX_SOURCES_16);
  #srcCnt = 0;

  constructor(ring: Ring, rules: DescriptorRules) {
    this.#ring = ring;
    this.#rules = rules;
  }

  /** How many entries {@link write} will fill. */
  entries(tx: IoatTx): number {
    if (tx.operation === "interrupt") return 1;
    const pieces = Math.ceil(tx.args.lengthBytes / this.#rules.xfercapBytes);
    if (tx.operation === "memcpy" || tx.operation === "memset") return pieces;
    this.#translate(tx);
    return pieces * (this.#isExtended() ? 2 : 1) + (this.#rules.trailingNull ? 1 : 0);
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
      case "memset":
        this.#writeFills(tx);
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
    const entry = this.#ring.add(NULL_DESC_SIZE, control | CTL_NULL, owner, true);
    entry.setAddress(FIELD_SRC, 0);
    entry.setAddress(FIELD_DST, 0);
  }

  #writeCopies(tx: DmaTx<"memcpy">): void {
    const { dst, src, lengthBytes } = tx.args;
    for (let at = 0; at < lengthBytes; at += this.#rules.xfercapBytes) {
      const entry = this.#addPiece(tx, at, lengthBytes, 0);
      entry.setAddress(FIELD_SRC, src + at);
      entry.setAddress(FIELD_DST, dst + at);
    }
  }

  #writeFills(tx: DmaTx<"memset">): void {
    const { dst, value, lengthBytes } = tx.args;
    for (let at = 0; at < lengthBytes; at += this.#rules.xfercapBytes) {
      const entry = this.#addPiece(tx, at, lengthBytes, OP_FILL << CTL_OP_SHIFT);
      entry.fillField(FIELD_SRC, value);
      entry.setAddress(FIELD_DST, dst + at);
    }
  }

  /** Begins the piece of a copy or fill that begins at byte `at` of the operation. The last one completes it. */
  #addPiece(tx: IoatTx, at: number, lengthBytes: number, control: number): RingEntry {
    const sizeBytes = Math.min(this.#rules.xfercapBytes, lengthBytes - at);
    const isLast = at + sizeBytes === lengthBytes;
    const end = isLast ? completion(tx.flags) | fence(tx.flags) : 0;
    return this.#ring.add(sizeBytes, control | end, tx, isLast);
  }

  #writeRaid(tx: RaidTx): void {
    const { lengthBytes } = tx.args;
    const { xfercapBytes, trailingNull, writesBack } = this.#rules;
    const fewest = this.#hasSed() ? MIN_SOURCES_16 : MIN_SOURCES;
    const leavesVerdict = writesBack && (this.#op === OP_PQ_VAL || this.#op === OP_PQ_VAL_16);
    const common =
      (this.#op << CTL_OP_SHIFT) |
      ((this.#srcCnt - fewest) << CTL_SRC_CNT_SHIFT) |
      this.#disabled |
      (leavesVerdict ? CTL_WB_EN : 0);
    for (let at = 0; at < lengthBytes; at += xfercapBytes) {
      const sizeBytes = Math.min(xfercapBytes, lengthBytes - at);
      const isLast = at + sizeBytes === lengthBytes;
      const completes = isLast && !trailingNull;
      const control = common | (isLast ? fence(tx.flags) : 0) | (completes ? completion(tx.flags) : 0);
      const entry = this.#ring.add(sizeBytes, control, tx, completes);
      entry.writesBack = leavesVerdict;
      this.#writeRaidPiece(at, entry);
    }
    if (trailingNull) this.#writeNull(tx, completion(tx.flags));
  }

  /** The addresses and coefficients of the piece that begins at byte `at` of the operation. */
  #writeRaidPiece(at: number, base: RingEntry): void {
    const isXor = this.#isXor();
    const hasSed = this.#hasSed();
    const layout = isXor ? XOR_SOURCES : hasSed ? PQ_16_SOURCES : PQ_SOURCES;
    const inBase = layout.base.length;
    const ext = hasSed ? this.#ring.sedOf(base) : this.#isExtended() ? this.#ring.extend() : base;
    if (hasSed) base.setAddress(FIELD_PQ_SED, ext.addr);
    for (let i = 0; i < this.#srcCnt; i++) {
      const src = (this.#srcs[i] as DmaAddr) + at;
      if (i < inBase) base.setAddress(layout.base[i] as number, src);
      else ext.setAddress(layout.ext[i - inBase] as number, src);
    }
    if (isXor) {
      base.setAddress(FIELD_DST, this.#p + at);
      return;
    }
    base.setAddress(FIELD_PQ_P, this.#p + at);
    base.setAddress(FIELD_PQ_Q, this.#q + at);
    for (let i = 0; i < this.#srcCnt; i++) {
      const coef = this.#coefs[i] as number;
      if (i < MAX_SOURCES) base.setByte(FIELD_PQ_COEF, i, coef);
      else ext.setByte(FIELD_SED_COEF, i - MAX_SOURCES, coef);
    }
  }

  #isXor(): boolean {
    return this.#op === OP_XOR || this.#op === OP_XOR_VAL;
  }

  /** Whether it has a super extended descriptor. */
  #hasSed(): boolean {
    return this.#srcCnt > MAX_SOURCES;
  }

  /** Whether it takes two entries of the ring. */
  #isExtended(): boolean {
    return !this.#hasSed() && this.#srcCnt > (this.#isXor() ? XOR_SOURCES : PQ_SOURCES).base.length;
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
        this.#op = this.#rules.writesBack ? OP_PQ_VAL : OP_XOR_VAL;
        if (this.#rules.writesBack) this.#disabled = CTL_Q_DISABLE;
        this.#p = tx.args.srcs[0] as DmaAddr;
        this.#q = this.#p;
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
    if (this.#hasSed()) this.#op = this.#op === OP_PQ ? OP_PQ_16 : OP_PQ_VAL_16;
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
