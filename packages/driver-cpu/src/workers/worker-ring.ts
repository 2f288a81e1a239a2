import type { SharedMemory } from "../memory/shared-memory.js";
import { Ring, SLOT_BYTES, Slot } from "../wasm/slot.js";
import type { SlotMemory } from "../wasm/slot-writer.js";

/** `Atomics.waitAsync` (ECMAScript 2024), where the runtime has it. */
type WaitAsync = (
  words: Int32Array,
  index: number,
  value: number,
  timeoutMillis: number,
) => { readonly async: false } | { readonly async: true; readonly value: Promise<unknown> };
const { waitAsync } = Atomics as { readonly waitAsync?: WaitAsync };

/** Without a way to be woken, how often a sleeper looks for itself. */
const LOOK_MILLIS = 1;

/** Whether a counter has come to `target`. Counters run over. */
export function isReached(target: number, done: number): boolean {
  return ((done - target) | 0) >= 0;
}

/** The client's view of a worker's ring. */
export class WorkerRing {
  readonly size: number;
  /** Address of the ring in the shared memory. */
  readonly address: number;
  /** The whole memory, as far as it went when the ring was made. */
  readonly memory: SlotMemory;
  readonly #shared: SharedMemory;
  readonly #bytes: Uint8Array;
  readonly #counters: Int32Array;
  readonly #issued: number;
  readonly #done: number;
  readonly #waiting: number;
  readonly #wakeAt: number;

  constructor(shared: SharedMemory, size: number) {
    this.size = size;
    this.#shared = shared;
    this.#bytes = shared.alloc(Ring.SLOTS + size * SLOT_BYTES, 64);
    const { buffer, byteOffset } = this.#bytes;
    this.address = byteOffset;
    this.memory = { bytes: new Uint8Array(buffer), words: new Uint32Array(buffer) };
    this.#counters = new Int32Array(buffer);
    this.#issued = (byteOffset + Ring.ISSUED) / 4;
    this.#done = (byteOffset + Ring.DONE) / 4;
    this.#waiting = (byteOffset + Ring.WAITING) / 4;
    this.#wakeAt = (byteOffset + Ring.WAKE_AT) / 4;
  }

  /** Address of a slot. */
  slot(index: number): number {
    return this.address + Ring.SLOTS + index * SLOT_BYTES;
  }

  /** What the worker found in a slot. */
  result(index: number): number {
    return this.memory.words[(this.slot(index) + Slot.RESULT) / 4]!;
  }

  /** How many transactions were done. */
  get done(): number {
    return Atomics.load(this.#counters, this.#done);
  }

  /** Tells the worker how many transactions were issued. */
  issue(issued: number): void {
    Atomics.store(this.#counters, this.#issued, issued);
    Atomics.notify(this.#counters, this.#issued);
  }

  /** For a new worker: so many were done before it, and it goes on with slot `index`. */
  restart(done: number, index: number): void {
    Atomics.store(this.#counters, (this.address + Ring.START) / 4, index);
    Atomics.store(this.#counters, this.#issued, done);
    Atomics.store(this.#counters, this.#done, done);
  }

  /** Tells the worker to end when it has done what it is doing. */
  stop(): void {
    Atomics.store(this.#counters, (this.address + Ring.STOP) / 4, 1);
    // A number that it has not done: it must not go to sleep now.
    this.issue(~this.done);
  }

  /**
   * Resolves when `target` transactions were done, when somebody calls {@link wake}, or at the latest after `millis`; also sooner, so look again.
   * The worker spends time on waking only when `target` is reached: others may be done long before.
   */
  async sleep(target: number, millis: number): Promise<void> {
    if (waitAsync === undefined) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS));
      return;
    }
    const { done } = this;
    if (isReached(target, done)) return;
    const counters = this.#counters;
    // Of several who sleep the first one to be done wakes all, and the others go to sleep again.
    const alone = Atomics.load(counters, this.#waiting) === 0;
    if (alone || isReached(target, Atomics.load(counters, this.#wakeAt))) {
      Atomics.store(counters, this.#wakeAt, target);
    }
    Atomics.add(counters, this.#waiting, 1);
    const wait = waitAsync(counters, this.#done, done, millis);
    if (wait.async) {
      // The timer also keeps the process alive, which waiting does not.
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, millis);
      });
      await Promise.race([wait.value, late]);
      clearTimeout(timer);
    }
    Atomics.sub(counters, this.#waiting, 1);
  }

  /** Wakes whoever sleeps, although nothing was done. */
  wake(): void {
    Atomics.notify(this.#counters, this.#done);
  }

  /** Gives the memory back; no worker may be there any more. */
  free(): void {
    this.#shared.free(this.#bytes);
  }
}
