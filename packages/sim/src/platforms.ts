import type { CostFigure, CostKind, PlatformCosts } from "./costs.js";
import type { PlatformDescription } from "./platform.js";

/** Engines that a machine has, by the name of the package that drives them and what that package calls the part. */
export interface PlatformEngines {
  readonly driver: string;
  readonly variant: string;
  /** How many of them. */
  readonly units: number;
}

/** A machine that exists: `new Platform(PLATFORMS["armada-38x"])`, with the drivers that it names. */
export interface KnownPlatform extends PlatformDescription {
  readonly name: string;
  readonly costs: PlatformCosts;
  readonly engines: readonly PlatformEngines[];
}

/** Figures of a machine, as numbers and with the reason that holds for all of them. */
interface AssumedCosts {
  readonly reason: string;
  readonly cpu: Readonly<Record<CostKind, number>>;
  readonly setupNanos: number;
  readonly copyBytesPerNano: number;
  readonly sumBytesPerNano: number;
}

/**
 * No data sheet and no kernel source gives these, and measurements of such machines were not at hand. They are orders of magnitude, chosen
 * from clock rates and memory widths, so that what is dear on a machine is dear in its simulation.
 */
function assumedCosts({ reason, cpu, ...engine }: AssumedCosts): PlatformCosts {
  const figure = (value: number): CostFigure => ({ value, source: `assumed: ${reason}` });
  return {
    cpu: {
      mmioRead: figure(cpu.mmioRead),
      mmioWrite: figure(cpu.mmioWrite),
      interrupt: figure(cpu.interrupt),
      cacheLine: figure(cpu.cacheLine),
      iommuMap: figure(cpu.iommuMap),
      iommuUnmap: figure(cpu.iommuUnmap),
      cpuByte: figure(cpu.cpuByte),
    },
    engine: {
      setupNanos: figure(engine.setupNanos),
      copyBytesPerNano: figure(engine.copyBytesPerNano),
      sumBytesPerNano: figure(engine.sumBytesPerNano),
    },
  };
}

const XSCALE_COSTS = assumedCosts({
  reason: "a core of 400 to 800 MHz with DDR memory of 64 bits, registers on the internal bus",
  cpu: {
    mmioRead: 150,
    mmioWrite: 20,
    interrupt: 3000,
    cacheLine: 20,
    iommuMap: 0,
    iommuUnmap: 0,
    cpuByte: 4,
  },
  setupNanos: 300,
  copyBytesPerNano: 0.4,
  sumBytesPerNano: 0.8,
});

const ARMADA_COSTS = assumedCosts({
  reason: "cores of 1 to 1.6 GHz with DDR3 memory, registers on the internal bus",
  cpu: {
    mmioRead: 100,
    mmioWrite: 20,
    interrupt: 2000,
    cacheLine: 10,
    iommuMap: 0,
    iommuUnmap: 0,
    cpuByte: 1,
  },
  setupNanos: 200,
  copyBytesPerNano: 1,
  sumBytesPerNano: 1.5,
});

/**
 * Machines that the drivers of this project were written for, as data.
 *
 * - `x86-ioat`: a Xeon server with an I/OAT device of four channels. Coherent (drivers do no cache maintenance on x86).
 * - `armada-xp`: Marvell Armada XP, two XOR units of two channels. With its coherency fabric, which Linux uses on it for devices too
 *   (arch/arm/mach-mvebu/coherency.c).
 * - `armada-38x`: Marvell Armada 38x, the same with P+Q. Without the fabric, as where Linux runs on one core (same file): its Cortex-A9
 *   speculates. Lines of 32 bytes.
 * - `iop33x`: Intel 80331, two DMA channels and an application accelerator. XScale, which does not speculate (proc-xscale.S). Lines of 32 bytes.
 * - `iop34x`: Intel 81341 and 81342, three ADMA channels. XSC3, likewise.
 * - `versatile-pl08x`: ARM Versatile with a PL080. Its ARM926 is an ARMv5 core that does not speculate. Lines of 32 bytes.
 */
export const PLATFORMS = {
  "x86-ioat": {
    name: "x86-ioat",
    coherence: "coherent",
    cacheLineBytes: 64,
    iommu: false,
    costs: assumedCosts({
      reason: "a core of 2 to 3 GHz with DDR3 memory, registers behind PCI Express within the chip",
      cpu: {
        mmioRead: 500,
        mmioWrite: 50,
        interrupt: 1500,
        cacheLine: 0,
        iommuMap: 400,
        iommuUnmap: 800,
        cpuByte: 0.1,
      },
      setupNanos: 150,
      copyBytesPerNano: 4,
      sumBytesPerNano: 8,
    }),
    engines: [{ driver: "@dmaengine/driver-ioat", variant: "3.2", units: 1 }],
  },
  "armada-xp": {
    name: "armada-xp",
    coherence: "coherent",
    cacheLineBytes: 32,
    iommu: false,
    costs: ARMADA_COSTS,
    engines: [{ driver: "@dmaengine/driver-mvxor", variant: "armada-xp", units: 2 }],
  },
  "armada-38x": {
    name: "armada-38x",
    coherence: "v7",
    cacheLineBytes: 32,
    iommu: false,
    costs: ARMADA_COSTS,
    engines: [{ driver: "@dmaengine/driver-mvxor", variant: "armada-38x", units: 2 }],
  },
  iop33x: {
    name: "iop33x",
    coherence: "v5",
    cacheLineBytes: 32,
    iommu: false,
    costs: XSCALE_COSTS,
    engines: [{ driver: "@dmaengine/driver-iop3xx", variant: "iop33x", units: 1 }],
  },
  iop34x: {
    name: "iop34x",
    coherence: "v5",
    cacheLineBytes: 32,
    iommu: false,
    costs: XSCALE_COSTS,
    engines: [{ driver: "@dmaengine/driver-iop3xx", variant: "iop13xx", units: 1 }],
  },
  "versatile-pl08x": {
    name: "versatile-pl08x",
    coherence: "v5",
    cacheLineBytes: 32,
    iommu: false,
    costs: assumedCosts({
      reason: "a core of 200 MHz with SDRAM of 32 bits, registers on the AHB and APB",
      cpu: {
        mmioRead: 200,
        mmioWrite: 60,
        interrupt: 8000,
        cacheLine: 60,
        iommuMap: 0,
        iommuUnmap: 0,
        cpuByte: 10,
      },
      setupNanos: 400,
      copyBytesPerNano: 0.1,
      sumBytesPerNano: 0.1,
    }),
    engines: [{ driver: "@dmaengine/driver-pl08x", variant: "pl080", units: 1 }],
  },
} as const satisfies Record<string, KnownPlatform>;

export type PlatformName = keyof typeof PLATFORMS;
