import type { DmaAddr } from "@dmaengine/core/driver";
import { ClockEvent, type VirtualClock } from "@dmaengine/sim";

/** How long a channel may be silent before somebody looks after it (`COMPLETION_TIMEOUT`). */
export const COMPLETION_TIMEOUT_NANOS = 100_000_000;

/**
 * The timer of a channel that is at work. It runs only then: on an idle machine it would be the only thing that makes time pass.
 *
 * The original starts it again with every completion. This one is left to run, and asks when it is over whether there was progress.
 */
export class Watchdog {
  readonly #clock: VirtualClock;
  readonly #event: ClockEvent;
  #progressed = false;
  /** What CHANSTS told at the end of the last period without progress; null if there was progress since. */
  #seen: DmaAddr | null = null;

  /** `look` is called when a period is over; the next one begins when it arms the watchdog. */
  constructor(clock: VirtualClock, look: () => void) {
    this.#clock = clock;
    this.#event = new ClockEvent(look);
  }

  /** Begins a period, unless one is running. */
  arm(): void {
    if (!this.#event.pending) this.#clock.schedule(COMPLETION_TIMEOUT_NANOS, this.#event);
  }

  disarm(): void {
    this.#clock.cancel(this.#event);
    this.#progressed = false;
    this.#seen = null;
  }

  /** Something was completed. */
  progress(): void {
    this.#progressed = true;
  }

  /** At the end of a period: whether it is the second in a row in which nothing was completed and CHANSTS, which tells `completed` now, stood still. */
  isSilent(completed: DmaAddr): boolean {
    const silent = !this.#progressed && this.#seen === completed;
    this.#seen = this.#progressed ? null : completed;
    this.#progressed = false;
    return silent;
  }
}
