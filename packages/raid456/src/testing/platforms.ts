import type { DmaDriver } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import { ioat } from "@dmaengine/driver-ioat";
import { iop3xx } from "@dmaengine/driver-iop3xx";
import { mvXor } from "@dmaengine/driver-mvxor";
import { pl08x } from "@dmaengine/driver-pl08x";
import { PLATFORMS, Platform, type PlatformOptions } from "@dmaengine/sim";
import type { RaidLevel } from "../layout.js";
import type { Scenario } from "../offload/plan.js";

/** A machine, the drivers of its engines, and what the plan makes of them. */
export interface TestPlatform {
  readonly name: string;
  /** The plan's scenario for small arrays. */
  readonly scenario: Readonly<Record<5 | 6, Scenario>>;
  /** Null where there is nothing to be simulated. */
  platform(options?: PlatformOptions): Platform | null;
  drivers(platform: Platform | null): DmaDriver[];
}

const machine =
  (name: keyof typeof PLATFORMS, iommu: PlatformOptions["iommu"] = false) =>
  (options: PlatformOptions = {}) =>
    new Platform({ ...PLATFORMS[name], iommu, ...options });

const xorUnits =
  (variant: "armada-xp" | "armada-38x") =>
  (platform: Platform | null): DmaDriver[] =>
    ["xor0", "xor1"].map((name) => mvXor({ ...onPlatform(platform), name, variant }));

const ioProcessor = (soc: "iop33x" | "iop13xx") => (platform: Platform | null) => [
  iop3xx({ ...onPlatform(platform), soc }),
];

function onPlatform(platform: Platform | null): { readonly platform?: Platform } {
  return platform === null ? {} : { platform };
}

/** Every kind of machine that raid456 has to work on. */
export const TEST_PLATFORMS: readonly TestPlatform[] = [
  {
    name: "x86-ioat",
    scenario: { 5: 1, 6: 1 },
    platform: machine("x86-ioat"),
    drivers: (platform) => [ioat(onPlatform(platform))],
  },
  {
    name: "x86-ioat with an IOMMU",
    scenario: { 5: 1, 6: 1 },
    platform: machine("x86-ioat", true),
    drivers: (platform) => [ioat(onPlatform(platform))],
  },
  {
    name: "iop34x",
    scenario: { 5: 1, 6: 1 },
    platform: machine("iop34x"),
    drivers: ioProcessor("iop13xx"),
  },
  {
    name: "iop33x",
    scenario: { 5: 2, 6: 3 },
    platform: machine("iop33x"),
    drivers: ioProcessor("iop33x"),
  },
  {
    name: "iop33x with an IOMMU",
    scenario: { 5: 2, 6: 3 },
    platform: machine("iop33x", true),
    drivers: ioProcessor("iop33x"),
  },
  {
    name: "armada-xp",
    scenario: { 5: 3, 6: 3 },
    platform: machine("armada-xp"),
    drivers: xorUnits("armada-xp"),
  },
  {
    name: "armada-38x",
    scenario: { 5: 3, 6: 3 },
    platform: machine("armada-38x"),
    drivers: xorUnits("armada-38x"),
  },
  {
    name: "versatile-pl08x",
    scenario: { 5: 0, 6: 0 },
    platform: machine("versatile-pl08x"),
    drivers: (platform) => [pl08x(onPlatform(platform))],
  },
  {
    name: "the software engine",
    scenario: { 5: 1, 6: 1 },
    platform: () => null,
    drivers: () => [cpu()],
  },
  { name: "no engine", scenario: { 5: 0, 6: 0 }, platform: () => null, drivers: () => [] },
];

/** What the plan finds on a machine for an array of this level. */
export function scenarioOf({ scenario }: TestPlatform, level: RaidLevel): Scenario {
  return scenario[level === 6 ? 6 : 5];
}
