import type { SyncProgress } from "@dmaengine/raid456";

/** Parts of the whole after which md stores how far it has come (kernel: `md_do_sync` in `drivers/md/md.c`). */
const PARTS = 16;
/** And the time after which it does so anyway. */
const INTERVAL_MILLIS = 5 * 60 * 1000;

/** Says when it is time to record how far a long operation has come: every 16th part, and every five minutes. */
export class Checkpoints {
  readonly #now: () => number;
  #lastBytes: number;
  #lastMillis: number;

  /** @param startBytes how far the operation has come already */
  constructor(startBytes: number, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#lastBytes = startBytes;
    this.#lastMillis = now();
  }

  /** Whether a checkpoint is due; the next one is counted from here then. */
  isDue({ doneBytes, totalBytes }: SyncProgress): boolean {
    const far = doneBytes - this.#lastBytes >= totalBytes / PARTS;
    if (!far && this.#now() - this.#lastMillis < INTERVAL_MILLIS) return false;
    this.#lastBytes = doneBytes;
    this.#lastMillis = this.#now();
    return true;
  }
}
