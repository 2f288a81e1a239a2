import { ClockEvent, type VirtualClock } from "@dmaengine/sim";

/** A completion on its way: the completion word's halves, and whether anything besides the word is to happen. */
interface PostedCompletion {
  low: number;
  high: number;
  write: boolean;
  interrupt: boolean;
  readonly event: ClockEvent;
}

/**
 * The way of completions from an engine to memory: they arrive in the order in which they were posted, each after the same
 * time, while the engine goes on.
 */
export class CompletionPath {
  readonly #clock: VirtualClock;
  readonly #latencyNanos: number;
  readonly #arrive: (low: number, high: number, write: boolean, interrupt: boolean) => void;
  /** First in, first out. */
  readonly #inFlight: PostedCompletion[] = [];
  readonly #spare: PostedCompletion[] = [];
  /** When the last one arrives: none behind it comes earlier. */
  #lastNanos = 0;
  readonly #deliver = (): void => {
    const posted = this.#inFlight.shift() as PostedCompletion;
    this.#spare.push(posted);
    this.#arrive(posted.low, posted.high, posted.write, posted.interrupt);
  };

  constructor(
    clock: VirtualClock,
    latencyNanos: number,
    arrive: (low: number, high: number, write: boolean, interrupt: boolean) => void,
  ) {
    this.#clock = clock;
    this.#latencyNanos = latencyNanos;
    this.#arrive = arrive;
  }

  /**
   * Sends a completion off: the word to write, if `write`, and an interrupt behind it, if `interrupt`. It takes `extraNanos` longer than
   * it should.
   */
  post(low: number, high: number, write: boolean, interrupt: boolean, extraNanos = 0): void {
    const posted = this.#spare.pop() ?? {
      low: 0,
      high: 0,
      write: false,
      interrupt: false,
      event: new ClockEvent(this.#deliver),
    };
    posted.low = low;
    posted.high = high;
    posted.write = write;
    posted.interrupt = interrupt;
    this.#inFlight.push(posted);
    const { nowNanos } = this.#clock;
    this.#lastNanos = Math.max(nowNanos + this.#latencyNanos + extraNanos, this.#lastNanos);
    this.#clock.schedule(this.#lastNanos - nowNanos, posted.event);
  }

  /** Drops everything that has not arrived. */
  clear(): void {
    for (let posted = this.#inFlight.pop(); posted !== undefined; posted = this.#inFlight.pop()) {
      this.#clock.cancel(posted.event);
      this.#spare.push(posted);
    }
    this.#lastNanos = 0;
  }

  /** Notes what is on its way, and returns what puts it back. When it arrives is the clock's to know. */
  capture(): () => void {
    const lastNanos = this.#lastNanos;
    const all = [...this.#inFlight, ...this.#spare].map((posted) => [posted, { ...posted }] as const);
    const inFlight = [...this.#inFlight];
    return () => {
      this.#lastNanos = lastNanos;
      const born = [...this.#inFlight, ...this.#spare].filter((posted) => !inFlight.includes(posted));
      this.#spare.splice(0, this.#spare.length, ...born);
      this.#inFlight.splice(0, this.#inFlight.length, ...inFlight);
      for (const [posted, { low, high, write, interrupt }] of all) {
        Object.assign(posted, { low, high, write, interrupt });
      }
    };
  }
}
