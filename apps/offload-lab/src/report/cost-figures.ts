import type { CostFigure, PlatformCosts } from "@dmaengine/sim";

/** All figures of a machine with their names: first the CPU's in nanoseconds, then those of its engines. */
export function costFigures({ cpu, engine }: PlatformCosts): [name: string, figure: CostFigure][] {
  return [...Object.entries(cpu), ...Object.entries(engine)];
}
