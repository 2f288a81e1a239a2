import { ClockEvent, PLATFORMS, Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { runOnClock } from "./run-on-clock.js";

const machine = () => new Platform({ ...PLATFORMS["armada-xp"], clock: "stepped", cpu: "serial" });

describe("runOnClock", () => {
  it("moves the clock while the task waits, and gives its result", async () => {
    const platform = machine();
    const { clock } = platform;
    const result = await runOnClock(
      platform,
      () => new Promise((resolve) => clock.schedule(700, new ClockEvent(() => resolve(clock.nowNanos)))),
    );
    expect(result).toBe(700);
  });

  it("lets what the CPU pays for take its time, also behind the task's end", async () => {
    const platform = machine();
    await runOnClock(platform, async () => {
      platform.meter.charge("cpuByte", 100);
      await new Promise(setImmediate);
      platform.meter.charge("cpuByte", 50);
    });
    expect(platform.clock.nowNanos).toBe(150);
  });

  it("passes a failure on", async () => {
    await expect(runOnClock(machine(), () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  });

  it("says so when the task waits for nothing", async () => {
    await expect(runOnClock(machine(), () => new Promise(() => {}))).rejects.toMatchObject({
      code: "ERR_LAB_STALLED",
      message: "armada-xp: at 0 ns the client waits, and nothing is going to happen any more",
    });
  });
});
