import type { Random } from "@dmaengine/conformance";
import type { DmaDriver } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import { ioat } from "@dmaengine/driver-ioat";
import { iop3xx } from "@dmaengine/driver-iop3xx";
import { mvXor } from "@dmaengine/driver-mvxor";
import { pl08x } from "@dmaengine/driver-pl08x";
import { FAULT_KINDS, type FaultKind, FaultPlan, PLATFORMS, Platform } from "@dmaengine/sim";

/** A simulated machine and the engines that it has. */
export interface Machine {
  readonly name: string;
  readonly platform: Platform;
  readonly drivers: readonly DmaDriver[];
  /** What may go wrong in its engines. */
  readonly faultKinds: readonly FaultKind[];
}

/** How a machine's engines are set up. */
interface Setup {
  readonly platform: Platform;
  /** Small, so that rings fill up. */
  readonly ringSize: number;
}

/** The engines of each machine. */
const ENGINES = {
  "x86-ioat": ({ platform, ringSize }: Setup) => [ioat({ platform, ringSize, ringOrder: 4, channels: 2 })],
  iop34x: ({ platform }: Setup) => [iop3xx({ platform, soc: "iop13xx" })],
  iop33x: ({ platform }: Setup) => [iop3xx({ platform, soc: "iop33x" })],
  "armada-xp": (setup: Setup) => xorUnits(setup, "armada-xp"),
  "armada-38x": (setup: Setup) => xorUnits(setup, "armada-38x"),
  "versatile-pl08x": ({ platform, ringSize }: Setup) => [pl08x({ platform, ringSize })],
} as const satisfies Record<string, (setup: Setup) => DmaDriver[]>;

const NAMES = Object.keys(ENGINES) as (keyof typeof ENGINES)[];

function xorUnits({ platform, ringSize }: Setup, variant: "armada-xp" | "armada-38x"): DmaDriver[] {
  // Behind an IOMMU, addresses are not those of the banks.
  const dram = platform.iommu === null ? {} : { dram: [{ baseAddr: 0, sizeBytes: 2 ** 32 }] };
  return ["xor0", "xor1"].map((name) => mvXor({ platform, name, variant, ringSize, ...dram }));
}

/** A machine for one schedule: which, how coherent, with which faults of its engines and the software engine beside them. */
export function randomMachine(random: Random): Machine {
  // The kinds first: a schedule that has none of a kind finds what one with all of them drowns.
  const faultKinds = FAULT_KINDS.filter(() => random.int(0, 2) === 0);
  const count = faultKinds.length === 0 ? 0 : random.int(0, 4);
  const faults = FaultPlan.seeded(random.bits(), {
    kinds: faultKinds,
    count,
    within: random.pick([10, 40, 120]),
  });
  const name = random.pick([...NAMES, "no engine"] as const);
  const description =
    name === "no engine" ? {} : { ...PLATFORMS[name], iommu: random.int(0, 3) === 0, seed: random.bits() };
  const platform = new Platform({ ...description, clock: "stepped", faults });
  const ringSize = random.pick([4, 16, 64]);
  const own: DmaDriver[] = name === "no engine" ? [] : ENGINES[name]({ platform, ringSize });
  const drivers = random.int(0, 2) === 0 ? [...own, cpu({ kernels: "swar" })] : own;
  return { name, platform, drivers, faultKinds };
}
