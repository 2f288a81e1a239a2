import { nextTurn } from "./next-turn.js";

/** What may be computed in one turn of the event loop, in bytes of each page: some hundred microseconds of work. */
const BYTES_PER_TURN = 1024 * 1024;

/**
 * Sees to it that work that is done at once, on the CPU or by an engine that works within a call, leaves the event loop room for other things: else
 * all stripes that are ready would be computed first, and the members would have nothing to do meanwhile.
 */
export class TurnBudget {
  #spentBytes = 0;
  readonly #tasks: (() => void)[] = [];
  #scheduled = false;

  /** So much was done at once. */
  spend(lengthBytes: number): void {
    this.#spentBytes += lengthBytes;
    if (!this.#scheduled) this.#schedule();
  }

  /** Calls `task` at once, or when there is room for it, in order. */
  run(task: () => void): void {
    if (this.#spentBytes < BYTES_PER_TURN && this.#tasks.length === 0) task();
    else this.#tasks.push(task);
  }

  #schedule(): void {
    this.#scheduled = true;
    nextTurn(() => {
      this.#scheduled = false;
      this.#spentBytes = 0;
      while (this.#spentBytes < BYTES_PER_TURN) {
        const task = this.#tasks.shift();
        if (task === undefined) return;
        task();
      }
    });
  }
}
