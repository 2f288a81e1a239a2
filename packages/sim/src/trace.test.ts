import { DmaDirection, type DmaTraceEvent } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { Platform } from "./platform.js";
import { PLATFORMS } from "./platforms.js";
import { TraceRecorder } from "./trace.js";

const ADDR = { device: "dma0", addr: 0x1000, lengthBytes: 64, direction: DmaDirection.TO_DEVICE } as const;

function recording() {
  const platform = new Platform({ ...PLATFORMS["armada-38x"], clock: "stepped", seed: 1 });
  const recorder = new TraceRecorder(platform);
  const line = platform.irqs.line("dma0-irq");
  line.request(() => {});
  const submit = (cookie: number): DmaTraceEvent => ({
    type: "submit",
    channel: "dma0chan0",
    cookie,
    operation: "memcpy",
    lengthBytes: 64,
    flags: 0,
  });
  const complete = (cookie: number): DmaTraceEvent => ({
    type: "complete",
    channel: "dma0chan0",
    cookie,
    operation: "memcpy",
    result: 0,
  });
  platform.memory.domain.map(new Uint8Array(64), 0, 64, DmaDirection.TO_DEVICE);
  recorder.engine({ type: "map", ...ADDR });
  recorder.engine({ type: "unmap", ...ADDR });
  recorder.engine(submit(2));
  recorder.engine(submit(3));
  recorder.engine({ type: "issue", channel: "dma0chan0" });
  platform.clock.advance(1000);
  recorder.engine(complete(2));
  platform.clock.advance(500);
  line.raise();
  recorder.engine(complete(3));
  platform.irqs.tasklet(() => {}).schedule();
  platform.clock.runNext();
  return { platform, recorder };
}

describe("TraceRecorder", () => {
  it("draws lanes for CPU, interrupts and channels", () => {
    const { traceEvents } = recording().recorder.toChromeTrace();
    const named = traceEvents
      .filter(({ ph }) => ph === "M")
      .map(({ pid, args }) => `${pid} ${args?.["name"]}`);
    expect(named).toEqual([
      "1 armada-38x: cpu",
      "2 armada-38x: interrupts",
      "3 armada-38x: channels",
      "1 CPU",
      "3 dma0chan0",
      "2 dma0-irq",
    ]);
  });

  it("draws mappings as long as they cost, and transactions behind one another", () => {
    const { traceEvents } = recording().recorder.toChromeTrace();
    const slices = traceEvents.filter(({ ph }) => ph === "X").map(({ name, ts, dur }) => [name, ts, dur]);
    expect(slices).toEqual([
      // Two lines of 32 bytes at 10 ns.
      ["map", 0, 0.02],
      ["unmap", 0.02, 0],
      ["memcpy", 0, 1],
      ["dma0-irq", 1.5, 2],
      ["memcpy", 1, 0.5],
    ]);
    const instants = traceEvents.filter(({ ph }) => ph === "i").map(({ name, ts }) => [name, ts]);
    expect(instants).toEqual([
      ["issue", 0],
      ["dma0-irq", 1.5],
      ["tasklet", 1.5],
    ]);
  });

  it("is JSON, whose slices all have a lane with a name", () => {
    const { traceEvents } = JSON.parse(JSON.stringify(recording().recorder.toChromeTrace())) as {
      traceEvents: { ph: string; pid: number; tid: number }[];
    };
    const lane = ({ pid, tid }: { pid: number; tid: number }) => `${pid}/${tid}`;
    const named = new Set(traceEvents.filter(({ ph }) => ph === "M").map(lane));
    expect(traceEvents.every((event) => named.has(lane(event)))).toBe(true);
  });

  it("sums up", () => {
    expect(recording().recorder.summary().split("\n")).toEqual([
      "armada-38x: 1500 ns",
      "event      times  CPU ns",
      "map            1",
      "unmap          1",
      "submit         2",
      "issue          1",
      "complete       2",
      "hardirq        1",
      "softirq        1",
      "interrupt      1    2000",
      "cacheLine      2      20",
    ]);
  });
});
