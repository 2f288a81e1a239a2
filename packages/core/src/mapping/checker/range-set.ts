/** Called with a range from `start` up to, not including, `end`. */
export type Range = (start: number, end: number) => void;

/** A set of numbers that mostly come in long runs: disjoint ranges in ascending order, joined where they touch. */
export class RangeSet {
  /** start, end, start, end … */
  readonly #edges: number[] = [];

  get empty(): boolean {
    return this.#edges.length === 0;
  }

  add(start: number, end: number): void {
    this.#replace(start, end, true);
  }

  remove(start: number, end: number): void {
    this.#replace(start, end, false);
  }

  /** Whether any number of the range is in the set. */
  overlaps(start: number, end: number): boolean {
    let found = false;
    this.within(start, end, () => {
      found = true;
    });
    return found;
  }

  /** Visits the parts of the range that are in the set. */
  within(start: number, end: number, visit: Range): void {
    for (let i = 0; i < this.#edges.length; i += 2) {
      const from = Math.max(start, this.#edges[i] as number);
      const to = Math.min(end, this.#edges[i + 1] as number);
      if (from < to) visit(from, to);
    }
  }

  #replace(start: number, end: number, present: boolean): void {
    if (start >= end) return;
    const edges = this.#edges;
    // All edges from `start` to `end` go. An edge at an even place opens a run, so the parity of a place tells whether one is open there.
    let first = 0;
    while (first < edges.length && (edges[first] as number) < start) first++;
    let last = first;
    while (last < edges.length && (edges[last] as number) <= end) last++;
    const openBefore = first % 2 === 1;
    const openAfter = last % 2 === 1;
    const put: number[] = [];
    if (openBefore !== present) put.push(start);
    if (openAfter !== present) put.push(end);
    edges.splice(first, last - first, ...put);
  }
}
