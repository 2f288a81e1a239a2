import { type ClockMode, VirtualClock } from "./clock.js";
import { IrqController } from "./irq.js";
import { PhysicalMemory } from "./memory.js";
import { MmioBus } from "./mmio-bus.js";

/** Options of a platform. */
export interface PlatformOptions {
  /** For messages and statistics. Default "sim". */
  readonly name?: string;
  /** How time passes. Default "free". */
  readonly clock?: ClockMode;
}

/** A simulated machine: one clock, one memory, one bus, one CPU's interrupts. Devices plug into it. */
export class Platform {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly memory: PhysicalMemory;
  readonly bus: MmioBus;
  readonly irqs: IrqController;

  constructor({ name = "sim", clock = "free" }: PlatformOptions = {}) {
    this.name = name;
    this.clock = new VirtualClock(clock);
    this.memory = new PhysicalMemory(name);
    this.bus = new MmioBus();
    this.irqs = new IrqController(this.clock);
  }
}
