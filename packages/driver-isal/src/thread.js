/**
 * The thread behind a channel: takes slots from its ring in order and calls ISA-L for them. A file of JavaScript, as Node runs it as it is.
 *
 * What the functions promise is in the library's headers: isa-l/raid.h, isa-l/erasure_code.h, isa-l/mem_routines.h.
 */
import { workerData } from "node:worker_threads";
import koffi from "koffi";

/** @type {import("./ring.js").ThreadTask} */
const { library, ring, ringSize, maxTerms, maxRows, work, ringOffsets, slotOffsets } = workerData;

/** Recomputed sums are compared in pieces that stay in the first-level cache. A multiple of 32. */
const PIECE_BYTES = 8192;
/** In its last, partial step of 64 bytes, `ec_encode_data` may write what it has read already. */
const STEP_BYTES = 64;
/** How often an idle thread looks again before it sleeps: some microseconds, as long as going to sleep takes. */
const SPINS = 2000;

/**
 * @typedef {(...args: number[]) => number} Call
 * @typedef {{ readonly bytes: Uint8Array, readonly words: Uint32Array, readonly addr: number }} Memory
 */

// DEEPBIND: Node 20's own OpenSSL exports a gf_mul, which the library's calls of its own gf_mul would end up in.
const isal = koffi.load(library, { deep: true });
/** @type {Call} */
const xorGen = isal.func("xor_gen", "int", ["int", "int", "uintptr_t"]);
/** @type {Call} */
const pqGen = isal.func("pq_gen", "int", ["int", "int", "uintptr_t"]);
/** @type {Call} */
const ecInitTables = isal.func("ec_init_tables", "void", ["int", "int", "uintptr_t", "uintptr_t"]);
/** @type {Call} */
const ecEncodeData = isal.func("ec_encode_data", "void", [
  "int",
  "int",
  "int",
  "uintptr_t",
  "uintptr_t",
  "uintptr_t",
]);
/** @type {Call} */
const isalZeroDetect = isal.func("isal_zero_detect", "int", ["uintptr_t", "size_t"]);

const counters = new Int32Array(ring);
const words = new Uint32Array(ring);
const bytes = new Uint8Array(ring);
const ringAddr = Number(koffi.address(bytes));

/** What {@link alloc} gave, which nothing else keeps alive. @type {SharedArrayBuffer[]} */
const allocated = [];
/** A piece for each of two sums, and one for how they differ from what they should be. */
const pieces = [alloc(PIECE_BYTES), alloc(PIECE_BYTES), alloc(PIECE_BYTES)].map(({ addr }) => addr);
const difference = pieces[2] ?? 0;
/** The slot's addresses, which move on from piece to piece. */
const list = alloc(8 * (maxTerms + maxRows));
/** The lists of a comparison: what is, what should be, and the difference; and of a copy. */
const comparison = alloc(8 * 3);
const copyFrom = alloc(8);
const copyTo = alloc(8);
/** The library's tables for the coefficients of {@link tabled}, of which there are `tabledTerms` in a row. */
const tables = alloc(32 * maxTerms * maxRows);
const tabled = alloc(maxTerms * maxRows);
let tabledTerms = 0;
let tabledRows = 0;
/** The tables of a single coefficient 1. */
const one = alloc(32);
tabled.bytes[0] = 1;
ecInitTables(1, 1, tabled.addr, one.addr);

serve();

function serve() {
  const issuedIndex = ringOffsets.issued / 4;
  const doneIndex = ringOffsets.done / 4;
  let done = Atomics.load(counters, doneIndex);
  for (let slot = 0; ; slot = slot + 1 === ringSize ? 0 : slot + 1) {
    for (let spins = 0; Atomics.load(counters, issuedIndex) === done; spins++) {
      if (spins > SPINS) Atomics.wait(counters, issuedIndex, done);
    }
    const at = ringOffsets.slots + slot * slotOffsets.sizeBytes;
    words[(at + slotOffsets.result) / 4] = execute(at);
    done = (done + 1) | 0;
    Atomics.store(counters, doneIndex, done);
    if (Atomics.load(counters, ringOffsets.wakeAt / 4) === done) Atomics.notify(counters, doneIndex);
  }
}

/**
 * Does what the slot at offset `at` says.
 * @param {number} at
 * @returns {number} the rows that are wrong, as bits; -1 when the library refused.
 */
function execute(at) {
  const lengthBytes = word(at + slotOffsets.lengthBytes);
  const terms = word(at + slotOffsets.terms);
  const rows = word(at + slotOffsets.rows);
  const addrs = ringAddr + at + slotOffsets.addrs;
  switch (word(at + slotOffsets.work)) {
    case work.XOR_GEN:
      return xorGen(terms + 1, lengthBytes, addrs) === 0 ? 0 : -1;
    case work.PQ_GEN:
      return pqGen(terms + 2, lengthBytes, addrs) === 0 ? 0 : -1;
    case work.SUMS:
      return makeSums(at, terms, rows, lengthBytes);
    case work.XOR_CHECK:
      return checkXor(at, terms, lengthBytes);
    case work.PQ_CHECK:
      return checkPq(at, terms, rows, word(at + slotOffsets.firstRow), lengthBytes);
    case work.SUMS_CHECK:
      return checkSums(at, terms, rows, lengthBytes);
    default:
      return 0;
  }
}

/**
 * Any linear combinations. A sum may take the place of one of its own terms, so the partial step at the end is done first, and aside.
 * @param {number} at @param {number} terms @param {number} rows @param {number} lengthBytes
 */
