import type { DmaAddr } from "@dmaengine/core/driver";

/** Most sources of one transaction: GF(2^8) has no more than 255 different coefficients. */
export const MAX_SOURCES = 255;
/** When a sum goes on, or is checked, what P and Q hold already are two sources more. */
const MAX_TERMS = MAX_SOURCES + 2;
const MAX_ROWS = 2;

/**
 * What the thread does with a slot. `terms` addresses come first, then one for each of `rows` sums.
 *
 * The ones that are called after functions of the library need addresses, and `PQ…` also lengths, that are multiples of 32; `PQ…` has
 * the coefficients 1, 2, 4, 8 … for its second sum.
 */
export const Work = {
  NOTHING: 0,
  /** `xor_gen` */
  XOR_GEN: 1,
  /** `pq_gen` */
  PQ_GEN: 2,
  /** Any coefficients, any alignment: `ec_encode_data`. */
  SUMS: 3,
  /** Whether the xor of all terms is zero. There is no row. */
  XOR_CHECK: 4,
  /** Whether each row is what `pq_gen` would make. Q is the only row where `firstRow` is 1. */
  PQ_CHECK: 5,
  /** Whether each of the sums, which are not written, is zero. */
  SUMS_CHECK: 6,
} as const;
export type Work = (typeof Work)[keyof typeof Work];

/** Offsets in the ring, in bytes. Counters of different writers have cache lines of their own. */
const RING = {
  /** How many transactions were issued: a 32-bit counter that runs over. */
  issued: 0,
  /** How many were done. */
  done: 64,
  /** The number of done ones at which to wake who sleeps. */
  wakeAt: 128,
  slots: 192,
} as const;

const ADDRS = 32;
const COEFS = ADDRS + 8 * (MAX_TERMS + MAX_ROWS);
const LINE_BYTES = 64;

/** Offsets in a slot, in bytes. What the thread needs for most transactions is in the first cache lines. */
const SLOT = {
  work: 0,
  lengthBytes: 4,
  terms: 8,
  rows: 12,
  firstRow: 16,
  /** From the thread: bit r is set when row r is wrong; -1 when the library refused. */
  result: 20,
  /** `terms + rows` addresses, as the pointers of C. */
  addrs: ADDRS,
  /** `rows` times `terms` coefficients, a byte each. */
  coefs: COEFS,
  sizeBytes: Math.ceil((COEFS + MAX_ROWS * MAX_TERMS) / LINE_BYTES) * LINE_BYTES,
} as const;

/** All that is told to what serves a ring. */
export interface RingTask {
  readonly library: string;
  readonly ring: SharedArrayBuffer;
  readonly ringSize: number;
  readonly maxTerms: number;
  readonly maxRows: number;
  readonly work: typeof Work;
  readonly ringOffsets: typeof RING;
  readonly slotOffsets: typeof SLOT;
}

/** The client's side of the ring of a thread: slots that are filled in, a counter that issues them, another one that tells what was done. */
export class Ring {
  readonly size: number;
  readonly #buffer: SharedArrayBuffer;
  readonly #counters: Int32Array<SharedArrayBuffer>;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(size: number) {
    this.size = size;
    this.#buffer = new SharedArrayBuffer(RING.slots + size * SLOT.sizeBytes);
    this.#counters = new Int32Array(this.#buffer);
    this.#words = new Uint32Array(this.#buffer);
    this.#bytes = new Uint8Array(this.#buffer);
  }

  /** What is needed to serve the ring. */
  task(library: string): RingTask {
    return {
      library,
      ring: this.#buffer,
      ringSize: this.size,
      maxTerms: MAX_TERMS,
      maxRows: MAX_ROWS,
      work: Work,
      ringOffsets: RING,
      slotOffsets: SLOT,
    };
  }

  get done(): number {
    return Atomics.load(this.#counters, RING.done / 4);
  }

  issue(issued: number): void {
    Atomics.store(this.#counters, RING.issued / 4, issued);
    Atomics.notify(this.#counters, RING.issued / 4);
  }

  /**
   * Resolves when `count` transactions were done, after `millis`, when {@link wake} is called, or with somebody else's sleep. Waking costs the thread as much as a
   * transaction of a few KiB, so it does not wake anybody before.
   */
  async sleep(count: number, millis: number): Promise<void> {
    const index = RING.wakeAt / 4;
    const wakeAt = this.#counters[index] as number;
    const othersFirst = ((wakeAt - this.done) | 0) > 0 && ((wakeAt - count) | 0) < 0;
    if (!othersFirst) Atomics.store(this.#counters, index, count);
    const { done } = this;
    if (((done - count) | 0) >= 0) return;
    const woken = waitAsync(this.#counters, RING.done / 4, done, millis).value;
    // Waiting alone does not keep the process alive.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, millis);
    });
    await Promise.race([woken, late]);
    clearTimeout(timer);
  }

  /** Wakes whoever sleeps, although nothing was done. */
  wake(): void {
    Atomics.notify(this.#counters, RING.done / 4);
  }

  /** Fills in a slot, but for coefficients and addresses. */
  set(slot: number, work: Work, lengthBytes: number, terms: number, rows: number, firstRow: number): void {
    const word = wordOf(slot);
    this.#words[word + SLOT.work / 4] = work;
    this.#words[word + SLOT.lengthBytes / 4] = lengthBytes;
    this.#words[word + SLOT.terms / 4] = terms;
    this.#words[word + SLOT.rows / 4] = rows;
    this.#words[word + SLOT.firstRow / 4] = firstRow;
    this.#words[word + SLOT.result / 4] = 0;
  }

  /** Makes a slot nothing to do. */
  clear(slot: number): void {
    this.#words[wordOf(slot) + SLOT.work / 4] = Work.NOTHING;
  }

  setAddr(slot: number, index: number, addr: DmaAddr): void {
    const word = wordOf(slot) + SLOT.addrs / 4 + 2 * index;
    this.#words[word] = addr;
    this.#words[word + 1] = addr / 2 ** 32;
  }

  /** Coefficient `index`, counted through all rows. */
  setCoef(slot: number, index: number, coef: number): void {
    this.#bytes[4 * wordOf(slot) + SLOT.coefs + index] = coef;
  }

  /** What was found: a set of wrong rows, or -1. */
  result(slot: number): number {
    return this.#counters[wordOf(slot) + SLOT.result / 4] as number;
  }
}

function wordOf(slot: number): number {
  return (RING.slots + slot * SLOT.sizeBytes) / 4;
}

/** Of ECMAScript 2024, which all supported versions of Node have, and the language level of the sources hasn't. */
const { waitAsync } = Atomics as unknown as {
  waitAsync(
    words: Int32Array,
    index: number,
    value: number,
    timeoutMillis: number,
  ): { readonly value: Promise<string> | string };
};
