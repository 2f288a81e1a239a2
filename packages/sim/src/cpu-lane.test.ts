import { DmaDirection } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { ClockEvent } from "./clock.js";
import { Platform, type PlatformOptions } from "./platform.js";
import { PLATFORMS } from "./platforms.js";
import { TraceRecorder } from "./trace.js";

/** A device that is busy for 1000 ns when its register is written, and interrupts. Register accesses cost 20 ns, interrupts 2000 ns. */
function rig(options: PlatformOptions = { cpu: "serial" }) {
  const platform = new Platform({ ...PLATFORMS["armada-xp"], clock: "stepped", ...options });
  const { bus, clock, irqs } = platform;
  const line = irqs.line("dev");
  const finish = new ClockEvent(() => {
    line.raise();
    line.lower();
  });
  const base = bus.attach("dev", 4, [
    { name: "GO", offset: 0, widthBytes: 4, write: () => clock.schedule(1000, finish) },
  ]);
  const interruptedAt: number[] = [];
  const taskletRanAt: number[] = [];
  const tasklet = irqs.tasklet(() => taskletRanAt.push(clock.nowNanos));
  line.request(() => {
    interruptedAt.push(clock.nowNanos);
    tasklet.schedule();
  });
  return { platform, base, interruptedAt, taskletRanAt };
}

describe("a CPU whose work takes time", () => {
  it("starts the hardware when it has got that far", () => {
    const { platform, base, interruptedAt } = rig();
    platform.meter.charge("cpuByte", 500); // 1 ns each
    platform.bus.write32(base, 1);
    expect(platform.cpu?.busyUntilNanos).toBe(520);
    platform.clock.stepTo(10_000);
    expect(interruptedAt).toEqual([1520]);
  });

  it("does what an interrupt leaves for later behind the interrupt, and behind what it was at", () => {
    const { platform, base, interruptedAt, taskletRanAt } = rig();
    platform.bus.write32(base, 1);
    platform.meter.charge("cpuByte", 3000);
    platform.clock.stepTo(10_000);
    expect(interruptedAt).toEqual([1020]);
    expect(taskletRanAt).toEqual([20 + 3000 + 2000]);
  });

  it("does not hold up what the hardware does by itself", () => {
    const { platform } = rig();
    const seen: number[] = [];
    const second = new ClockEvent(() => seen.push(platform.clock.nowNanos));
    platform.clock.schedule(10, new ClockEvent(() => platform.clock.schedule(10, second)));
    platform.meter.charge("cpuByte", 1000);
    platform.clock.stepTo(5000);
    expect(seen).toEqual([20]);
  });

  it("is idle in between, and goes back with a snapshot", () => {
    const { platform } = rig();
    platform.meter.charge("cpuByte", 100);
    const snapshot = platform.snapshot();
    platform.clock.stepTo(1000);
    platform.meter.charge("cpuByte", 7.5);
    expect(platform.cpu?.busyUntilNanos).toBe(1008);
    snapshot.restore();
    expect(platform.cpu?.busyUntilNanos).toBe(100);
  });

  it("is not there unless it is asked for: work is only added up", () => {
    const { platform, base, interruptedAt } = rig({});
    platform.meter.charge("cpuByte", 500);
    platform.bus.write32(base, 1);
    platform.clock.stepTo(10_000);
    expect(platform.cpu).toBeNull();
    expect(interruptedAt).toEqual([1000]);
  });
});

describe("cacheCare", () => {
  const { TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL } = DmaDirection;

  it.each([
    // Mapped and unmapped once in each direction: 2 lines each time.
    ["v5", { cleanedLines: 4, invalidatedLines: 4 }],
    ["v7", { cleanedLines: 4, invalidatedLines: 6 }],
    ["coherent", { cleanedLines: 0, invalidatedLines: 0 }],
  ] as const)("counts lines that were cleaned and invalidated: %s", (coherence, expected) => {
    const platform = new Platform({ coherence, cacheLineBytes: 32 });
    const { domain } = platform.memory;
    const bytes = new Uint8Array(64);
    for (const direction of [TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL]) {
      domain.unmap(domain.map(bytes, 0, 64, direction), 64, direction);
    }
    expect(platform.cacheCare).toEqual(expected);
  });
});

it("draws what the CPU does by itself in its lane, one behind the other", () => {
  const { platform } = rig();
  const recorder = new TraceRecorder(platform);
  recorder.cpuWork("xor", 300, { bytes: 300 });
  recorder.cpuWork("memcpy", 200);
  const slices = recorder.toChromeTrace().traceEvents.filter(({ ph }) => ph === "X");
  expect(slices.map(({ name, ts, dur }) => [name, ts, dur])).toEqual([
    ["xor", 0, 0.3],
    ["memcpy", 0.3, 0.2],
  ]);
});
