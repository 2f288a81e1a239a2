import { type ClockMode, VirtualClock } from "./clock.js";
import { CostMeter, DEFAULT_COSTS, type PlatformCosts } from "./costs.js";
import { CpuLane } from "./cpu-lane.js";
import { type CacheCare, CoherentDomain } from "./domain.js";
import { SimError } from "./errors.js";
import { FaultPlan } from "./faults.js";
import { Iommu } from "./iommu.js";
import { IrqController } from "./irq.js";
import { PhysicalMemory } from "./memory.js";
import { MmioBus } from "./mmio-bus.js";
import { type NonCoherence, NonCoherentDomain } from "./non-coherent-domain.js";
import { SeededRandom } from "./random.js";

/** What kind of machine a platform is. */
export interface PlatformDescription {
  /** For messages and statistics. Default "sim". */
  readonly name?: string;
  /**
   * Whether devices see the CPU's caches: `"coherent"`, the default, or not, and then how the caches behave. See {@link NonCoherence}.
   */
  readonly coherence?: "coherent" | NonCoherence;
  /** Size of a cache line in bytes, a power of two from 4 to 4096. Default 64. */
  readonly cacheLineBytes?: number;
  /**
   * True: devices reach memory through an IOMMU, each with addresses of its own. Or which devices form a group: group by device name.
   * Default false.
   */
  readonly iommu?: boolean | Readonly<Record<string, string>>;
  /** What things cost. Default {@link DEFAULT_COSTS}. */
  readonly costs?: PlatformCosts;
}

/** Options of a platform. */
export interface PlatformOptions extends PlatformDescription {
  /** How time passes. Default "free". */
  readonly clock?: ClockMode;
  /**
   * Whether what the CPU pays for takes time: `"serial"`, and then one thing after the other, see {@link CpuLane}; or `"billed"`, the default:
   * it is only added up.
   */
  readonly cpu?: "billed" | "serial";
  /** For what the caches do of their own accord. Default 0. */
  readonly seed?: number;
  /** What goes wrong. Default: nothing. */
  readonly faults?: FaultPlan;
}

/** The state of a platform at one time. Goes back there as often as it is told to. */
export interface PlatformSnapshot {
  restore(): void;
}

/** A simulated machine: one clock, one memory, one bus, one CPU's interrupts. Devices plug into it. */
export class Platform {
  readonly name: string;
  readonly coherence: "coherent" | NonCoherence;
  readonly clock: VirtualClock;
  /** Memory as devices see it that don't ask for their own view with {@link memoryOf}. */
  readonly memory: PhysicalMemory;
  readonly bus: MmioBus;
  readonly irqs: IrqController;
  /** Null where there is none. */
  readonly iommu: Iommu | null;
  /** What goes wrong: hardware halves ask it. */
  readonly faults: FaultPlan;
  /** What the CPU has paid so far, and what things cost. */
  readonly meter: CostMeter;
  /** The CPU's time; null where its work takes none. */
  readonly cpu: CpuLane | null;
  readonly #physical: CoherentDomain | NonCoherentDomain;
  readonly #devices = new Set<() => () => void>();

  /** Throws `ERR_SIM_PLATFORM` for a size of cache lines that no machine has. */
  constructor(options: PlatformOptions = {}) {
    const { name = "sim", clock = "free", coherence = "coherent", cacheLineBytes = 64 } = options;
    const { iommu = false, costs = DEFAULT_COSTS, seed = 0, faults = new FaultPlan() } = options;
    if (!(Number.isInteger(Math.log2(cacheLineBytes)) && cacheLineBytes >= 4 && cacheLineBytes <= 4096)) {
      throw new SimError(
        "ERR_SIM_PLATFORM",
        `expected cacheLineBytes to be a power of two from 4 to 4096, got ${cacheLineBytes}`,
      );
    }
    this.name = name;
    this.coherence = coherence;
    this.clock = new VirtualClock(clock);
    this.meter = new CostMeter(costs);
    this.faults = faults;
    this.bus = new MmioBus(this.meter);
    this.irqs = new IrqController(this.clock, this.meter);
    this.cpu = options.cpu === "serial" ? new CpuLane(this.clock, this.irqs, this.meter) : null;
    this.#physical =
      coherence === "coherent"
        ? new CoherentDomain(name)
        : new NonCoherentDomain(name, coherence, cacheLineBytes, new SeededRandom(seed), this.meter);
    this.iommu = iommu === false ? null : new Iommu(this.#physical, iommu === true ? {} : iommu, this.meter);
    this.memory = this.iommu === null ? new PhysicalMemory(this.#physical) : this.iommu.memoryOf(name);
  }

  /** What the software has had the caches do so far, in lines. A flush is both. Nothing on a coherent machine. */
  get cacheCare(): Readonly<CacheCare> {
    return this.#physical.cacheCare;
  }

  /** Memory as the device of this name sees it: `memory`, unless there is an IOMMU. */
  memoryOf(device: string): PhysicalMemory {
    return this.iommu === null ? this.memory : this.iommu.memoryOf(device);
  }

  /**
   * For hardware halves: `capture` notes the device's state and returns what puts it back, as often as it is called. Returns what takes
   * the device out again.
   */
  addState(capture: () => () => void): () => void {
    this.#devices.add(capture);
    return () => this.#devices.delete(capture);
  }

  /**
   * The state of the whole machine, in the middle of whatever it does: time and what is due, memory, caches, devices, interrupt lines, bills and
   * the fault plan. Software is not part of it: mappings, handlers, drivers and clients stay as they are, so restore while the same
   * memory is mapped.
   */
  snapshot(): PlatformSnapshot {
    const restores = [
      this.clock.capture(),
      this.bus.capture(),
      this.irqs.capture(),
      this.meter.capture(),
      ...(this.cpu === null ? [] : [this.cpu.capture()]),
      this.faults.capture(),
      this.#physical.capture(),
      ...[...this.#devices].map((capture) => capture()),
    ];
    return {
      restore: () => {
        for (const restore of restores) restore();
      },
    };
  }
}
