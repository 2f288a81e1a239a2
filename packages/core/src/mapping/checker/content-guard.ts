import { RangeSet } from "./range-set.js";

/** What memory that only the device may write is filled with when it is mapped (POISON_INUSE of include/linux/poison.h). */
const POISON = 0x5a;

/** Fills memory that the CPU must not read before the device has written it, so that a reader notices. */
export function poison(memory: Uint8Array): void {
  memory.fill(POISON);
}

/** How much memory for copies may lie idle. */
const MAX_IDLE_BYTES = 16 * 1024 * 1024;

/** Memory for copies, used again and again: allocating it is most of what a mapping would cost. */
export class CopyPool {
  /** By size, which is a power of two. */
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;

  /** A buffer of at least so many bytes, with any content. */
  take(sizeBytes: number): ArrayBuffer {
    const size = 2 ** Math.ceil(Math.log2(sizeBytes));
    const buffer = this.#idle.get(size)?.pop();
    if (buffer === undefined) return new ArrayBuffer(size);
    this.#idleBytes -= size;
    return buffer;
  }

  give(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    if (this.#idleBytes + size > MAX_IDLE_BYTES) return;
    this.#idleBytes += size;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [buffer]);
    else idle.push(buffer);
  }
}

/**
 * Remembers what mapped memory must hold as long as nobody is allowed to write it, and finds out when somebody did.
 * Offsets are those within the mapping.
 */
export class ContentGuard {
  readonly #memory: Uint8Array;
  readonly #copy: Uint8Array<ArrayBuffer>;
  /** The same bytes as words, and where they start: comparing is most of the checker's work. */
  readonly #memoryWords: Uint32Array;
  readonly #copyWords: Uint32Array;
  readonly #wordsAt: number;
  /** Where {@link #copy} tells what must be there. */
  readonly #guarded = new RangeSet();

  constructor(memory: Uint8Array, pool: CopyPool) {
    this.#memory = memory;
    const phase = memory.byteOffset % 4;
    this.#wordsAt = (4 - phase) % 4;
    this.#copy = new Uint8Array(pool.take(memory.length + phase), phase, memory.length);
    this.#memoryWords = this.#words(memory);
    this.#copyWords = this.#words(this.#copy);
  }

  /** The guard is not needed any more. */
  end(pool: CopyPool): void {
    pool.give(this.#copy.buffer);
  }

  /** From now on the range must stay as it is. */
  guard(start: number, end: number): void {
    this.#copy.set(this.#memory.subarray(start, end), start);
    this.#guarded.add(start, end);
  }

  /** From now on the range may change. */
  release(start: number, end: number): void {
    this.#guarded.remove(start, end);
  }

  /** The first byte of the range that is not what it must be, or -1. */
  changedByte(start: number, end: number): number {
    let found = -1;
    this.#guarded.within(start, end, (from, to) => {
      if (found < 0) found = this.#firstDifference(from, to);
    });
    return found;
  }

  #words(bytes: Uint8Array): Uint32Array {
    const count = (bytes.length - this.#wordsAt) >> 2;
    return count > 0
      ? new Uint32Array(bytes.buffer, bytes.byteOffset + this.#wordsAt, count)
      : new Uint32Array(0);
  }

  #firstDifference(from: number, to: number): number {
    let at = from;
    const firstWord = Math.ceil((from - this.#wordsAt) / 4);
    const endWord = Math.floor((to - this.#wordsAt) / 4);
    if (firstWord < endWord) {
      for (const head = this.#wordsAt + firstWord * 4; at < head; at++) if (this.#differs(at)) return at;
      const memory = this.#memoryWords;
      const copy = this.#copyWords;
      let word = firstWord;
      while (word < endWord && memory[word] === copy[word]) word++;
      at = this.#wordsAt + word * 4;
    }
    for (; at < to; at++) if (this.#differs(at)) return at;
    return -1;
  }

  #differs(at: number): boolean {
    return this.#memory[at] !== this.#copy[at];
  }
}
