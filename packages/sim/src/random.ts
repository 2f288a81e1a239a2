/**
 * Random numbers of a simulation: the same seed gives the same numbers, on every machine (the generator is "mulberry32").
 */
export class SeededRandom {
  /** Where the sequence is. Saved and put back by snapshots. */
  state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A whole number from 0 to `limit - 1`; `limit` is 1 to 2^32. */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const word = (mixed ^ (mixed >>> 14)) >>> 0;
    return Math.floor((word / 2 ** 32) * limit);
  }
}
