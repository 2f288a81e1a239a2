/**
 * What is done with a slot: the calls of ISA-L, for a thread of its own or for the main one. A file of JavaScript, as Node runs it as it is.
 *
 * What the functions promise is in the library's headers: isa-l/raid.h, isa-l/erasure_code.h, isa-l/mem_routines.h.
 */

/** Recomputed sums are compared in pieces that stay in the first-level cache. A multiple of 32. */
const PIECE_BYTES = 8192;
/** In its last, partial step of 64 bytes, `ec_encode_data` may write what it has read already. */
const STEP_BYTES = 64;

/**
 * @typedef {(...args: number[]) => number} Call
 * @typedef {{ readonly bytes: Uint8Array, readonly words: Uint32Array, readonly addr: number }} Memory
 */

/** Does what is in the slots of a ring. */
export class Executor {
  /** @type {typeof import("koffi").default} */ #koffi;
  /** @type {import("./ring.js").RingTask["work"]} */ #work;
  /** @type {import("./ring.js").RingTask["slotOffsets"]} */ #slotOffsets;
  #slotsAt;
  #words;
  #bytes;
  #ringAddr;
  /** @type {Call} */ #xorGen;
  /** @type {Call} */ #pqGen;
  /** @type {Call} */ #ecInitTables;
  /** @type {Call} */ #ecEncodeData;
  /** @type {Call} */ #isalZeroDetect;
  /** What {@link #alloc} gave, which nothing else keeps alive. @type {SharedArrayBuffer[]} */
  #allocated = [];
  /** A piece for each of two sums, and one for how they differ from what they should be. */
  #pieces;
  #difference;
  /** The slot's addresses, which move on from piece to piece. */
  #list;
  /** The lists of a comparison: what is, what should be, and the difference; and of a copy. */
  #comparison;
  #copyFrom;
  #copyTo;
  /** The library's tables for the coefficients of {@link #tabled}, of which there are `tabledTerms` in a row. */
  #tables;
  #tabled;
  #tabledTerms = 0;
  #tabledRows = 0;
  /** The tables of a single coefficient 1. */
  #one;

