import type { Comparison } from "../measure/compare.js";
import type { SideResult } from "../measure/run-side.js";

/** Comparisons as one JSON document: all that was counted, without the traces. */
export function jsonReport(comparisons: readonly Comparison[]): string {
  const report = comparisons.map(({ machine, level, speedup, sides }) => ({
    platform: machine.name,
    level,
    speedup,
    asyncTx: withoutTrace(sides.async_tx),
    raid456: withoutTrace(sides.raid456),
  }));
  return JSON.stringify(report, null, 2);
}

function withoutTrace({ trace: _, ...rest }: SideResult) {
  return rest;
}
