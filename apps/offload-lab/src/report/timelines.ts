import type { ChromeTrace } from "@dmaengine/sim";
import type { CustomSeriesRenderItem } from "echarts";
import type { Comparison } from "../measure/compare.js";
import { SIDES, type Side, type SideResult } from "../measure/run-side.js";
import { renderSvg } from "./render-svg.js";

/** Whose beginning is drawn: it has everything that the sides do differently. */
const PHASE = "partial writes";
/** As much of the phase as one can make out. */
const PART = 1 / 16;

/** A slice of a lane, in microseconds from the beginning of what is drawn. */
interface Slice {
  readonly lane: string;
  readonly name: string;
  readonly startMicros: number;
  readonly endMicros: number;
}

/**
 * What both sides do at the beginning of their partial writes, on one scale of time: two SVG images, to be shown above each other. Lanes are
 * the CPU, as far as it maps, syncs, handles interrupts or computes, and the channels.
 */
export function timelines({ sides }: Comparison): Record<Side, string> {
  const nanos = Math.max(...SIDES.map((side) => phaseOf(sides[side]).counters.nanos)) * PART;
  const slices = {
    async_tx: slicesOf(sides.async_tx.trace, phaseOf(sides.async_tx).startNanos, nanos),
    raid456: slicesOf(sides.raid456.trace, phaseOf(sides.raid456).startNanos, nanos),
  };
  const names = [...new Set([...slices.async_tx, ...slices.raid456].map(({ name }) => name))].sort();
  return {
    async_tx: timeline("async_tx", slices.async_tx, names, nanos / 1000),
    raid456: timeline("raid456", slices.raid456, names, nanos / 1000),
  };
}

function phaseOf({ phases }: SideResult) {
  const phase = phases.find(({ name }) => name === PHASE);
  if (phase === undefined) throw new TypeError(`the workload has no ${PHASE}`);
  return phase;
}

function slicesOf({ traceEvents }: ChromeTrace, startNanos: number, nanos: number): Slice[] {
  const lanes = new Map<string, string>();
  for (const { name, pid, tid, args } of traceEvents) {
    if (name === "thread_name") lanes.set(`${pid} ${tid}`, String(args?.["name"]));
  }
  const startMicros = startNanos / 1000;
  const widthMicros = nanos / 1000;
  return traceEvents
    .filter(({ ph }) => ph === "X")
    .map(({ name, pid, tid, ts = 0, dur = 0 }) => {
      const lane = lanes.get(`${pid} ${tid}`) ?? "";
      return {
        lane,
        // An interrupt is called like its line, which is another one on each machine.
        name: lane === "CPU" && name.match(/irq|msix|intx/i) ? "interrupt" : name,
        startMicros: ts - startMicros,
        endMicros: Math.min(ts + dur - startMicros, widthMicros),
      };
    })
    .filter(({ startMicros: start, endMicros: end }) => end >= 0 && start < widthMicros)
    .map((slice) => ({ ...slice, startMicros: Math.max(0, slice.startMicros) }));
}

function timeline(
  side: Side,
  slices: readonly Slice[],
  names: readonly string[],
  widthMicros: number,
): string {
  const lanes = [...new Set(slices.map(({ lane }) => lane))].sort();
  const bar: CustomSeriesRenderItem = (_, api) => {
    const [x = 0, y = 0] = api.coord([api.value(1), api.value(0)]);
    const [end = 0] = api.coord([api.value(2), api.value(0)]);
    return {
      type: "rect",
      shape: { x, y: y - 9, width: Math.max(1, end - x), height: 18 },
      style: { fill: api.visual("color") as string },
    };
  };
  return renderSvg(1080, 90 + 26 * lanes.length, {
    title: { text: side, left: 12, top: 4, textStyle: { fontSize: 13 } },
    legend: { top: 4, left: 110, right: 10, itemGap: 24, data: [...names] },
    grid: { left: 150, right: 30, top: 44, bottom: 40 },
    xAxis: {
      type: "value",
      min: 0,
      max: widthMicros,
      axisLabel: { formatter: "{value} µs", showMaxLabel: false },
    },
    yAxis: { type: "category", data: lanes, inverse: true, splitLine: { show: true } },
    series: names.map((name) => ({
      name,
      type: "custom",
      renderItem: bar,
      encode: { x: [1, 2], y: 0 },
      data: slices
        .filter((slice) => slice.name === name)
        .map(({ lane, startMicros, endMicros }) => [lanes.indexOf(lane), startMicros, endMicros]),
    })),
  });
}
