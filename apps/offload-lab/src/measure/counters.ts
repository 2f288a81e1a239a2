import type { EngineStats } from "@dmaengine/core";
import type { LabArray } from "../arrays/lab-array.js";
import type { Bench } from "../machine/bench.js";
import { sum } from "../sum.js";

/** What a way of doing the work has cost. */
export interface Counters {
  /** Time on the machine's clock. */
  readonly nanos: number;
  /** What was done, by who did it: `"ioat0: memcpy"`, `"CPU: xor"`. */
  readonly operations: Readonly<Record<string, number>>;
  /** Calls of the mapping API. */
  readonly maps: number;
  /** Those of them that mapped a page of a stripe cache. */
  readonly stripePageMaps: number;
  readonly unmaps: number;
  readonly syncs: number;
  readonly cleanedLines: number;
  readonly invalidatedLines: number;
  readonly iommuOperations: number;
  readonly interrupts: number;
  /** Looks at a channel's state. */
  readonly polls: number;
  readonly channelSwitches: number;
  /** Bytes that the CPU read or wrote by itself. */
  readonly cpuBytes: number;
  /** Time for which the CPU had work: what it paid. */
  readonly cpuNanos: number;
}

/** Everything counted so far. */
export function readCounters({ platform, engine, cpuOperations }: Bench, array: LabArray): Counters {
  const { meter, clock, cacheCare } = platform;
  const stats = engine.stats();
  const mappings = Object.values(stats.devices).map(({ mapping }) => mapping);
  const channels = Object.values(stats.devices).flatMap((device) => Object.values(device.channels));
  return {
    nanos: clock.nowNanos,
    operations: { ...engineOperations(stats), ...namedFor("CPU", cpuOperations) },
    maps: sum(mappings.map(({ maps }) => maps)),
    stripePageMaps: array.stripePageMaps,
    unmaps: sum(mappings.map(({ unmaps }) => unmaps)),
    syncs: sum(mappings.map(({ syncsForCpu, syncsForDevice }) => syncsForCpu + syncsForDevice)),
    cleanedLines: cacheCare.cleanedLines,
    invalidatedLines: cacheCare.invalidatedLines,
    iommuOperations: meter.count("iommuMap") + meter.count("iommuUnmap"),
    interrupts: meter.count("interrupt"),
    polls: sum(channels.map(({ polls }) => polls)),
    channelSwitches: array.channelSwitches,
    cpuBytes: meter.count("cpuByte"),
    cpuNanos: meter.totalNanos,
  };
}

/** What was counted between two readings. */
export function difference(after: Counters, before: Counters): Counters {
  const { operations: operationsAfter, ...numbersAfter } = after;
  const { operations: operationsBefore, ...numbersBefore } = before;
  return {
    ...(subtract(numbersAfter, numbersBefore) as Omit<Counters, "operations">),
    operations: subtract(operationsAfter, operationsBefore),
  };
}

function subtract(
  after: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]),
  );
}

function engineOperations({ devices }: EngineStats): Record<string, number> {
  const operations: Record<string, number> = {};
  for (const [device, { channels }] of Object.entries(devices)) {
    for (const channel of Object.values(channels)) {
      for (const [name, { completed }] of Object.entries(channel.operations)) {
        const key = `${device}: ${name}`;
        operations[key] = (operations[key] ?? 0) + completed;
      }
    }
  }
  return operations;
}

function namedFor(who: string, operations: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(operations).map(([name, times]) => [`${who}: ${name}`, times]));
}
