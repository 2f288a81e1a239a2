/** Width of a bucket: a page, because mappings often are one. */
const BUCKET = 4096;

/** Finds what covers a place, among many: each entry is in the bucket of every page that it touches. */
export class IntervalIndex<T> {
  readonly #buckets = new Map<number, T[]>();
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
      else bucket.push(entry);
    });
  }

  delete(entry: T): void {
    this.#eachBucket(this.#start(entry), this.#end(entry), (key) => {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) return;
      const at = bucket.indexOf(entry);
      if (at >= 0) bucket.splice(at, 1);
      if (bucket.length === 0) this.#buckets.delete(key);
    });
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

  #eachBucket(start: number, end: number, visit: (key: number) => void): void {
    for (let key = Math.floor(start / BUCKET); key * BUCKET < end; key++) visit(key);
  }
}
