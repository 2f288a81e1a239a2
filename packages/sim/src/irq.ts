import { ClockEvent, type VirtualClock } from "./clock.js";
import type { CostMeter } from "./costs.js";
import { SimError } from "./errors.js";

/** What the CPU is doing: `in_task()`, `in_hardirq()`, `in_softirq()`. */
export type CpuContext = "task" | "hardirq" | "softirq";

/** The interrupt side of a platform: hands out lines and tasklets, counts them, and knows what the CPU is doing. */
export class IrqController {
  readonly #clock: VirtualClock;
  #context: CpuContext = "task";
  #hardIrqs = 0;
  #taskletRuns = 0;
  readonly #meter: CostMeter | null;
  readonly #lines: IrqLine[] = [];
  /** Hears what the CPU leaves its work for, before it does: an interrupt of the line with this name, or a tasklet, which has no name. */
  onEntry: ((context: "hardirq" | "softirq", line: string) => void) | null = null;

  constructor(clock: VirtualClock, meter: CostMeter | null = null) {
    this.#clock = clock;
    this.#meter = meter;
  }

  get context(): CpuContext {
    return this.#context;
  }

  /** Interrupts that a handler was called for. */
  get hardIrqs(): number {
    return this.#hardIrqs;
  }

  get taskletRuns(): number {
    return this.#taskletRuns;
  }

  /** A new interrupt line: a pin, or one vector of message signalled interrupts. */
  line(name: string): IrqLine {
    const line = new IrqLine(name, (handler) => {
      this.#hardIrqs += 1;
      this.#meter?.charge("interrupt", 1);
      this.onEntry?.("hardirq", name);
      this.#run("hardirq", handler);
    });
    this.#lines.push(line);
    return line;
  }

  /** A new tasklet (`tasklet_setup`). */
  tasklet(run: () => void): Tasklet {
    return new Tasklet(this.#clock, () => {
      this.#taskletRuns += 1;
      this.onEntry?.("softirq", "");
      this.#run("softirq", run);
    });
  }

  /** Notes counts and the levels of all lines, and returns what puts them back. Handlers are software and stay. */
  capture(): () => void {
    const hardIrqs = this.#hardIrqs;
    const taskletRuns = this.#taskletRuns;
    const levels = this.#lines.map((line) => [line, line.raised] as const);
    return () => {
      this.#hardIrqs = hardIrqs;
      this.#taskletRuns = taskletRuns;
      for (const [line, raised] of levels) line.restore(raised);
    };
  }

  #run(context: CpuContext, run: () => void): void {
    const before = this.#context;
    this.#context = context;
    try {
      run();
    } finally {
      this.#context = before;
    }
  }
}

/**
 * A line from a device to the CPU. The handler runs once when the line rises: at the moment of a message signalled interrupt, which raises
 * and lowers it, and once for each time that a device raises a pin, however long it stays up.
 */
export class IrqLine {
  readonly name: string;
  readonly #enter: (handler: () => void) => void;
  #handler: (() => void) | null = null;
  #raised = false;

  /** @internal Comes from {@link IrqController.line}. */
  constructor(name: string, enter: (handler: () => void) => void) {
    this.name = name;
    this.#enter = enter;
  }

  get raised(): boolean {
    return this.#raised;
  }

  /** Installs the driver's handler (`request_irq`), which runs in hard interrupt context. */
  request(handler: () => void): void {
    if (this.#handler !== null) {
      throw new SimError("ERR_SIM_IRQ", `interrupt ${this.name} has a handler already: free() it first`);
    }
    this.#handler = handler;
  }

  /** Takes the handler away (`free_irq`). */
  free(): void {
    this.#handler = null;
  }

  /** The device wants attention. */
  raise(): void {
    if (this.#raised) return;
    this.#raised = true;
    if (this.#handler === null) {
      throw new SimError(
        "ERR_SIM_IRQ",
        `interrupt ${this.name} was raised and nobody handles it: request() it before the device may interrupt`,
      );
    }
    this.#enter(this.#handler);
  }

  /** The device has what it wants. */
  lower(): void {
    this.#raised = false;
  }

  /** @internal Puts the level back that it had, without an interrupt. */
  restore(raised: boolean): void {
    this.#raised = raised;
  }
}

/** Work that an interrupt handler leaves for after it (`struct tasklet_struct`): runs once however often it is scheduled meanwhile. */
export class Tasklet {
  readonly #clock: VirtualClock;
  readonly #event: ClockEvent;

  /** @internal Comes from {@link IrqController.tasklet}. */
  constructor(clock: VirtualClock, run: () => void) {
    this.#clock = clock;
    this.#event = new ClockEvent(run);
  }

  /** Runs it as soon as nothing else happens at this moment (`tasklet_schedule`). */
  schedule(): void {
    if (!this.#event.pending) this.#clock.schedule(0, this.#event);
  }

  /** Sees to it that it no longer runs (`tasklet_kill`). */
  kill(): void {
    this.#clock.cancel(this.#event);
  }
}
