import type { ChannelStats, MappingStats } from "@dmaengine/core";
import Table from "cli-table3";
import { formatBytes } from "./format.js";

/** Of an engine's statistics, what the table shows. */
export interface WorkStats {
  readonly devices: Readonly<Record<string, DeviceWork>>;
}

interface DeviceWork {
  readonly mapping: Pick<MappingStats, "maps" | "syncsForCpu" | "syncsForDevice">;
  readonly channels: Readonly<Record<string, ChannelWork>>;
}

type ChannelWork = Pick<ChannelStats, "polls" | "interrupts" | "operations">;

const COLUMNS = ["engine", "channel", "operation", "count", "bytes", "maps", "syncs", "polls", "interrupts"];
const FIRST_NUMBER = COLUMNS.indexOf("count");

/** A table without frames: it is read in a terminal and in a log alike. */
const NO_FRAME = Object.fromEntries(
  [
    ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"],
    ...["left", "left-mid", "mid", "mid-mid", "right", "right-mid"],
  ].map((part) => [part, ""]),
);

/**
 * What did the work: a line for each engine and operation that was used. Maps and syncs are counted by engine, polls and
 * interrupts by channel; they are on the first line of it.
 */
export function describeWork(stats: WorkStats): string {
  const table = new Table({
    head: COLUMNS,
    colAligns: COLUMNS.map((_, column) => (column < FIRST_NUMBER ? "left" : "right")),
    chars: { ...NO_FRAME, middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const [engine, device] of Object.entries(stats.devices)) table.push(...deviceRows(engine, device));
  return table.toString();
}

function deviceRows(engine: string, { channels, mapping }: DeviceWork): string[][] {
  const { maps, syncsForCpu, syncsForDevice } = mapping;
  const rows = Object.entries(channels).flatMap(([name, channel]) => channelRows(name, channel));
  const used = rows.length > 0 ? rows : [["", "(not used)", "", "", "", ""]];
  return used.map(
    ([channel = "", operation = "", operations = "", bytes = "", polls = "", interrupts = ""], row) => [
      row === 0 ? engine : "",
      channel,
      operation,
      operations,
      bytes,
      row === 0 ? String(maps) : "",
      row === 0 ? String(syncsForCpu + syncsForDevice) : "",
      polls,
      interrupts,
    ],
  );
}

function channelRows(channel: string, { operations, polls, interrupts }: ChannelWork): string[][] {
  return Object.entries(operations)
    .filter(([, { submitted }]) => submitted > 0)
    .map(([operation, { completed, failed, bytes }], row) => [
      row === 0 ? channel : "",
      operation,
      failed === 0 ? String(completed) : `${completed} (${failed} failed)`,
      formatBytes(bytes),
      row === 0 ? String(polls) : "",
      row === 0 ? String(interrupts) : "",
    ]);
}
