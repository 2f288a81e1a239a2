import type { SyncOptions, SyncProgress } from "@dmaengine/raid456";
import { SingleBar } from "cli-progress";
import type { Io } from "../io.js";
import { formatBytes, formatMillis, formatRate } from "./format.js";

/** Shows how far a long operation is, with its rate and the time that it has left. */
export interface Progress {
  update(progress: SyncProgress): void;
  /** The operation has ended, one way or another. */
  stop(): void;
}

/** Where there is no terminal, a line is written after each of so many parts … */
const PARTS = 10;
/** … but not more often than this: what is quick needs no reports. */
const LINE_INTERVAL_MILLIS = 1000;
/** The eye needs no more of a bar than this. */
const BAR_INTERVAL_MILLIS = 100;

/**
 * On a terminal a bar, elsewhere a line about every 10 %; always on stderr.
 *
 * @param what the operation: "rebuild"
 */
export function startProgress(
  io: Pick<Io, "stderr">,
  what: string,
  now: () => number = () => performance.now(),
): Progress {
  return io.stderr.isTTY === true ? new BarProgress(io, what, now) : new LineProgress(io, what, now);
}

/** Shows the progress of an operation that goes through all stripes, and lets the user's signal end it early. */
export async function withProgress<T>(
  io: Pick<Io, "stderr" | "signal">,
  what: string,
  run: (options: SyncOptions) => Promise<T>,
): Promise<T> {
  const progress = startProgress(io, what);
  try {
    return await run({ signal: io.signal, onProgress: (at) => progress.update(at) });
  } finally {
    progress.stop();
  }
}

class BarProgress implements Progress {
  readonly #bar: SingleBar;
  readonly #now: () => number;
  #pace: Pace | null = null;
  #lastMillis = 0;

  constructor({ stderr }: Pick<Io, "stderr">, what: string, now: () => number) {
    this.#now = now;
    this.#bar = new SingleBar({
      stream: stderr,
      format: `${what} [{bar}] {percentage}%  {pace}`,
      barCompleteChar: "=",
      barIncompleteChar: ".",
      hideCursor: true,
      clearOnComplete: true,
      // Signals are the program's own business: it stops at a stripe boundary.
      gracefulExit: false,
    });
  }

  update(progress: SyncProgress): void {
    const nowMillis = this.#now();
    if (this.#pace === null) {
      this.#pace = new Pace(progress.doneBytes, nowMillis);
      this.#bar.start(progress.totalBytes, progress.doneBytes, {
        pace: this.#pace.describe(progress, nowMillis),
      });
    } else if (nowMillis - this.#lastMillis >= BAR_INTERVAL_MILLIS) {
      this.#lastMillis = nowMillis;
      this.#bar.update(progress.doneBytes, { pace: this.#pace.describe(progress, nowMillis) });
    }
  }

  stop(): void {
    if (this.#pace !== null) this.#bar.stop();
  }
}

class LineProgress implements Progress {
  readonly #stderr: Io["stderr"];
  readonly #what: string;
  readonly #now: () => number;
  #pace: Pace | null = null;
  #part = 0;
  #lastMillis: number;

  constructor({ stderr }: Pick<Io, "stderr">, what: string, now: () => number) {
    this.#stderr = stderr;
    this.#what = what;
    this.#now = now;
    this.#lastMillis = now();
  }

  update(progress: SyncProgress): void {
    const nowMillis = this.#now();
    this.#pace ??= new Pace(progress.doneBytes, nowMillis);
    const fraction = progress.doneBytes / progress.totalBytes;
    const part = Math.floor(fraction * PARTS);
    if (part === this.#part || nowMillis - this.#lastMillis < LINE_INTERVAL_MILLIS) return;
    this.#part = part;
    this.#lastMillis = nowMillis;
    const pace = this.#pace.describe(progress, nowMillis);
    this.#stderr.write(`mdraid: ${this.#what} ${Math.floor(fraction * 100)}%: ${pace}\n`);
  }

  stop(): void {
    // Nothing to clear away.
  }
}

/** Rate and time left, counted from the first report: what goes on from a checkpoint does not begin at 0. */
class Pace {
  readonly #firstBytes: number;
  readonly #firstMillis: number;

  constructor(firstBytes: number, nowMillis: number) {
    this.#firstBytes = firstBytes;
    this.#firstMillis = nowMillis;
  }

  describe({ doneBytes, totalBytes }: SyncProgress, nowMillis: number): string {
    const bytes = doneBytes - this.#firstBytes;
    const millis = nowMillis - this.#firstMillis;
    const left = bytes > 0 ? formatMillis((millis / bytes) * (totalBytes - doneBytes)) : "?";
    return `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}, ${formatRate(bytes, millis)}, ${left} left`;
  }
}
