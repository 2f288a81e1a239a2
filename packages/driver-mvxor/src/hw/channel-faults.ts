import type { FaultPlan } from "@dmaengine/sim";

/** What goes wrong with the descriptor, or the fill, that a channel is at. */
export class ChannelFaults {
  busError = false;
  badDescriptor = false;
  stuckChannel = false;
  wrongCompletion = false;
  lateCompletion = false;
  unplug = false;
  readonly #plan: FaultPlan;
  readonly #unit: string;

  constructor(plan: FaultPlan, unit: string) {
    this.#plan = plan;
    this.#unit = unit;
  }

  /** The channel takes up its next piece of work. Each kind is asked for each time: the plan counts. */
  next(): void {
    this.busError = this.#plan.strikes("busError", this.#unit);
    this.badDescriptor = this.#plan.strikes("badDescriptor", this.#unit);
    this.stuckChannel = this.#plan.strikes("stuckChannel", this.#unit);
    this.wrongCompletion = this.#plan.strikes("wrongCompletion", this.#unit);
    this.lateCompletion = this.#plan.strikes("lateCompletion", this.#unit);
    this.unplug = this.#plan.strikes("unplug", this.#unit);
  }

  /** Notes what is wrong now, and returns what puts it back. */
  capture(): () => void {
    const { busError, badDescriptor, stuckChannel, wrongCompletion, lateCompletion, unplug } = this;
    return () => {
      Object.assign(this, { busError, badDescriptor, stuckChannel, wrongCompletion, lateCompletion, unplug });
    };
  }

  /** Whether the next interrupt is lost. */
  loseInterrupt(): boolean {
    return this.#plan.strikes("lostInterrupt", this.#unit);
  }
}
