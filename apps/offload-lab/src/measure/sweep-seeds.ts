import type { RaidLevel } from "@dmaengine/raid456";
import type { Machine } from "../machine/machines.js";
import { generateWorkload, type WorkloadSize } from "../workload/generate.js";
import { runSide, SIDES, type Side, type SideOptions } from "./run-side.js";

/** A small array, so that many seeds take little time. */
export const SWEEP_SIZE: WorkloadSize = {
  chunkBytes: 64 * 1024,
  memberBytes: 512 * 1024,
  fullStripeWrites: 4,
  partialWrites: 32,
  degradedReads: 16,
  maxPartialBytes: 32 * 1024,
};

/** Wrong bytes of each side, seed by seed. */
export interface Sweep {
  readonly machine: Machine;
  readonly level: RaidLevel;
  readonly wrongBytes: Readonly<Record<Side, readonly number[]>>;
}

/** Runs the small workload with seeds 1 to `seeds`, both ways. */
export async function sweepSeeds(
  machine: Machine,
  level: RaidLevel,
  { seeds, ...options }: Omit<SideOptions, "seed"> & { readonly seeds: number },
): Promise<Sweep> {
  const wrongBytes: Record<Side, number[]> = { async_tx: [], raid456: [] };
  for (let seed = 1; seed <= seeds; seed++) {
    const workload = generateWorkload(level, SWEEP_SIZE, seed);
    for (const side of SIDES) {
      wrongBytes[side].push((await runSide(side, machine, workload, { seed, ...options })).wrongBytes);
    }
  }
  return { machine, level, wrongBytes };
}
