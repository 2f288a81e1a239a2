/** Width of a bucket: a page, because mappings often are one. */
const BUCKET = 4096;
/** How many empty buckets may stay. Mappings come and go at the same places, and a Map of many entries is slow to add and delete in turn. */
const MAX_EMPTY = 1024;

/** Finds what covers a place, among many: each entry is in the bucket of every page that it touches. */
export class IntervalIndex<T> {
  readonly #buckets = new Map<number, T[]>();
  #empty = 0;
  readonly #start: (entry: T) => number;
  readonly #end: (entry: T) => number;

  /** @param end - the first place that is no longer the entry's. */
  constructor(start: (entry: T) => number, end: (entry: T) => number) {
    this.#start = start;
    this.#end = end;
  }

  add(entry: T): void {
    this.#eachBucket(this.#start(entry), this.#end(entry), (key) => {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) this.#buckets.set(key, [entry]);
      else if (bucket.push(entry) === 1) this.#empty -= 1;
    });
  }

  delete(entry: T): void {
    this.#eachBucket(this.#start(entry), this.#end(entry), (key) => {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) return;
      const at = bucket.indexOf(entry);
      if (at >= 0) bucket.splice(at, 1);
      if (at >= 0 && bucket.length === 0) this.#empty += 1;
    });
    if (this.#empty > MAX_EMPTY && this.#empty > this.#buckets.size / 2) this.#sweep();
  }

  /** All entries, each once. */
  all(): Set<T> {
    return new Set([...this.#buckets.values()].flat());
  }

  /** All entries that cover the place, in the order in which they came. */
  at(place: number): T[] {
    const bucket = this.#buckets.get(Math.floor(place / BUCKET));
    return bucket === undefined
      ? []
      : bucket.filter((entry) => this.#start(entry) <= place && place < this.#end(entry));
  }

  /** An entry that has a place in the range and passes the test. */
  findOverlapping(start: number, end: number, test: (entry: T) => boolean): T | undefined {
    for (let key = Math.floor(start / BUCKET); key * BUCKET < end; key++) {
      const found = this.#buckets
        .get(key)
        ?.find((entry) => this.#start(entry) < end && start < this.#end(entry) && test(entry));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #sweep(): void {
    for (const [key, bucket] of this.#buckets) if (bucket.length === 0) this.#buckets.delete(key);
    this.#empty = 0;
  }

  #eachBucket(start: number, end: number, visit: (key: number) => void): void {
    for (let key = Math.floor(start / BUCKET); key * BUCKET < end; key++) visit(key);
  }
}
