import type { Channel } from "./channel.js";
import { Descriptor } from "./descriptor.js";

/** The descriptors of one channel, made once. */
export class DescriptorStore {
  /** All of them, in use or not. */
  readonly all: readonly Descriptor[];
  /** A ring of the free ones: first in, first out, so that a finished one stays readable for as long as possible. */
  readonly #free: Descriptor[];
  #head = 0;
  #count: number;

  constructor(channel: Channel, size: number) {
    this.all = Array.from({ length: size }, (_, index) => new Descriptor(channel, index));
    this.#free = [...this.all];
    this.#count = size;
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  /** The next free one. There must be one. */
  take(): Descriptor {
    const descriptor = this.#free[this.#head] as Descriptor;
    this.#head = this.#head + 1 === this.#free.length ? 0 : this.#head + 1;
    this.#count -= 1;
    return descriptor;
  }

  give(descriptor: Descriptor): void {
    const tail = this.#head + this.#count;
    this.#free[tail >= this.#free.length ? tail - this.#free.length : tail] = descriptor;
    this.#count += 1;
  }
}
