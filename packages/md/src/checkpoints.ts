import type { SyncProgress } from "@dmaengine/raid456";

/** md records how far it has come after each of so many parts of the whole (kernel: `md_do_sync` in `drivers/md/md.c`) … */
const PARTS = 16;
/** … and after so much time. */
const INTERVAL_MILLIS = 5 * 60 * 1000;

/** Says when it is time to record how far a long operation has come. */
export class Checkpoints {
  readonly #now: () => number;
  #part: number | null = null;
  #lastMillis: number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#lastMillis = now();
  }

  /** Whether a checkpoint is due. The next one is counted from here then. */
  isDue({ doneBytes, totalBytes }: SyncProgress): boolean {
    const part = Math.floor((doneBytes / totalBytes) * PARTS);
    this.#part ??= part;
    const now = this.#now();
    if (part === this.#part && now - this.#lastMillis < INTERVAL_MILLIS) return false;
    this.#part = part;
    this.#lastMillis = now;
    return true;
  }
}
