import type { OperationStats } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { describeWork, type WorkStats } from "./work-table.js";

const done = (completed: number, bytes: number, failed = 0): OperationStats => ({
  submitted: completed + failed,
  completed,
  failed,
  aborted: 0,
  bytes,
});

describe("describeWork", () => {
  it("has a line for each operation that was used, and the counters of channel and engine on the first", () => {
    const stats: WorkStats = {
      devices: {
        ioat0: {
          mapping: { maps: 12, syncsForCpu: 3, syncsForDevice: 4 },
          channels: {
            dma0chan0: {
              polls: 9,
              interrupts: 1,
              operations: { memcpy: done(5, 5 * 4096), xor: done(0, 0), pq: done(7, 1024 * 1024, 2) },
            },
            dma0chan1: { polls: 0, interrupts: 0, operations: { memcpy: done(0, 0) } },
          },
        },
        cpu: {
          mapping: { maps: 0, syncsForCpu: 0, syncsForDevice: 0 },
          channels: {},
        },
      },
    };
    const lines = describeWork(stats)
      .split("\n")
      .map((line) => line.trimEnd());
    expect(lines).toEqual([
      "engine  channel    operation          count   bytes  maps  syncs  polls  interrupts",
      "ioat0   dma0chan0  memcpy                 5  20 KiB    12      7      9           1",
      "                   pq          7 (2 failed)   1 MiB",
      "cpu                (not used)                           0      0",
    ]);
  });
});