  /** @param {typeof import("koffi").default} koffi @param {import("./ring.js").RingTask} task */
  constructor(koffi, { library, ring, maxTerms, maxRows, work, ringOffsets, slotOffsets }) {
    this.#koffi = koffi;
    this.#work = work;
    this.#slotOffsets = slotOffsets;
    this.#slotsAt = ringOffsets.slots;
    this.#words = new Uint32Array(ring);
    this.#bytes = new Uint8Array(ring);
    this.#ringAddr = Number(koffi.address(this.#bytes));
    // DEEPBIND: Node 20's own OpenSSL exports a gf_mul, which the library's calls of its own gf_mul would end up in.
    const isal = koffi.load(library, { deep: true });
    const lists = ["uintptr_t", "uintptr_t", "uintptr_t"];
    this.#xorGen = isal.func("xor_gen", "int", ["int", "int", "uintptr_t"]);
    this.#pqGen = isal.func("pq_gen", "int", ["int", "int", "uintptr_t"]);
    this.#ecInitTables = isal.func("ec_init_tables", "void", ["int", "int", "uintptr_t", "uintptr_t"]);
    this.#ecEncodeData = isal.func("ec_encode_data", "void", ["int", "int", "int", ...lists]);
    this.#isalZeroDetect = isal.func("isal_zero_detect", "int", ["uintptr_t", "size_t"]);
    this.#pieces = [this.#alloc(PIECE_BYTES), this.#alloc(PIECE_BYTES), this.#alloc(PIECE_BYTES)].map(
      ({ addr }) => addr,
    );
    this.#difference = this.#piece(2);
    this.#list = this.#alloc(8 * (maxTerms + maxRows));
    this.#comparison = this.#alloc(8 * 3);
    this.#copyFrom = this.#alloc(8);
    this.#copyTo = this.#alloc(8);
    this.#tables = this.#alloc(32 * maxTerms * maxRows);
    this.#tabled = this.#alloc(maxTerms * maxRows);
    this.#one = this.#alloc(32);
    this.#tabled.bytes[0] = 1;
    this.#ecInitTables(1, 1, this.#tabled.addr, this.#one.addr);
  }

  /**
   * Does what a slot says, and writes down there how that went: the rows that are wrong, as bits; -1 when the library refused.
   * @param {number} slot
   */
  execute(slot) {
    const at = this.#slotsAt + slot * this.#slotOffsets.sizeBytes;
    this.#words[(at + this.#slotOffsets.result) / 4] = this.#resultOf(at);
  }

  /** @param {number} at - where the slot begins, in bytes @returns {number} */
  #resultOf(at) {
    const lengthBytes = this.#word(at + this.#slotOffsets.lengthBytes);
    const terms = this.#word(at + this.#slotOffsets.terms);
    const rows = this.#word(at + this.#slotOffsets.rows);
    const addrs = this.#ringAddr + at + this.#slotOffsets.addrs;
    switch (this.#word(at + this.#slotOffsets.work)) {
      case this.#work.XOR_GEN:
        return this.#xorGen(terms + 1, lengthBytes, addrs) === 0 ? 0 : -1;
      case this.#work.PQ_GEN:
        return this.#pqGen(terms + 2, lengthBytes, addrs) === 0 ? 0 : -1;
      case this.#work.SUMS:
        return this.#makeSums(at, terms, rows, lengthBytes);
      case this.#work.XOR_CHECK:
        return this.#checkXor(at, terms, lengthBytes);
      case this.#work.PQ_CHECK:
        return this.#checkPq(at, terms, rows, this.#word(at + this.#slotOffsets.firstRow), lengthBytes);
      case this.#work.SUMS_CHECK:
        return this.#checkSums(at, terms, rows, lengthBytes);
      default:
        return 0;
    }
  }

  /**
   * Any linear combinations. A sum may take the place of one of its own terms, so the partial step at the end is done first, and aside.
   * @param {number} at @param {number} terms @param {number} rows @param {number} lengthBytes
   */
  #makeSums(at, terms, rows, lengthBytes) {
    this.#initTables(at, terms, rows);
    const tailBytes = lengthBytes % STEP_BYTES;
    const bulkBytes = lengthBytes - tailBytes;
    const addrs = this.#ringAddr + at + this.#slotOffsets.addrs;
    if (tailBytes > 0) {
      this.#takeList(at, terms);
      this.#advance(terms, bulkBytes);
      for (let row = 0; row < rows; row++) setAddr(this.#list, terms + row, this.#piece(row));
      this.#ecEncodeData(
        tailBytes,
        terms,
        rows,
        this.#tables.addr,
        this.#list.addr,
        this.#list.addr + 8 * terms,
      );
    }
    if (bulkBytes > 0)
      this.#ecEncodeData(bulkBytes, terms, rows, this.#tables.addr, addrs, addrs + 8 * terms);
    if (tailBytes > 0) {
      this.#takeList(at, terms + rows);
      this.#advance(terms + rows, bulkBytes);
      for (let row = 0; row < rows; row++) {
        setAddr(this.#copyFrom, 0, this.#piece(row));
        setAddr(this.#copyTo, 0, addrOf(this.#list.words, terms + row));
        this.#ecEncodeData(tailBytes, 1, 1, this.#one.addr, this.#copyFrom.addr, this.#copyTo.addr);
      }
    }
    return 0;
  }

  /** @param {number} at @param {number} terms @param {number} lengthBytes */
  #checkXor(at, terms, lengthBytes) {
    this.#takeList(at, terms);
    setAddr(this.#list, terms, this.#difference);
    for (let start = 0; start < lengthBytes; start += PIECE_BYTES) {
      const size = Math.min(PIECE_BYTES, lengthBytes - start);
      if (this.#xorGen(terms + 1, size, this.#list.addr) !== 0) return -1;
      if (this.#isalZeroDetect(this.#difference, size) !== 0) return 1;
      this.#advance(terms, PIECE_BYTES);
    }
    return 0;
  }

  /**
   * Generates P and Q aside, and compares the rows. The library's `pq_check` takes several times as long, and does not tell which one is wrong.
   * @param {number} at @param {number} terms @param {number} rows @param {number} firstRow @param {number} lengthBytes
   */
  #checkPq(at, terms, rows, firstRow, lengthBytes) {
    this.#takeList(at, terms);
    setAddr(this.#list, terms, this.#piece(0));
    setAddr(this.#list, terms + 1, this.#piece(1));
    const first = (at + this.#slotOffsets.addrs) / 8;
    let wrong = 0;
    for (let start = 0; start < lengthBytes; start += PIECE_BYTES) {
      const size = Math.min(PIECE_BYTES, lengthBytes - start);
      if (this.#pqGen(terms + 2, size, this.#list.addr) !== 0) return -1;
      for (let row = 0; row < rows; row++) {
        setAddr(this.#comparison, 0, addrOf(this.#words, first + terms + row) + start);
        setAddr(this.#comparison, 1, this.#piece(firstRow + row));
        setAddr(this.#comparison, 2, this.#difference);
        if (this.#xorGen(3, size, this.#comparison.addr) !== 0) return -1;
        if (this.#isalZeroDetect(this.#difference, size) !== 0) wrong |= 1 << row;
      }
      this.#advance(terms, PIECE_BYTES);
    }
    return wrong;
  }

  /** @param {number} at @param {number} terms @param {number} rows @param {number} lengthBytes */
  #checkSums(at, terms, rows, lengthBytes) {
    this.#initTables(at, terms, rows);
    this.#takeList(at, terms);
    for (let row = 0; row < rows; row++) setAddr(this.#list, terms + row, this.#piece(row));
    let wrong = 0;
    for (let start = 0; start < lengthBytes; start += PIECE_BYTES) {
      const size = Math.min(PIECE_BYTES, lengthBytes - start);
      this.#ecEncodeData(size, terms, rows, this.#tables.addr, this.#list.addr, this.#list.addr + 8 * terms);
      for (let row = 0; row < rows; row++) {
        if (this.#isalZeroDetect(this.#piece(row), size) !== 0) wrong |= 1 << row;
      }
      this.#advance(terms, PIECE_BYTES);
    }
    return wrong;
  }

  /**
   * Makes the tables of a slot's coefficients, unless they are those of the slot before.
   * @param {number} at @param {number} terms @param {number} rows
   */
  #initTables(at, terms, rows) {
    const first = at + this.#slotOffsets.coefs;
    const count = terms * rows;
    let same = terms === this.#tabledTerms && rows === this.#tabledRows;
    for (let i = 0; same && i < count; i++) same = this.#bytes[first + i] === this.#tabled.bytes[i];
    if (same) return;
    this.#tabledTerms = terms;
    this.#tabledRows = rows;
    for (let i = 0; i < count; i++) this.#tabled.bytes[i] = this.#bytes[first + i] ?? 0;
    this.#ecInitTables(terms, rows, this.#tabled.addr, this.#tables.addr);
  }

  /**
   * Copies the first `count` of a slot's addresses to {@link #list}.
   * @param {number} at @param {number} count
   */
  #takeList(at, count) {
    const first = (at + this.#slotOffsets.addrs) / 4;
    for (let i = 0; i < 2 * count; i++) this.#list.words[i] = this.#words[first + i] ?? 0;
  }

  /** Moves the first `count` addresses of {@link #list} on. @param {number} count @param {number} byBytes */
  #advance(count, byBytes) {
    for (let i = 0; i < count; i++) setAddr(this.#list, i, addrOf(this.#list.words, i) + byBytes);
  }

  /** @param {number} row */
  #piece(row) {
    return this.#pieces[row] ?? 0;
  }

  /** @param {number} at */
  #word(at) {
    return this.#words[at / 4] ?? 0;
  }

  /** Memory aligned as the library wants it. @param {number} sizeBytes @returns {Memory} */
  #alloc(sizeBytes) {
    const buffer = new SharedArrayBuffer(sizeBytes + 64 + (-sizeBytes & 3));
    this.#allocated.push(buffer);
    const start = Number(this.#koffi.address(new Uint8Array(buffer)));
    const at = (64 - (start % 64)) % 64;
    return {
      bytes: new Uint8Array(buffer, at, sizeBytes),
      words: new Uint32Array(buffer, at, sizeBytes >>> 2),
      addr: start + at,
    };
  }
}

/** @param {Memory} to @param {number} index @param {number} addr */
function setAddr(to, index, addr) {
  to.words[2 * index] = addr;
  to.words[2 * index + 1] = addr / 2 ** 32;
}

/** @param {Uint32Array} from @param {number} index */
function addrOf(from, index) {
  return (from[2 * index] ?? 0) + (from[2 * index + 1] ?? 0) * 2 ** 32;
}
