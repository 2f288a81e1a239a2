import type { VirtualClock } from "./clock.js";
import type { CostMeter } from "./costs.js";
import type { IrqController } from "./irq.js";

/**
 * A CPU whose work takes time, one thing after the other, while engines go on beside it. What it pays for is begun when what it paid for before
 * is done, and what it starts on the hardware, by a register access or a tasklet, starts when it has got that far. An interrupt is taken at
 * once, and its work is done behind what the CPU is at.
 *
 * Code runs in no time, so whoever drives a client of such a machine lets the clock come to {@link busyUntilNanos} before the client goes on:
 * the clock is stepped, and `clock.stepTo(cpu.busyUntilNanos)` is what the CPU's work takes.
 */
export class CpuLane {
  readonly #clock: VirtualClock;
  readonly #irqs: IrqController;
  /** Not rounded: bytes cost fractions of a nanosecond. */
  #busyUntil = 0;

  constructor(clock: VirtualClock, irqs: IrqController, meter: CostMeter) {
    this.#clock = clock;
    this.#irqs = irqs;
    meter.watch((nanos) => {
      this.#busyUntil = Math.max(this.#busyUntil, clock.nowNanos) + nanos;
    });
    // The hardware's own events are not the CPU's doing; an interrupt handler, which runs in one, is.
    clock.setLag(() =>
      clock.running && this.#irqs.context === "task" ? 0 : this.busyUntilNanos - clock.nowNanos,
    );
  }

  /** When the CPU has done everything that it was given: now, or a time to come. */
  get busyUntilNanos(): number {
    return Math.max(this.#clock.nowNanos, Math.ceil(this.#busyUntil));
  }

  /** Notes how far it is, and returns what puts that back. */
  capture(): () => void {
    const busyUntil = this.#busyUntil;
    return () => {
      this.#busyUntil = busyUntil;
    };
  }
}
