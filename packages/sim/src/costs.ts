/** What the CPU pays for. Of `cpuByte` a machine pays for reading or writing one byte of bulk work, such as an XOR in software. */
export const COST_KINDS = [
  "mmioRead",
  "mmioWrite",
  "interrupt",
  "cacheLine",
  "iommuMap",
  "iommuUnmap",
  "cpuByte",
] as const;
export type CostKind = (typeof COST_KINDS)[number];

/** One figure of a cost model, with where it comes from: a citation, or "assumed" and the reason. */
export interface CostFigure {
  /** From 0 on; the unit is that of the place where the figure stands. */
  readonly value: number;
  readonly source: string;
}

/** How long an engine takes. */
export interface EngineCosts {
  /** From fetching a descriptor to its first byte, in nanoseconds. */
  readonly setupNanos: CostFigure;
  /** Rate of a copy, in bytes of the destination per nanosecond. */
  readonly copyBytesPerNano: CostFigure;
  /** Rate at which XOR and P+Q read their sources, in bytes of all sources per nanosecond. */
  readonly sumBytesPerNano: CostFigure;
}

/** What things cost on a machine: nanoseconds of the CPU for each kind, and the time that its engines take. */
export interface PlatformCosts {
  readonly cpu: Readonly<Record<CostKind, CostFigure>>;
  readonly engine: EngineCosts;
}

const FREE: CostFigure = { value: 0, source: "assumed: the machine is for correctness, not for costs" };

/** The costs of a platform that names none: the CPU's work is counted and free, engines have a steady pace. */
export const DEFAULT_COSTS: PlatformCosts = {
  cpu: {
    mmioRead: FREE,
    mmioWrite: FREE,
    interrupt: FREE,
    cacheLine: FREE,
    iommuMap: FREE,
    iommuUnmap: FREE,
    cpuByte: FREE,
  },
  engine: {
    setupNanos: { value: 100, source: "assumed: one read of memory" },
    copyBytesPerNano: { value: 4, source: "assumed" },
    sumBytesPerNano: { value: 8, source: "assumed" },
  },
};

/**
 * What the CPU of a platform has paid so far. The clock does not move for it, unless the platform's CPU takes its time: see `CpuLane`.
 */
export class CostMeter {
  readonly costs: PlatformCosts;
  readonly #counts: Record<CostKind, number> = {
    mmioRead: 0,
    mmioWrite: 0,
    interrupt: 0,
    cacheLine: 0,
    iommuMap: 0,
    iommuUnmap: 0,
    cpuByte: 0,
  };

  #onCharge: ((nanos: number) => void) | null = null;

  constructor(costs: PlatformCosts) {
    this.costs = costs;
  }

  /** Notes that something happened `times` times. */
  charge(kind: CostKind, times: number): void {
    this.#counts[kind] += times;
    this.#onCharge?.(times * this.costs.cpu[kind].value);
  }

  /** From now on `onCharge` is told the price of what happens. */
  watch(onCharge: (nanos: number) => void): void {
    this.#onCharge = onCharge;
  }

  /** How many times it happened. */
  count(kind: CostKind): number {
    return this.#counts[kind];
  }

  /** What it cost, in nanoseconds of the CPU. */
  nanos(kind: CostKind): number {
    return this.#counts[kind] * this.costs.cpu[kind].value;
  }

  /** What everything cost, in nanoseconds of the CPU. */
  get totalNanos(): number {
    return COST_KINDS.reduce((sum, kind) => sum + this.nanos(kind), 0);
  }

  /** Notes all counts, and returns what puts them back. */
  capture(): () => void {
    const copy = { ...this.#counts };
    return () => {
      Object.assign(this.#counts, copy);
    };
  }
}
