import type { Comparison } from "../measure/compare.js";
import type { Counters } from "../measure/counters.js";
import { SIDES, type Side, type SideResult } from "../measure/run-side.js";
import { PHASE_NAMES, type PhaseName } from "../workload/workload.js";
import { count, micros, times } from "./format.js";
import type { Table } from "./table.js";

/** The rows about what was counted, in order. */
const COUNTED: readonly (readonly [row: string, cell: (total: Counters) => string])[] = [
  ["maps", ({ maps }) => count(maps)],
  ["… of stripe pages", ({ stripePageMaps }) => count(stripePageMaps)],
  ["unmaps", ({ unmaps }) => count(unmaps)],
  ["syncs", ({ syncs }) => count(syncs)],
  ["cache lines cleaned", ({ cleanedLines }) => count(cleanedLines)],
  ["cache lines invalidated", ({ invalidatedLines }) => count(invalidatedLines)],
  ["IOMMU operations", ({ iommuOperations }) => count(iommuOperations)],
  ["interrupts", ({ interrupts }) => count(interrupts)],
  ["polls", ({ polls }) => count(polls)],
  ["channel switches", ({ channelSwitches }) => count(channelSwitches)],
  ["CPU bytes touched", ({ cpuBytes }) => count(cpuBytes)],
];

/** What both sides have to show on one machine: a column for each level and side. */
export function comparisonTable(comparisons: readonly Comparison[]): Table {
  const columns = comparisons.flatMap((comparison) => SIDES.map((side) => ({ comparison, side })));
  const row = (name: string, cell: (result: SideResult, side: Side, comparison: Comparison) => string) => [
    name,
    ...columns.map(({ comparison, side }) => cell(comparison.sides[side], side, comparison)),
  ];
  return {
    head: ["", ...columns.map(({ comparison, side }) => `RAID-${comparison.level} ${side}`)],
    rows: [
      row("scenario", (result) => (result.scenario === null ? "" : String(result.scenario))),
      ...operationNames(columns.map(({ comparison, side }) => comparison.sides[side])).map((name) =>
        row(name, ({ total }) => count(total.operations[name] ?? 0)),
      ),
      ...COUNTED.map(([name, cell]) => row(name, ({ total }) => cell(total))),
      ...PHASE_NAMES.map((phase) => row(`µs: ${phase}`, (result) => micros(phaseNanos(result, phase)))),
      row("µs: all", ({ total }) => micros(total.nanos)),
      row("speedup", (_, side, { speedup }) => (side === "raid456" ? times(speedup) : "")),
      row("wrong bytes", ({ wrongBytes }) => count(wrongBytes)),
    ],
  };
}

/** Simulated time of one phase, in nanoseconds. */
function phaseNanos({ phases }: SideResult, phase: PhaseName): number {
  return phases.find(({ name }) => name === phase)?.counters.nanos ?? 0;
}

/** What was done at all, by whom, in any of the columns. */
function operationNames(results: readonly SideResult[]): string[] {
  const done = results.flatMap(({ total }) =>
    Object.entries(total.operations).filter(([, number]) => number > 0),
  );
  return [...new Set(done.map(([name]) => name))].sort();
}
