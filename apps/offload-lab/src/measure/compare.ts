import type { RaidLevel } from "@dmaengine/raid456";
import type { Machine } from "../machine/machines.js";
import { generateWorkload, type WorkloadSize } from "../workload/generate.js";
import { runSide, type Side, type SideOptions, type SideResult } from "./run-side.js";

/** What is to be compared, and how. */
export interface ComparisonOptions extends SideOptions {
  readonly level: RaidLevel;
  readonly size: WorkloadSize;
  /** Of the workload, too. */
  readonly seed: number;
}

/** The same workload done both ways on one kind of machine. */
export interface Comparison {
  readonly machine: Machine;
  readonly level: RaidLevel;
  readonly sides: Readonly<Record<Side, SideResult>>;
  /** The time of async_tx by that of raid456: above 1, raid456 is faster. */
  readonly speedup: number;
}

export async function compare(machine: Machine, options: ComparisonOptions): Promise<Comparison> {
  const { level, size } = options;
  const workload = generateWorkload(level, size, options.seed);
  const sides = {
    async_tx: await runSide("async_tx", machine, workload, options),
    raid456: await runSide("raid456", machine, workload, options),
  };
  return { machine, level, sides, speedup: speedupOf(sides.async_tx.total.nanos, sides.raid456.total.nanos) };
}

/** 1 where neither takes any time. */
function speedupOf(asyncTxNanos: number, raid456Nanos: number): number {
  return asyncTxNanos === raid456Nanos ? 1 : asyncTxNanos / raid456Nanos;
}
