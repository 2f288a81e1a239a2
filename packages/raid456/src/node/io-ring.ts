/** Slots, a power of two: pieces of memory that wait for a thread, are in its hands, or were not looked at since. */
const SLOTS = 4096;
/** Most pieces of memory in one transfer. */
export const MAX_PIECES = 256;

/** Offsets in the ring, in 32-bit words. What different threads write has cache lines of its own. */
const RING = {
  /** How many slots were filled in: a counter that runs over, as all of them. */
  head: 0,
  /** How many of them threads have taken. */
  tail: 16,
  /** Threads that sleep. */
  sleepers: 32,
  /** Threads that look for work. */
  seekers: 48,
  /** How many transfers have ended. */
  ended: 64,
  /** 1 while the client sleeps. */
  clientSleeps: 80,
  /** For each transfer that has ended, in that order: its first slot plus one; 0 when the client has seen it. */
  completions: 96,
  slots: 96 + SLOTS,
} as const;

/** Offsets in a slot, in 32-bit words. Each has a piece of memory; the first one of a transfer has the rest, too. */
const SLOT = {
  kind: 0,
  fd: 1,
  /** The lower 32 bits of the offset on the device, and the upper ones. */
  positionLow: 2,
  positionHigh: 3,
  /** How many slots the transfer has. */
  pieces: 4,
  /** From the thread: how many bytes were transferred, or a negative number of errno.h. */
  result: 5,
  /** Number of the buffer that the piece is in, where it begins there, and how long it is. */
  buffer: 6,
  offset: 7,
  length: 8,
  words: 9,
} as const;

/** What a transfer does. */
export const TransferKind = { READ: 0, WRITE: 1 } as const;
export type TransferKind = (typeof TransferKind)[keyof typeof TransferKind];

/** What a thread is asked for: pieces of memory that follow each other in a file from byte `position` on. */
export interface RingTransfer {
  readonly kind: TransferKind;
  readonly fd: number;
  readonly position: number;
  readonly vector: readonly Uint8Array[];
}

/** All that a thread is told at its start. Buffers follow as messages, before the first slot that names them: their number, and they themselves. */
export interface IoThreadTask {
  readonly ring: SharedArrayBuffer;
  readonly slots: number;
  readonly ringOffsets: typeof RING;
  readonly slotOffsets: typeof SLOT;
}

/**
 * The client's side of a submission queue that any number of threads serve, and of the completion queue behind it, as NVMe and io_uring have
 * them: no message and no system call for a transfer, as long as threads and client are awake.
 */
export class IoRing {
  readonly #buffer = new SharedArrayBuffer(4 * (RING.slots + SLOTS * SLOT.words));
  readonly #words = new Int32Array(this.#buffer);
  #head = 0;
  /** The oldest slot that can't be filled in again yet. */
  #oldest = 0;
  /** By the first slot of each transfer that the client has seen the end of: how many slots it has. Otherwise 0. */
  readonly #seen = new Uint16Array(SLOTS);
  /** How many transfers the client has seen the end of. */
  #reaped = 0;

  /** What a thread needs to serve the ring. */
  task(): IoThreadTask {
    return { ring: this.#buffer, slots: SLOTS, ringOffsets: RING, slotOffsets: SLOT };
  }

  /** Whether a transfer of so many pieces has room now. */
  hasRoom(pieces: number): boolean {
    return ((this.#head - this.#oldest) | 0) + pieces <= SLOTS;
  }

  /**
   * Hands a transfer in, for which there must be room.
   *
   * @param numberOf - the number by which threads know a buffer
   * @returns its first slot, which stands for it until {@link reap} has named it
   */
  submit(
    { kind, fd, position, vector }: RingTransfer,
    numberOf: (buffer: ArrayBufferLike) => number,
  ): number {
    const words = this.#words;
    const first = this.#head & (SLOTS - 1);
    const header = wordOf(first);
    words[header + SLOT.kind] = kind;
    words[header + SLOT.fd] = fd;
    words[header + SLOT.positionLow] = position;
    words[header + SLOT.positionHigh] = position / 2 ** 32;
    words[header + SLOT.pieces] = vector.length;
    let before: ArrayBufferLike | null = null;
    let number = 0;
    for (let i = 0; i < vector.length; i++) {
      const { buffer, byteOffset, length } = vector[i] as Uint8Array;
      if (buffer !== before) number = numberOf(buffer);
      before = buffer;
      const word = wordOf((first + i) & (SLOTS - 1));
      words[word + SLOT.buffer] = number;
      words[word + SLOT.offset] = byteOffset;
      words[word + SLOT.length] = length;
    }
    this.#head = (this.#head + vector.length) | 0;
    Atomics.store(words, RING.head, this.#head);
    this.#wakeThread();
    return first;
  }

  /**
   * Wakes a thread, unless there is one that looks for work: it finds this, and sees to it that another one looks for the rest. Who is woken looks for
   * work from now on, although it needs some time to get up: nobody else need be woken in that time.
   */
  #wakeThread(): void {
    const words = this.#words;
    if (Atomics.load(words, RING.seekers) > 0 || Atomics.load(words, RING.sleepers) === 0) return;
    Atomics.add(words, RING.seekers, 1);
    if (Atomics.notify(words, RING.head, 1) === 0) Atomics.sub(words, RING.seekers, 1);
  }

  /** The first slot of the next transfer that has ended, or -1. */
  reap(): number {
    const word = RING.completions + (this.#reaped & (SLOTS - 1));
    const first = Atomics.load(this.#words, word) - 1;
    if (first < 0) return -1;
    Atomics.store(this.#words, word, 0);
    this.#reaped = (this.#reaped + 1) | 0;
    return first;
  }

  /** Of a transfer that was reaped: how many bytes it has transferred, or a negative number of errno.h. */
  result(first: number): number {
    return this.#words[wordOf(first) + SLOT.result] as number;
  }

  /** Nobody is going to ask any more how it went: its slots may be used again. */
  forget(first: number): void {
    this.#seen[first] = this.#words[wordOf(first) + SLOT.pieces] as number;
    for (;;) {
      const oldest = this.#oldest & (SLOTS - 1);
      const pieces = this.#seen[oldest] as number;
      if (pieces === 0) return;
      this.#seen[oldest] = 0;
      this.#oldest = (this.#oldest + pieces) | 0;
    }
  }

  /** Resolves when something may have ended. Does not keep the process alive. */
  async sleep(): Promise<void> {
    Atomics.store(this.#words, RING.clientSleeps, 1);
    const next = RING.completions + (this.#reaped & (SLOTS - 1));
    if (Atomics.load(this.#words, next) !== 0) {
      Atomics.store(this.#words, RING.clientSleeps, 0);
      return;
    }
    await waitAsync(this.#words, RING.clientSleeps, 1).value;
  }

  /** Ends {@link sleep}. */
  wake(): void {
    Atomics.store(this.#words, RING.clientSleeps, 0);
    Atomics.notify(this.#words, RING.clientSleeps);
  }
}

function wordOf(slot: number): number {
  return RING.slots + slot * SLOT.words;
}

/** Of ECMAScript 2024, which all supported versions of Node have, and the language level of the sources hasn't. */
const { waitAsync } = Atomics as unknown as {
  waitAsync(words: Int32Array, index: number, value: number): { readonly value: Promise<string> | string };
};
