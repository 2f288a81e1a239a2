/** Numbers that look random and follow from a seed, so that a failure can be repeated. Not for secrets. */
export class Random {
  #state: number;

  /** @param seed - any integer. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A generator of its own for `purpose`: what one of them draws doesn't move the others. */
  fork(purpose: string): Random {
    let hash = this.#state;
    for (let i = 0; i < purpose.length; i++) hash = Math.imul(hash ^ purpose.charCodeAt(i), 0x01000193);
    return new Random(hash);
  }

  /** 32 random bits, 0 to 2^32 - 1 (the splitmix32 mix). */
  bits(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** An integer from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor((this.bits() / 0x1_0000_0000) * (max - min + 1));
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)] as T;
  }

  /** Overwrites `bytes`. */
  fill(bytes: Uint8Array): void {
    let bits = 0;
    for (let i = 0; i < bytes.length; i++) {
      bits = (i & 3) === 0 ? this.bits() : bits >>> 8;
      bytes[i] = bits;
    }
  }
}
