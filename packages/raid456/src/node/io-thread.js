/**
 * A thread that reads and writes files: takes transfers from the ring as they come, and does each with system calls that block. A file of
 * JavaScript, as Node runs it as it is.
 */
import { readSync, readvSync, writeSync, writevSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";

/** @type {import("./io-ring.js").IoThreadTask} */
const { ring, slots, ringOffsets, slotOffsets } = workerData;

/** How often an idle thread looks again before it sleeps: some microseconds, about as long as waking it takes. */
const SPINS = 1000;
/** What is reported for an error that has no number: EIO of errno.h. */
const EIO = -5;
const READ = 0;

const words = new Int32Array(ring);
/** Everything in the buffers, by their numbers. @type {Uint8Array[]} */
const buffers = [];

/** @type {import("node:worker_threads").MessagePort} */ (parentPort).postMessage("ready");
serve();

function serve() {
  for (;;) {
    const tail = seek();
    const first = tail & (slots - 1);
    const header = wordOf(first);
    const pieces = words[header + slotOffsets.pieces] ?? 0;
    if (Atomics.compareExchange(words, ringOffsets.tail, tail, (tail + pieces) | 0) !== tail) continue;
    let result;
    try {
      result = transfer(first, pieces);
    } catch (error) {
      result = /** @type {NodeJS.ErrnoException} */ (error).errno ?? EIO;
    }
    words[header + slotOffsets.result] = result;
    const ended = Atomics.add(words, ringOffsets.ended, 1);
    Atomics.store(words, ringOffsets.completions + (ended & (slots - 1)), first + 1);
    if (Atomics.load(words, ringOffsets.clientSleeps) === 0) continue;
    if (Atomics.exchange(words, ringOffsets.clientSleeps, 0) === 1) {
      Atomics.notify(words, ringOffsets.clientSleeps);
    }
  }
}

/** Waits until there are slots that nobody has taken. Returns the number of the first one. */
function seek() {
  Atomics.add(words, ringOffsets.seekers, 1);
  for (let spins = 0; ; spins++) {
    const tail = Atomics.load(words, ringOffsets.tail);
    if (Atomics.load(words, ringOffsets.head) !== tail) {
      // Who was the last one to look for work has somebody else look for more of it.
      if (Atomics.sub(words, ringOffsets.seekers, 1) === 1) wakeAnother(tail);
      return tail;
    }
    if (spins < SPINS) continue;
    spins = 0;
    Atomics.add(words, ringOffsets.sleepers, 1);
    Atomics.sub(words, ringOffsets.seekers, 1);
    const woken = Atomics.wait(words, ringOffsets.head, tail) === "ok";
    // Who wakes another one counts it already.
    if (!woken) Atomics.add(words, ringOffsets.seekers, 1);
    Atomics.sub(words, ringOffsets.sleepers, 1);
  }
}

/** @param {number} tail */
function wakeAnother(tail) {
  const pieces = words[wordOf(tail & (slots - 1)) + slotOffsets.pieces] ?? 0;
  if (Atomics.load(words, ringOffsets.head) === ((tail + pieces) | 0)) return;
  if (Atomics.load(words, ringOffsets.sleepers) === 0) return;
  Atomics.add(words, ringOffsets.seekers, 1);
  if (Atomics.notify(words, ringOffsets.head, 1) === 0) Atomics.sub(words, ringOffsets.seekers, 1);
}

/**
 * Does a transfer with one system call. Returns how many bytes that has transferred.
 * @param {number} first @param {number} pieces
 */
function transfer(first, pieces) {
  const header = wordOf(first);
  const fd = words[header + slotOffsets.fd] ?? -1;
  const low = (words[header + slotOffsets.positionLow] ?? 0) >>> 0;
  const position = (words[header + slotOffsets.positionHigh] ?? 0) * 2 ** 32 + low;
  const reads = words[header + slotOffsets.kind] === READ;
  if (pieces > 1) {
    const vector = Array.from({ length: pieces }, (_, i) => pieceIn((first + i) & (slots - 1)));
    return reads ? readvSync(fd, vector, position) : writevSync(fd, vector, position);
  }
  const bytes = bufferOf(header);
  const start = words[header + slotOffsets.offset] ?? 0;
  const length = words[header + slotOffsets.length] ?? 0;
  return reads ? readSync(fd, bytes, start, length, position) : writeSync(fd, bytes, start, length, position);
}

/** @param {number} slot */
function pieceIn(slot) {
  const word = wordOf(slot);
  const start = words[word + slotOffsets.offset] ?? 0;
  return bufferOf(word).subarray(start, start + (words[word + slotOffsets.length] ?? 0));
}

/** The buffer that the slot at `word` names. It was sent before the slot was filled in. @param {number} word @returns {Uint8Array} */
function bufferOf(word) {
  const number = words[word + slotOffsets.buffer] ?? 0;
  while (buffers[number] === undefined) {
    const received = receiveMessageOnPort(
      /** @type {import("node:worker_threads").MessagePort} */ (parentPort),
    );
    if (received === undefined) throw new Error(`no buffer has the number ${number}`);
    buffers[received.message.number] = new Uint8Array(received.message.buffer);
  }
  return /** @type {Uint8Array} */ (buffers[number]);
}

/** @param {number} slot */
function wordOf(slot) {
  return ringOffsets.slots + slot * slotOffsets.words;
}
