/**
 * What async_tx may find in a machine: everything on one engine, a part of it, nothing.
 *
 * @module
 */
import { DmaEngine, type DmaEngineOptions } from "@dmaengine/core";
import type { DmaDriver } from "@dmaengine/core/driver";
import { cpu } from "@dmaengine/driver-cpu";
import { ioat } from "@dmaengine/driver-ioat";
import { iop3xx } from "@dmaengine/driver-iop3xx";
import { mvXor } from "@dmaengine/driver-mvxor";
import { pl08x } from "@dmaengine/driver-pl08x";
import { Platform, type PlatformOptions } from "@dmaengine/sim";

/** The engines of each set, by what they can do. */
const ENGINE_SETS = {
  "everything on one engine (I/OAT)": (platform: Platform) => [ioat({ platform })],
  "everything on one engine with a ring of 8 (I/OAT)": (platform: Platform) => [
    ioat({ platform, channels: 1, ringSize: 8, ringOrder: 5 }),
  ],
  "everything on one engine behind an IOMMU (I/OAT)": (platform: Platform) => [ioat({ platform })],
  "everything but PQ on two engines of three (IOP13xx)": (platform: Platform) => [
    iop3xx({ platform, soc: "iop13xx", pqUnits: [2] }),
  ],
  "copy and xor on different engines (IOP33x)": (platform: Platform) => [iop3xx({ platform })],
  "copy and xor on different engines behind an IOMMU (IOP33x)": (platform: Platform) => [
    iop3xx({ platform }),
  ],
  "no checks, PQ with wired coefficients (Armada 38x)": (platform: Platform) => [mvXor({ platform })],
  "copy alone, without interrupt descriptors (PL080)": (platform: Platform) => [pl08x({ platform })],
  "copy and xor on engines of different makes (PL080, Orion)": (platform: Platform) => [
    pl08x({ platform }),
    mvXor({ platform, variant: "orion" }),
  ],
  "the software engine": () => [cpu()],
  "no engine": () => [],
} as const satisfies Record<string, (platform: Platform) => readonly DmaDriver[]>;

export type EngineSet = keyof typeof ENGINE_SETS;
export const ENGINE_SET_NAMES = Object.keys(ENGINE_SETS) as readonly EngineSet[];

/** A machine with a set of engines. */
export interface Machine {
  readonly platform: Platform;
  readonly engine: DmaEngine;
  readonly drivers: readonly DmaDriver[];
  /** What found no caller. */
  readonly uncaught: unknown[];
}

export async function machine(
  set: EngineSet,
  platformOptions: PlatformOptions = {},
  engineOptions: DmaEngineOptions = {},
): Promise<Machine> {
  const platform = new Platform({ iommu: set.includes("behind an IOMMU"), ...platformOptions });
  const uncaught: unknown[] = [];
  const engine = new DmaEngine({ onUncaught: (error) => uncaught.push(error), ...engineOptions });
  const drivers = ENGINE_SETS[set](platform);
  for (const driver of drivers) await engine.register(driver);
  return { platform, engine, drivers, uncaught };
}

/** Nothing is left in flight, mapped or held: every driver can go. */
export async function takeApart({ engine, drivers }: Machine): Promise<void> {
  for (const driver of drivers) await engine.unregister(driver, { signal: AbortSignal.abort() });
}
