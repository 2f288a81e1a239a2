import type { DmaDriver } from "@dmaengine/core";
import { ioat } from "@dmaengine/driver-ioat";
import { iop3xx } from "@dmaengine/driver-iop3xx";
import { mvXor } from "@dmaengine/driver-mvxor";
import { pl08x } from "@dmaengine/driver-pl08x";
import { PLATFORMS, type Platform, type PlatformCosts, type PlatformDescription } from "@dmaengine/sim";

/** A machine of the laboratory: a platform, and the drivers for its engines. */
export interface Machine {
  readonly name: string;
  readonly description: PlatformDescription & { readonly costs: PlatformCosts };
  /** What it has that matters here, in a few words. */
  readonly engines: string;
  drivers(platform: Platform): DmaDriver[];
}

const ioatDrivers =
  (channels: number) =>
  (platform: Platform): DmaDriver[] => [ioat({ platform, channels })];

const marvellDrivers =
  (variant: "armada-xp" | "armada-38x") =>
  (platform: Platform): DmaDriver[] =>
    ["xor0", "xor1"].map((name) => mvXor({ platform, variant, name }));

/** The known platforms, and three more: the first one with a single channel, behind an IOMMU, and without its engine. */
export const MACHINES: readonly Machine[] = [
  {
    name: "x86-ioat",
    description: PLATFORMS["x86-ioat"],
    engines: "I/OAT 3.2: copy, xor, P+Q and both checks on each of four channels",
    drivers: ioatDrivers(4),
  },
  {
    name: "x86-ioat-1ch",
    description: { ...PLATFORMS["x86-ioat"], name: "x86-ioat-1ch" },
    engines: "the same with one channel",
    drivers: ioatDrivers(1),
  },
  {
    name: "x86-ioat-iommu",
    description: { ...PLATFORMS["x86-ioat"], name: "x86-ioat-iommu", iommu: true },
    engines: "that of x86-ioat, behind an IOMMU",
    drivers: ioatDrivers(4),
  },
  {
    name: "armada-xp",
    description: PLATFORMS["armada-xp"],
    engines: "two units of two channels: copy and xor, no checks",
    drivers: marvellDrivers("armada-xp"),
  },
  {
    name: "armada-38x",
    description: PLATFORMS["armada-38x"],
    engines: "two units of two channels: copy, xor, P+Q with fixed coefficients, no checks",
    drivers: marvellDrivers("armada-38x"),
  },
  {
    name: "iop33x",
    description: PLATFORMS.iop33x,
    engines: "two channels that copy, one that does xor and its check; no P+Q",
    drivers: (platform) => [iop3xx({ platform, soc: "iop33x" })],
  },
  {
    name: "iop34x",
    description: PLATFORMS.iop34x,
    engines: "three channels, each with copy, xor, P+Q and both checks (Linux uses P+Q of the third only)",
    drivers: (platform) => [iop3xx({ platform, soc: "iop13xx" })],
  },
  {
    name: "versatile-pl08x",
    description: PLATFORMS["versatile-pl08x"],
    engines: "copy",
    drivers: (platform) => [pl08x({ platform })],
  },
  {
    name: "cpu-only",
    description: { ...PLATFORMS["x86-ioat"], name: "cpu-only" },
    engines: "none; the CPU of x86-ioat",
    drivers: () => [],
  },
];