function makeSums(at, terms, rows, lengthBytes) {
  initTables(at, terms, rows);
  const tailBytes = lengthBytes % STEP_BYTES;
  const bulkBytes = lengthBytes - tailBytes;
  const addrs = ringAddr + at + slotOffsets.addrs;
  if (tailBytes > 0) {
    takeList(at, terms);
    advance(terms, bulkBytes);
    for (let row = 0; row < rows; row++) setAddr(list, terms + row, piece(row));
    ecEncodeData(tailBytes, terms, rows, tables.addr, list.addr, list.addr + 8 * terms);
  }
  if (bulkBytes > 0) ecEncodeData(bulkBytes, terms, rows, tables.addr, addrs, addrs + 8 * terms);
  if (tailBytes > 0) {
    takeList(at, terms + rows);
    advance(terms + rows, bulkBytes);
    for (let row = 0; row < rows; row++) {
      setAddr(copyFrom, 0, piece(row));
      setAddr(copyTo, 0, addrOf(list.words, terms + row));
      ecEncodeData(tailBytes, 1, 1, one.addr, copyFrom.addr, copyTo.addr);
    }
  }
  return 0;
}

/** @param {number} at @param {number} terms @param {number} lengthBytes */
function checkXor(at, terms, lengthBytes) {
  takeList(at, terms);
  setAddr(list, terms, difference);
  for (let start = 0; start < lengthBytes; start += PIECE_BYTES) {
    const size = Math.min(PIECE_BYTES, lengthBytes - start);
    if (xorGen(terms + 1, size, list.addr) !== 0) return -1;
    if (isalZeroDetect(difference, size) !== 0) return 1;
    advance(terms, PIECE_BYTES);
  }
  return 0;
}

/**
 * Generates P and Q aside, and compares the rows. The library's `pq_check` takes several times as long, and does not tell which one is wrong.
 * @param {number} at @param {number} terms @param {number} rows @param {number} firstRow @param {number} lengthBytes
 */
function checkPq(at, terms, rows, firstRow, lengthBytes) {
  takeList(at, terms);
  setAddr(list, terms, piece(0));
  setAddr(list, terms + 1, piece(1));
  const first = (at + slotOffsets.addrs) / 8;
  let wrong = 0;
  for (let start = 0; start < lengthBytes; start += PIECE_BYTES) {
    const size = Math.min(PIECE_BYTES, lengthBytes - start);
    if (pqGen(terms + 2, size, list.addr) !== 0) return -1;
    for (let row = 0; row < rows; row++) {
      setAddr(comparison, 0, addrOf(words, first + terms + row) + start);
      setAddr(comparison, 1, piece(firstRow + row));
      setAddr(comparison, 2, difference);
      if (xorGen(3, size, comparison.addr) !== 0) return -1;
      if (isalZeroDetect(difference, size) !== 0) wrong |= 1 << row;
    }
    advance(terms, PIECE_BYTES);
  }
  return wrong;
}

/** @param {number} at @param {number} terms @param {number} rows @param {number} lengthBytes */
function checkSums(at, terms, rows, lengthBytes) {
  initTables(at, terms, rows);
  takeList(at, terms);
  for (let row = 0; row < rows; row++) setAddr(list, terms + row, piece(row));
  let wrong = 0;
  for (let start = 0; start < lengthBytes; start += PIECE_BYTES) {
    const size = Math.min(PIECE_BYTES, lengthBytes - start);
    ecEncodeData(size, terms, rows, tables.addr, list.addr, list.addr + 8 * terms);
    for (let row = 0; row < rows; row++) {
      if (isalZeroDetect(piece(row), size) !== 0) wrong |= 1 << row;
    }
    advance(terms, PIECE_BYTES);
  }
  return wrong;
}

/**
 * Makes the tables of a slot's coefficients, unless they are those of the slot before.
 * @param {number} at @param {number} terms @param {number} rows
 */
function initTables(at, terms, rows) {
  const first = at + slotOffsets.coefs;
  const count = terms * rows;
  let same = terms === tabledTerms && rows === tabledRows;
  for (let i = 0; same && i < count; i++) same = bytes[first + i] === tabled.bytes[i];
  if (same) return;
  tabledTerms = terms;
  tabledRows = rows;
  for (let i = 0; i < count; i++) tabled.bytes[i] = bytes[first + i] ?? 0;
  ecInitTables(terms, rows, tabled.addr, tables.addr);
}

/**
 * Copies the first `count` of a slot's addresses to {@link list}.
 * @param {number} at @param {number} count
 */
function takeList(at, count) {
  const first = (at + slotOffsets.addrs) / 4;
  for (let i = 0; i < 2 * count; i++) list.words[i] = words[first + i] ?? 0;
}

/** Moves the first `count` addresses of {@link list} on. @param {number} count @param {number} byBytes */
function advance(count, byBytes) {
  for (let i = 0; i < count; i++) setAddr(list, i, addrOf(list.words, i) + byBytes);
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

/** @param {number} row */
function piece(row) {
  return pieces[row] ?? 0;
}

/** @param {number} at */
function word(at) {
  return words[at / 4] ?? 0;
}

/** Memory aligned as the library wants it. @param {number} sizeBytes @returns {Memory} */
function alloc(sizeBytes) {
  const buffer = new SharedArrayBuffer(sizeBytes + 64 + (-sizeBytes & 3));
  allocated.push(buffer);
  const start = Number(koffi.address(new Uint8Array(buffer)));
  const at = (64 - (start % 64)) % 64;
  return {
    bytes: new Uint8Array(buffer, at, sizeBytes),
    words: new Uint32Array(buffer, at, sizeBytes >>> 2),
    addr: start + at,
  };
}
