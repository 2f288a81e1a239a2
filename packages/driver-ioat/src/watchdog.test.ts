import { VirtualClock } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { COMPLETION_TIMEOUT_NANOS, Watchdog } from "./watchdog.js";

/** A watchdog that is always armed again, and what it saw at the end of each period. */
function rig(chansts: () => number) {
  const clock = new VirtualClock("stepped");
  const silent: boolean[] = [];
  const watchdog = new Watchdog(clock, () => {
    silent.push(watchdog.isSilent(chansts()));
    watchdog.arm();
  });
  return { clock, watchdog, silent };
}

describe("Watchdog", () => {
  it("calls the second period in a row silent in which nothing moves, and each from there on", () => {
    const { clock, watchdog, silent } = rig(() => 64);
    watchdog.arm();
    clock.advance(4 * COMPLETION_TIMEOUT_NANOS);
    expect(silent).toEqual([false, true, true, true]);
  });

  it("begins to count anew when something is completed", () => {
    const { clock, watchdog, silent } = rig(() => 64);
    watchdog.arm();
    clock.advance(1.5 * COMPLETION_TIMEOUT_NANOS);
    watchdog.progress();
    clock.advance(3 * COMPLETION_TIMEOUT_NANOS);
    expect(silent).toEqual([false, false, false, true]);
  });

  it("does so when CHANSTS moves", () => {
    let completed = 0;
    const { clock, watchdog, silent } = rig(() => {
      completed += 64;
      return Math.min(completed, 192);
    });
    watchdog.arm();
    clock.advance(5 * COMPLETION_TIMEOUT_NANOS);
    expect(silent).toEqual([false, false, false, true, true]);
  });

  it("is not put off by being armed again, and stops when it is disarmed", () => {
    const { clock, watchdog, silent } = rig(() => 64);
    watchdog.arm();
    clock.advance(0.9 * COMPLETION_TIMEOUT_NANOS);
    watchdog.arm();
    clock.advance(0.2 * COMPLETION_TIMEOUT_NANOS);
    expect(silent).toEqual([false]);
    watchdog.disarm();
    expect(clock.pendingEvents).toBe(0);
    watchdog.arm();
    clock.advance(COMPLETION_TIMEOUT_NANOS);
    expect(silent).toEqual([false, false]);
  });
});
