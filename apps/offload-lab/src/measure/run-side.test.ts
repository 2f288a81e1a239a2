import { beforeAll, describe, expect, it } from "vitest";
import { MACHINES } from "../machine/machines.js";
import { jsonReport } from "../report/json.js";
import { type Comparison, compare } from "./compare.js";
import { SWEEP_SIZE } from "./sweep-seeds.js";

const OPTIONS = { level: 5, size: SWEEP_SIZE, seed: 2, depth: 8, mdSkipCopy: false } as const;

async function compareOn(name: string): Promise<Comparison> {
  const machine = MACHINES.find((candidate) => candidate.name === name);
  if (machine === undefined) throw new Error(`no machine ${name}`);
  return await compare(machine, OPTIONS);
}

describe("both sides on one machine", () => {
  it.each(["x86-ioat", "iop33x"])("cost the same each time: %s", async (name) => {
    expect(jsonReport([await compareOn(name)])).toBe(jsonReport([await compareOn(name)]));
  });

  it("have the phases one behind the other, and all of them in the total", async () => {
    const { sides } = await compareOn("armada-xp");
    for (const { phases, total } of Object.values(sides)) {
      const ends = phases.map(({ startNanos, counters }) => startNanos + counters.nanos);
      expect(phases.slice(1).map(({ startNanos }) => startNanos)).toEqual(ends.slice(0, -1));
      expect(phases.reduce((sum, { counters }) => sum + counters.nanos, 0)).toBe(total.nanos);
      expect(total.unmaps).toBe(total.maps);
    }
  });
});

describe("where one engine does everything", () => {
  let comparison: Comparison;
  beforeAll(async () => {
    comparison = await compareOn("x86-ioat");
  });

  it("raid456 maps nothing but requests, asks for no interrupt, and leaves the CPU alone", () => {
    const { scenario, total } = comparison.sides.raid456;
    expect(scenario).toBe(1);
    expect(total.stripePageMaps).toBe(0);
    expect([total.interrupts, total.cpuBytes, total.channelSwitches]).toEqual([0, 0, 0]);
  });

  it("async_tx maps several pages for each operation, and is interrupted", () => {
    const { operations, maps, interrupts } = comparison.sides.async_tx.total;
    const mapped =
      (operations["ioat0: memcpy"] ?? 0) +
      (operations["ioat0: xor"] ?? 0) +
      (operations["ioat0: xorVal"] ?? 0);
    expect(maps).toBeGreaterThan(2 * mapped);
    expect(interrupts).toBeGreaterThan(0);
  });
});

describe("where devices don't see the CPU's caches", () => {
  it("async_tx's overlapping mappings corrupt data, and raid456 does not", async () => {
    const { sides } = await compareOn("iop33x");
    expect(sides.async_tx.wrongBytes).toBeGreaterThan(0);
    expect(sides.async_tx.mismatchRows).toBeGreaterThan(0);
    expect([sides.raid456.wrongBytes, sides.raid456.mismatchRows]).toEqual([0, 0]);
  });
});

describe("without any engine", () => {
  it("both sides' time is what the CPU touches", async () => {
    const { sides } = await compareOn("cpu-only");
    for (const { total, scenario } of Object.values(sides)) {
      expect(Math.abs(total.nanos - total.cpuBytes * 0.1)).toBeLessThan(10);
      expect([total.maps, total.interrupts]).toEqual([0, 0]);
      expect(scenario === null || scenario === 0).toBe(true);
    }
  });
});
