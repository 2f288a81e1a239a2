import type { ChromeTrace, ChromeTraceEvent } from "@dmaengine/sim";
import type { Comparison } from "../measure/compare.js";
import { SIDES } from "../measure/run-side.js";

/** The traces of all machines, levels and sides as one that Perfetto opens, each group of lanes with its own name. */
export function chromeTrace(comparisons: readonly Comparison[]): ChromeTrace {
  const traceEvents: ChromeTraceEvent[] = [];
  let pids = 0;
  for (const { level, sides } of comparisons) {
    for (const side of SIDES) {
      const events = sides[side].trace.traceEvents;
      const last = Math.max(0, ...new Set(events.map(({ pid }) => pid)));
      for (const event of events) {
        const named =
          event.name === "process_name"
            ? { args: { name: `RAID-${level} ${side}: ${event.args?.["name"]}` } }
            : {};
        traceEvents.push({ ...event, pid: pids + event.pid, ...named });
      }
      pids += last;
    }
  }
  return { displayTimeUnit: "ns", traceEvents };
}
