import { DMA_PREP_CONTINUE, type DmaDevice, type DmaEngine, dmaMaxPq } from "@dmaengine/core";
import type { Geometry } from "../geometry.js";
import { CpuOffload } from "./cpu-offload.js";
import { EngineOffload, RAID5_OPERATIONS, RAID6_OPERATIONS, type RaidChan } from "./engine-offload.js";
import type { Offload } from "./offload.js";

/**
 * Probes for offload resources, as Dan Williams sketched it in May 2015: the first device that has every operation gives scenario 1, otherwise
 * the CPU does the work (scenario 0). Devices are tried in the order of their registration. The reasons are part of the plan.
 */
export function planOffload(engine: DmaEngine | null, geometry: Geometry): Offload {
  const level = `RAID-${geometry.level} over ${geometry.raidDisks} members`;
  const refusals: string[] = [];
  for (const device of engine?.devices ?? []) {
    const lacking = whatLacks(device, geometry);
    if (lacking.length > 0) {
      refusals.push(`${device.name} is not used: ${lacking.join("; ")}.`);
      continue;
    }
    const operations = operationsFor(geometry);
    const chan = engine?.findChannel(operations, {
      client: "raid456",
      filter: (candidate) => candidate === device,
    });
    if (chan == null) {
      refusals.push(`${device.name} is not used: all its channels are private or taken.`);
      continue;
    }
    return new EngineOffload(chan as RaidChan, [
      `Scenario 1 for ${level}: ${device.name} (${chan.name}) has every operation: ${operations.join(", ")}.`,
      "Stripe pages are mapped once, for as long as they are in the cache; no channel is switched.",
      "Completions are polled once for each batch of stripes; no interrupt is asked for.",
      ...refusals,
    ]);
  }
  return new CpuOffload([
    `Scenario 0 for ${level}: the CPU does the work; nothing is mapped, every operation is complete at once.`,
    ...(refusals.length > 0 ? refusals : ["No engine is registered."]),
  ]);
}

function operationsFor({ level }: Geometry): readonly (typeof RAID6_OPERATIONS)[number][] {
  return level === 6 ? RAID6_OPERATIONS : RAID5_OPERATIONS;
}

/** Why the device can't do all the work of this array; empty if it can. */
function whatLacks(device: DmaDevice, geometry: Geometry): string[] {
  const missing = operationsFor(geometry).filter((operation) => !device.has(operation));
  if (missing.length > 0) return [`it has no ${missing.join(", ")}`];

  const lacking: string[] = [];
  for (const operation of operationsFor(geometry)) {
    // Requests start and end at any byte.
    const { alignBytes = 1, minLengthBytes = 1 } = device.capabilities[operation] ?? {};
    if (alignBytes > 1) lacking.push(`its ${operation} wants ${alignBytes}-byte alignment`);
    if (minLengthBytes > 1) lacking.push(`its ${operation} takes ${minLengthBytes} bytes at least`);
  }
  // A sum can be made in pieces, a check can't.
  const { xor, xorVal, pq, pqVal } = device.capabilities;
  if (xor !== undefined && xor.maxSources < 2) lacking.push("its xor takes fewer than 2 sources");
  if (geometry.level === 6) {
    if (pq !== undefined && dmaMaxPq(pq, DMA_PREP_CONTINUE) < 1) lacking.push("its pq can't be continued");
    if (pq?.fixedCoefs !== undefined) lacking.push("its pq has fixed coefficients, and recovery needs any");
    if (pqVal !== undefined && pqVal.maxSources < geometry.dataDisks) {
      lacking.push(`its pqVal takes ${pqVal.maxSources} sources, ${geometry.dataDisks} are needed`);
    }
  } else if (xorVal !== undefined && xorVal.maxSources < geometry.raidDisks) {
    lacking.push(`its xorVal takes ${xorVal.maxSources} sources, ${geometry.raidDisks} are needed`);
  }
  return lacking;
}
