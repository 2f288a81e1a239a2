/** Allocations are whole cache lines. */
const LINE_BYTES = 64;

/** A span that nobody has: from `start` to `end - 1`. */
interface Span {
  start: number;
  end: number;
}

/** Gives out parts of an address range: first fit, neighbours that become free grow together. */
export class FreeList {
  /** Sorted, with something in use between any two. */
  readonly #free: Span[];
  /** Sizes of what was given out, by start. */
  readonly #used = new Map<number, number>();

  /** Both ends are multiples of 64. */
  constructor(start: number, end: number) {
    this.#free = start < end ? [{ start, end }] : [];
  }

  get empty(): boolean {
    return this.#used.size === 0;
  }

  /** The start of `sizeBytes` bytes at a multiple of `alignBytes`, a power of two; -1 when there are not so many in a row. */
  take(sizeBytes: number, alignBytes: number): number {
    const size = Math.max(1, Math.ceil(sizeBytes / LINE_BYTES)) * LINE_BYTES;
    const align = Math.max(alignBytes, LINE_BYTES);
    for (const [i, span] of this.#free.entries()) {
      const start = Math.ceil(span.start / align) * align;
      if (start + size > span.end) continue;
      const rest = [
        { start: span.start, end: start },
        { start: start + size, end: span.end },
      ].filter(({ start, end }) => start < end);
      this.#free.splice(i, 1, ...rest);
      this.#used.set(start, size);
      return start;
    }
    return -1;
  }

  /** Takes back what {@link take} gave. False when nothing that starts there is in use. */
  give(start: number): boolean {
    const size = this.#used.get(start);
    if (size === undefined) return false;
    this.#used.delete(start);
    this.#release(start, start + size);
    return true;
  }

  /** Adds fresh memory behind the end. */
  extend(start: number, end: number): void {
    this.#release(start, end);
  }

  #release(start: number, end: number): void {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#free[middle] as Span).start < start) low = middle + 1;
      else high = middle;
    }
    const before = this.#free[low - 1];
    const behind = this.#free[low];
    const joinsBefore = before !== undefined && before.end === start;
    const joinsBehind = behind !== undefined && behind.start === end;
    if (joinsBefore && joinsBehind) {
      before.end = behind.end;
      this.#free.splice(low, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsBehind) behind.start = start;
    else this.#free.splice(low, 0, { start, end });
  }
}
