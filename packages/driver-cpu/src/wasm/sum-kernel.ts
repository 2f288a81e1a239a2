import { SUM_CHECK_P_RESULT, SUM_CHECK_Q_RESULT } from "@dmaengine/core";
import { SumMode } from "../kernels/sum.js";
import { type Code, ValueType } from "./code.js";
import type { SimdDialect } from "./features.js";
import { NIBBLE_TABLES, Slot } from "./slot.js";

/** How Q comes about. */
export const QForm = {
  /** There is no Q. */
  NONE: 0,
  /** Coefficients are a run of powers of the generator, the highest first: Horner's rule, one doubling for each source. */
  POWERS: 1,
  /** Any coefficients: two table lookups for each source. */
  PRODUCTS: 2,
} as const;
export type QForm = (typeof QForm)[keyof typeof QForm];

/** What a kernel is specialised for. */
export interface SumShape {
  readonly p: boolean;
  readonly q: QForm;
  readonly mode: SumMode;
  /** 0: any number. Else the addresses of all sources are kept in local variables and the loop over them is unrolled. */
  readonly srcCnt: number;
}

const VECTOR_BYTES = 16;
/** Vectors of a sum that are summed at a time where there is no Q: as many as fit the 16 registers of x86, so that many loads are under way. */
const XOR_VECTORS = 12;
/** The same for each of P and Q: enough to hide how long a doubling takes. */
const PQ_VECTORS = 4;
/**
 * So many bytes of every source are loaded before they are summed up to P and Q. Sums keep the processor too busy to run ahead to the loads that
 * follow; loads alone are all under way at once. From memory that is 1.3 times as fast, from a cache a few percent slower.
 */
const STEP_BYTES = 256;
const LINE_BYTES = 64;
const SLOT = 0;

/**
 * Writes a kernel: `(slot) -> SumCheck flags`. Whole vectors here, several at a time and then one, the rest in `tail`.
 * All sources of a column are read before a sum is written, so a destination may be a source.
 *
 * @param tail - index of the function of {@link writeTail} for the same shape.
 */
export function writeSumKernel(code: Code, shape: SumShape, dialect: SimdDialect, tail: number): void {
  new SumKernel(code, shape, dialect).write(tail);
}

class SumKernel {
  readonly #code: Code;
  readonly #shape: SumShape;
  readonly #dialect: SimdDialect;
  readonly #at: number;
  readonly #length: number;
  /** Where the step at hand ends. */
  readonly #stop: number;
  readonly #p: number;
  readonly #q: number;
  /** Addresses of the sources, when their number is known. */
  readonly #srcs: readonly number[];
  /** Where the column of the source at hand starts. */
  readonly #from: number;
  readonly #i: number;
  /** A sum of what was loaded ahead, for the loads to have a purpose. */
  readonly #loaded: number;
  /** The lowest coefficient of a run of powers. */
  readonly #lowest: number;
  readonly #table: number;
  readonly #pSums: readonly number[];
  readonly #qSums: readonly number[];
  readonly #data: number;
  readonly #low: number;
  readonly #high: number;
  readonly #nibble: number;
  readonly #polynomial: number;
  readonly #zero: number;
  readonly #pDifference: number;
  readonly #qDifference: number;

  constructor(code: Code, shape: SumShape, dialect: SimdDialect) {
    this.#code = code;
    this.#shape = shape;
    this.#dialect = dialect;
    const i32 = (): number => code.local(ValueType.I32);
    const v128 = (): number => code.local(ValueType.V128);
    const vectors = shape.q === QForm.NONE ? XOR_VECTORS : PQ_VECTORS;
    this.#at = i32();
    this.#length = i32();
    this.#stop = i32();
    this.#p = i32();
    this.#q = i32();
    this.#srcs = Array.from({ length: shape.srcCnt }, i32);
    this.#from = i32();
    this.#i = i32();
    this.#loaded = i32();
    this.#lowest = i32();
    this.#table = i32();
    this.#pSums = Array.from({ length: vectors }, v128);
    this.#qSums = Array.from({ length: vectors }, v128);
    this.#data = v128();
    this.#low = v128();
    this.#high = v128();
    this.#nibble = v128();
    this.#polynomial = v128();
    this.#zero = v128();
    this.#pDifference = v128();
    this.#qDifference = v128();
  }

