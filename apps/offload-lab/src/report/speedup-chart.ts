import type { Comparison } from "../measure/compare.js";
import { times } from "./format.js";
import { renderSvg } from "./render-svg.js";

/** How many times faster raid456 is, machine by machine, as an SVG image. */
export function speedupChart(comparisons: readonly Comparison[]): string {
  const machines = [...new Set(comparisons.map(({ machine }) => machine.name))];
  const levels = [...new Set(comparisons.map(({ level }) => level))];
  return renderSvg(860, 60 + 56 * machines.length, {
    title: {
      text: "Simulated time of async_tx, divided by that of raid456",
      subtext: "above 1, raid456 is faster",
      left: 12,
      top: 6,
      textStyle: { fontSize: 15 },
    },
    legend: { right: 16, top: 10 },
    grid: { left: 130, right: 50, top: 64, bottom: 28 },
    xAxis: { type: "value", min: 0 },
    yAxis: { type: "category", data: machines, inverse: true },
    series: levels.map((level) => ({
      name: `RAID-${level}`,
      type: "bar",
      label: { show: true, position: "right", formatter: ({ value }) => times(Number(value)) },
      markLine: {
        silent: true,
        symbol: "none",
        label: { show: false },
        lineStyle: { color: "#334155", type: "dashed" },
        data: [{ xAxis: 1 }],
      },
      data: machines.map((name) => {
        const found = comparisons.find(({ machine, level: of }) => machine.name === name && of === level);
        return found === undefined ? null : found.speedup;
      }),
    })),
  });
}
