/** A list of slots that is filled again and again: after some time it needs no more memory. */
export class SlotList {
  length = 0;
  /** Longer, perhaps: setting an array's length to 0 would give its memory away. */
  readonly #slots: number[] = [];

  clear(): void {
    this.length = 0;
  }

  add(slot: number): void {
    this.#slots[this.length] = slot;
    this.length += 1;
  }

  has(slot: number): boolean {
    for (let i = 0; i < this.length; i++) if (this.#slots[i] === slot) return true;
    return false;
  }

  /** Whether both name the same slots in the same order. */
  equals(slots: readonly number[]): boolean {
    if (slots.length !== this.length) return false;
    for (let i = 0; i < this.length; i++) if (this.#slots[i] !== slots[i]) return false;
    return true;
  }

  /** A copy, to be kept. */
  toArray(): number[] {
    return this.#slots.slice(0, this.length);
  }
}
