import { RangeSet } from "./range-set.js";

/** What memory that only the device may write is filled with when it is mapped (POISON_INUSE of include/linux/poison.h). */
const POISON = 0x5a;

/** Fills memory that the CPU must not read before the device has written it, so that a reader notices. */
export function poison(memory: Uint8Array): void {
  memory.fill(POISON);
}

/**
 * Remembers what mapped memory must hold as long as nobody is allowed to write it, and finds out when somebody did.
 * Offsets are those within the mapping.
 */
export class ContentGuard {
  readonly #memory: Uint8Array;
  readonly #copy: Uint8Array;
  /** The same bytes as words, and where they start: comparing is most of the checker's work. */
  readonly #memoryWords: Uint32Array;
  readonly #copyWords: Uint32Array;
  readonly #wordsAt: number;
  /** Where {@link #copy} tells what must be there. */
  readonly #guarded = new RangeSet();

  constructor(memory: Uint8Array) {
    this.#memory = memory;
    const phase = memory.byteOffset % 4;
    this.#wordsAt = (4 - phase) % 4;
    this.#copy = new Uint8Array(new ArrayBuffer(memory.length + phase), phase);
    this.#memoryWords = this.#words(memory);
    this.#copyWords = this.#words(this.#copy);
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
