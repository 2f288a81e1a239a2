import type { DmaTraceEvent } from "@dmaengine/core";
import { COST_KINDS, type CostKind } from "./costs.js";
import type { Platform } from "./platform.js";

/** One event of Chrome's trace format, as `chrome://tracing` and ui.perfetto.dev read it. Times are in microseconds. */
export interface ChromeTraceEvent {
  readonly name: string;
  /** X: a slice. i: an instant. M: the name of a lane or group of lanes. */
  readonly ph: "X" | "i" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly s?: "t";
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Chrome's trace format as a whole. */
export interface ChromeTrace {
  readonly displayTimeUnit: "ns";
  readonly traceEvents: readonly ChromeTraceEvent[];
}

/** The groups that lanes are in. */
const GROUPS = { cpu: 1, interrupts: 2, channels: 3 } as const;
type Group = keyof typeof GROUPS;

interface Lane {
  readonly group: Group;
  readonly name: string;
  readonly tid: number;
  /** Where the last slice ends: slices of a lane never overlap. */
  endNanos: number;
}

interface Slice {
  readonly lane: Lane;
  readonly name: string;
  readonly startNanos: number;
  /** Null: an instant. */
  readonly durationNanos: number | null;
  readonly args: Readonly<Record<string, unknown>> | null;
}

/** What mapping calls pay for. */
const MAPPING_KINDS: readonly CostKind[] = ["cacheLine", "iommuMap", "iommuUnmap"];

/**
 * Writes down what happens on a platform and in an engine on it, with the platform's time:
 *
 * - a lane for the CPU: `map`, `unmap` and syncs, interrupt handlers, tasklets, as long as they cost. What the CPU does takes no virtual
 *   time, so what it does at one time is drawn one behind the other;
 * - a lane for each interrupt line;
 * - a lane for each channel: its transactions, one behind the other.
 *
 * `new DmaEngine({ trace: recorder.engine })` ties an engine to it. A platform has one recorder at a time.
 */
export class TraceRecorder {
  readonly #platform: Platform;
  readonly #lanes = new Map<string, Lane>();
  readonly #slices: Slice[] = [];
  readonly #counts = new Map<string, number>();
  readonly #submitted = new Map<string, number>();
  #mappingNanos: number;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#mappingNanos = this.#nanosOfMappings();
    platform.irqs.onEntry = (context, line) => this.#onEntry(context, line);
  }

  /** What an engine calls with each of its events. */
  readonly engine = (event: DmaTraceEvent): void => {
    const { nowNanos } = this.#platform.clock;
    this.#count(event.type);
    switch (event.type) {
      case "map":
      case "unmap":
      case "syncForCpu":
      case "syncForDevice": {
        const { type, ...args } = event;
        const before = this.#mappingNanos;
        this.#mappingNanos = this.#nanosOfMappings();
        this.#add(this.#lane("cpu", "CPU"), type, nowNanos, this.#mappingNanos - before, args);
        break;
      }
      case "submit":
        this.#submitted.set(`${event.channel} ${event.cookie}`, nowNanos);
        break;
      case "complete": {
        const { channel, cookie, operation, result } = event;
        const key = `${channel} ${cookie}`;
        const since = this.#submitted.get(key) ?? nowNanos;
        this.#submitted.delete(key);
        const lane = this.#lane("channels", channel);
        const startNanos = Math.max(since, lane.endNanos);
        this.#add(lane, operation, startNanos, nowNanos - startNanos, { cookie, result });
        break;
      }
      default: {
        const { type, ...args } = event;
        const lane = "channel" in event ? this.#lane("channels", event.channel) : this.#lane("cpu", "CPU");
        this.#instant(lane, type, nowNanos, args);
      }
    }
  };

  /** Work that the CPU does by itself begins, for example a sum in software: it is drawn in the CPU's lane. */
  cpuWork(name: string, durationNanos: number, args: Slice["args"] = null): void {
    this.#count(name);
    this.#add(this.#lane("cpu", "CPU"), name, this.#platform.clock.nowNanos, durationNanos, args);
  }

  /** What was recorded so far, in Chrome's trace format: `JSON.stringify` makes a file of it that ui.perfetto.dev opens. */
  toChromeTrace(): ChromeTrace {
    const traceEvents: ChromeTraceEvent[] = [];
    for (const [group, pid] of Object.entries(GROUPS)) {
      const name = `${this.#platform.name}: ${group}`;
      traceEvents.push({ name: "process_name", ph: "M", pid, tid: 0, args: { name } });
    }
    for (const { group, name, tid } of this.#lanes.values()) {
      traceEvents.push({ name: "thread_name", ph: "M", pid: GROUPS[group], tid, args: { name } });
    }
    for (const { lane, name, startNanos, durationNanos, args } of this.#slices) {
      traceEvents.push({
        name,
        ...(durationNanos === null ? { ph: "i", s: "t" } : { ph: "X", dur: durationNanos / 1000 }),
        pid: GROUPS[lane.group],
        tid: lane.tid,
        ts: startNanos / 1000,
        ...(args !== null && { args }),
      });
    }
    return { displayTimeUnit: "ns", traceEvents };
  }

  /** A table in text: how often each kind of event happened, and what the CPU paid for. */
  summary(): string {
    const { meter, clock, name } = this.#platform;
    const rows = [
      ["event", "times", "CPU ns"],
      ...[...this.#counts].map(([event, times]) => [event, String(times), ""]),
      ...COST_KINDS.filter((kind) => meter.count(kind) > 0).map((kind) => [
        kind,
        String(meter.count(kind)),
        String(Math.round(meter.nanos(kind))),
      ]),
    ];
    const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
    const lines = rows.map(([event = "", times = "", nanos = ""]) =>
      `${event.padEnd(widths[0] as number)}  ${times.padStart(widths[1] as number)}  ${nanos.padStart(widths[2] as number)}`.trimEnd(),
    );
    return [`${name}: ${clock.nowNanos} ns`, ...lines].join("\n");
  }

  #onEntry(context: "hardirq" | "softirq", line: string): void {
    const { clock, meter } = this.#platform;
    this.#count(context);
    if (context === "softirq") {
      this.#instant(this.#lane("cpu", "CPU"), "tasklet", clock.nowNanos, null);
      return;
    }
    this.#instant(this.#lane("interrupts", line), line, clock.nowNanos, null);
    this.#add(this.#lane("cpu", "CPU"), line, clock.nowNanos, meter.costs.cpu.interrupt.value, null);
  }

  #nanosOfMappings(): number {
    const { meter } = this.#platform;
    return MAPPING_KINDS.reduce((sum, kind) => sum + meter.nanos(kind), 0);
  }

  #lane(group: Group, name: string): Lane {
    const key = `${group} ${name}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { group, name, tid: this.#lanes.size + 1, endNanos: 0 };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #count(event: string): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + 1);
  }

  #add(lane: Lane, name: string, atNanos: number, durationNanos: number, args: Slice["args"]): void {
    const startNanos = Math.max(atNanos, lane.endNanos);
    lane.endNanos = startNanos + durationNanos;
    this.#slices.push({ lane, name, startNanos, durationNanos, args });
  }

  #instant(lane: Lane, name: string, startNanos: number, args: Slice["args"]): void {
    this.#slices.push({ lane, name, startNanos, durationNanos: null, args });
  }
}
