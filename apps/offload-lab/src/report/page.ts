import type { PlatformCosts } from "@dmaengine/sim";
import type { Comparison, ComparisonOptions } from "../measure/compare.js";
import { SIDES } from "../measure/run-side.js";
import { comparisonTable } from "./comparison-table.js";
import { costFigures } from "./cost-figures.js";
import { speedupChart } from "./speedup-chart.js";
import { escapeHtml, htmlTable } from "./table.js";
import { timelines } from "./timelines.js";

const STYLE = `
body { font: 14px/1.5 Helvetica, Arial, sans-serif; max-width: 1120px; margin: 2em auto; padding: 0 1em; color: #0f172a; background: #fff }
table { border-collapse: collapse; margin: 1em 0 }
th, td { border: 1px solid #cbd5e1; padding: 2px 8px; text-align: right; vertical-align: top; font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left }
.timelines svg { display: block }
figure { margin: 1em 0; overflow-x: auto }`;

/** Comparisons as one HTML page that needs nothing else. */
export function htmlPage(
  comparisons: readonly Comparison[],
  { seed, depth }: Pick<ComparisonOptions, "seed" | "depth">,
): string {
  const machines = [...new Set(comparisons.map(({ machine }) => machine))];
  const sections = machines.map((machine) => {
    const own = comparisons.filter((comparison) => comparison.machine === machine);
    return [
      `<h2 id="${machine.name}">${machine.name}</h2>`,
      `<p>${escapeHtml(machine.engines)}.</p>`,
      htmlTable(comparisonTable(own)),
      ...own.map(planAndTimelines),
    ].join("\n");
  });
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>offload-lab: async_tx and raid456</title><style>${STYLE}</style></head>
<body>
<h1>The same RAID workload through async_tx and through raid456</h1>
<p>Seed ${seed}, ${depth} requests in flight. Times are those of simulated machines, with the costs below.
In the timelines, which show the first partial writes, the CPU maps, syncs, handles interrupts and computes, and an operation of a channel lasts until its completion was seen.</p>
<figure>${speedupChart(comparisons)}</figure>
${sections.join("\n")}
<h2>What things cost</h2>
${machines.map(({ name, description }) => costList(name, description.costs)).join("\n")}
</body>
</html>
`;
}

function planAndTimelines(comparison: Comparison): string {
  const { level, sides } = comparison;
  const images = timelines(comparison);
  return [
    `<h3>RAID-${level}</h3>`,
    ...SIDES.map((side) => `<p>${side}: ${escapeHtml(sides[side].plan.join(" "))}</p>`),
    `<figure class="timelines" aria-label="RAID-${level}: the first partial writes">${SIDES.map((side) => images[side]).join("\n")}</figure>`,
  ].join("\n");
}

function costList(name: string, costs: PlatformCosts): string {
  const figures = costFigures(costs);
  const sources = [...new Set(figures.map(([, { source }]) => source))];
  const list = figures.map(([figure, { value }]) => `${figure} ${value}`).join(", ");
  return `<p>${name}: ${list} (${escapeHtml(sources.join("; "))}).</p>`;
}