  write(tail: number): void {
    const code = this.#code;
    const { p, q, mode } = this.#shape;
    code.get(SLOT).i32Load(Slot.LENGTH_BYTES).set(this.#length);
    if (p) code.get(SLOT).i32Load(Slot.P).set(this.#p);
    if (q !== QForm.NONE) {
      code.get(SLOT).i32Load(Slot.Q).set(this.#q);
      code.get(SLOT).i32Load(Slot.LOWEST_COEF).set(this.#lowest);
      code.i32Const(0x0f).i8x16Splat().set(this.#nibble);
      code.i32Const(0x1d).i8x16Splat().set(this.#polynomial);
    }
    for (const [i, src] of this.#srcs.entries())
      code
        .get(SLOT)
        .i32Load(Slot.SRCS + 4 * i)
        .set(src);
    if (q === QForm.NONE) this.#columns(XOR_VECTORS, this.#length);
    else this.#steps();
    this.#columns(1, this.#length);
    if (q !== QForm.NONE) code.get(SLOT).get(this.#loaded).i32Store(Slot.LOADED);
    code.get(SLOT).get(this.#at).call(tail);
    if (mode !== SumMode.CHECK) return;
    if (p) this.#flag(this.#pDifference, SUM_CHECK_P_RESULT);
    if (q !== QForm.NONE) this.#flag(this.#qDifference, SUM_CHECK_Q_RESULT);
  }

  /** Adds a flag to the number on the stack if a vector is not zero. */
  #flag(difference: number, flag: number): void {
    this.#code.get(difference).v128AnyTrue().i32Const(0).i32Ne().i32Const(Math.log2(flag)).i32Shl().i32Or();
  }

  /** Goes on in steps as long as there are whole columns. */
  #steps(): void {
    const code = this.#code;
    code.while(
      () => this.#fits(this.#length, VECTOR_BYTES * PQ_VECTORS),
      () => {
        code.get(this.#length).set(this.#stop);
        this.#fits(this.#length, STEP_BYTES);
        code.if(() => {
          this.#loadAhead();
          code.get(this.#at).i32Const(STEP_BYTES).i32Add().set(this.#stop);
        });
        this.#columns(PQ_VECTORS, this.#stop);
      },
    );
  }

  /** Leaves on the stack whether so many bytes more are not beyond `stop`. */
  #fits(stop: number, bytes: number): void {
    this.#code.get(stop).get(this.#at).i32Sub().i32Const(bytes).i32GeU();
  }

  /** Loads something of each cache line of the step. */
  #loadAhead(): void {
    const code = this.#code;
    this.#forEachSource(() => {
      for (let line = 0; line < STEP_BYTES; line += LINE_BYTES) {
        code.get(this.#from).i32Load(line).get(this.#loaded).i32Xor().set(this.#loaded);
      }
    });
  }

  /** Goes on, `vectors` at a time, up to `stop`. */
  #columns(vectors: number, stop: number): void {
    const code = this.#code;
    code.while(
      () => this.#fits(stop, VECTOR_BYTES * vectors),
      () => {
        this.#sumUp(vectors);
        this.#finish(vectors);
        code
          .get(this.#at)
          .i32Const(VECTOR_BYTES * vectors)
          .i32Add()
          .set(this.#at);
      },
    );
  }

  /** A loop over all sources, with `from` pointing at where they are read now. */
  #forEachSource(body: () => void): void {
    const code = this.#code;
    code.i32Const(0).set(this.#i);
    code.while(
      () => {
        if (this.#shape.srcCnt > 0) code.get(this.#i).i32Const(this.#shape.srcCnt).i32LtU();
        else code.get(this.#i).get(SLOT).i32Load(Slot.SRC_CNT).i32LtU();
      },
      () => {
        code.get(SLOT).get(this.#i).i32Const(2).i32Shl().i32Add().i32Load(Slot.SRCS);
        code.get(this.#at).i32Add().set(this.#from);
        body();
        code.get(this.#i).i32Const(1).i32Add().set(this.#i);
      },
    );
  }

  #sumUp(vectors: number): void {
    const code = this.#code;
    if (this.#shape.srcCnt > 0) {
      for (const [i, src] of this.#srcs.entries()) {
        code.get(src).get(this.#at).i32Add().set(this.#from);
        this.#addSource(vectors, i === 0);
      }
      return;
    }
    const sums = [
      ...(this.#shape.p ? this.#pSums : []),
      ...(this.#shape.q !== QForm.NONE ? this.#qSums : []),
    ];
    for (const sum of sums) code.get(this.#zero).set(sum);
    this.#forEachSource(() => {
      if (this.#shape.q === QForm.PRODUCTS) {
        code.get(SLOT).get(this.#i).i32Add().i32Load8U(Slot.COEFS);
        this.#loadTables();
      }
      this.#addSource(vectors, false);
    });
  }

  /** Adds the column of one source to the sums; the first one starts them. */
  #addSource(vectors: number, first: boolean): void {
    const code = this.#code;
    const { p, q } = this.#shape;
    for (let v = 0; v < vectors; v++) {
      const pSum = this.#pSums[v] as number;
      const qSum = this.#qSums[v] as number;
      code
        .get(this.#from)
        .v128Load(VECTOR_BYTES * v)
        .set(this.#data);
      if (first) {
        if (p) code.get(this.#data).set(pSum);
        if (q !== QForm.NONE) code.get(this.#data).set(qSum);
        continue;
      }
      if (p) code.get(pSum).get(this.#data).v128Xor().set(pSum);
      if (q === QForm.POWERS) {
        this.#double(qSum);
        code.get(this.#data).v128Xor().set(qSum);
      } else if (q === QForm.PRODUCTS) {
        this.#product(this.#data);
        code.get(qSum).v128Xor().set(qSum);
      }
    }
  }

  /** What becomes of the sums. */
  #finish(vectors: number): void {
    const code = this.#code;
    const { p, q } = this.#shape;
    if (q === QForm.POWERS) {
      code.get(this.#lowest).i32Const(1).i32Ne();
      code.if(() => {
        code.get(this.#lowest);
        this.#loadTables();
        for (const sum of this.#qSums.slice(0, vectors)) {
          this.#product(sum);
          code.set(sum);
        }
      });
    }
    if (p) this.#deliver(this.#pSums.slice(0, vectors), this.#p, this.#pDifference);
    if (q !== QForm.NONE) this.#deliver(this.#qSums.slice(0, vectors), this.#q, this.#qDifference);
  }

  #deliver(sums: readonly number[], base: number, difference: number): void {
    const code = this.#code;
    const { mode } = this.#shape;
    code.get(base).get(this.#at).i32Add().set(this.#from);
    for (const [v, sum] of sums.entries()) {
      if (mode === SumMode.CHECK) {
        code
          .get(sum)
          .get(this.#from)
          .v128Load(VECTOR_BYTES * v)
          .v128Xor();
        code.get(difference).v128Or().set(difference);
        continue;
      }
      code.get(this.#from).get(sum);
      if (mode === SumMode.CONTINUE)
        code
          .get(this.#from)
          .v128Load(VECTOR_BYTES * v)
          .v128Xor();
      code.v128Store(VECTOR_BYTES * v);
    }
  }

  /** Leaves a vector of field elements, doubled, on the stack (`SHLBYTE` and `MASK` of lib/raid6/sse2.c). */
  #double(vector: number): void {
    const code = this.#code;
    code.get(vector).get(vector).i8x16Add();
    if (this.#dialect.selectsByTopBit) {
      code.get(this.#polynomial).get(this.#zero).get(vector).i8x16RelaxedLaneselect();
    } else code.get(vector).get(this.#zero).i8x16LtS().get(this.#polynomial).v128And();
    code.v128Xor();
  }

  /** Loads the nibble tables of the coefficient on the stack. */
  #loadTables(): void {
    const code = this.#code;
    code.i32Const(5).i32Shl().tee(this.#table).v128Load(NIBBLE_TABLES).set(this.#low);
    code
      .get(this.#table)
      .v128Load(NIBBLE_TABLES + 16)
      .set(this.#high);
  }

  /** Leaves a vector of field elements, multiplied by the coefficient whose tables are loaded, on the stack. */
  #product(vector: number): void {
    const code = this.#code;
    const { relaxedSwizzle } = this.#dialect;
    const swizzle = (): unknown => (relaxedSwizzle ? code.i8x16RelaxedSwizzle() : code.i8x16Swizzle());
    code.get(this.#low).get(vector).get(this.#nibble).v128And();
    swizzle();
    code.get(this.#high).get(vector).i32Const(4).i16x8ShrU().get(this.#nibble).v128And();
    swizzle();
    code.v128Xor();
  }
}

/**
 * Writes what follows a kernel's last whole vector: `(slot, at) -> SumCheck flags`, byte by byte from `at` on.
 * It multiplies with `Slot.COEFS` whatever the form of Q.
 */
export function writeTail(code: Code, p: boolean, q: boolean, mode: SumMode): void {
  const at = 1;
  const i32 = (): number => code.local(ValueType.I32);
  const [i, pSum, qSum, data, table, difference] = [i32(), i32(), i32(), i32(), i32(), i32()];
  const deliver = (sum: number, address: number, flag: number): void => {
    const where = (): unknown => code.get(SLOT).i32Load(address).get(at).i32Add();
    if (mode === SumMode.CHECK) {
      where();
      code.i32Load8U(0).get(sum).i32Ne();
      code.i32Const(Math.log2(flag)).i32Shl().get(difference).i32Or().set(difference);
      return;
    }
    where();
    code.get(sum);
    if (mode === SumMode.CONTINUE) {
      where();
      code.i32Load8U(0).i32Xor();
    }
    code.i32Store8(0);
  };
  code.while(
    () => code.get(at).get(SLOT).i32Load(Slot.LENGTH_BYTES).i32LtU(),
    () => {
      code.i32Const(0).tee(i).tee(pSum).set(qSum);
      code.while(
        () => code.get(i).get(SLOT).i32Load(Slot.SRC_CNT).i32LtU(),
        () => {
          code.get(SLOT).get(i).i32Const(2).i32Shl().i32Add().i32Load(Slot.SRCS);
          code.get(at).i32Add().i32Load8U(0).set(data);
          if (p) code.get(pSum).get(data).i32Xor().set(pSum);
          if (q) {
            code.get(SLOT).get(i).i32Add().i32Load8U(Slot.COEFS).i32Const(5).i32Shl().set(table);
            code.get(table).get(data).i32Const(0x0f).i32And().i32Add().i32Load8U(NIBBLE_TABLES);
            code
              .get(table)
              .get(data)
              .i32Const(4)
              .i32ShrU()
              .i32Add()
              .i32Load8U(NIBBLE_TABLES + 16);
            code.i32Xor().get(qSum).i32Xor().set(qSum);
          }
          code.get(i).i32Const(1).i32Add().set(i);
        },
      );
      if (p) deliver(pSum, Slot.P, SUM_CHECK_P_RESULT);
      if (q) deliver(qSum, Slot.Q, SUM_CHECK_Q_RESULT);
      code.get(at).i32Const(1).i32Add().set(at);
    },
  );
  code.get(difference);
}
