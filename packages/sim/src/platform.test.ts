import { DmaDirection } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { ClockEvent } from "./clock.js";
import { SimError } from "./errors.js";
import { Platform } from "./platform.js";

describe("Platform", () => {
  it("ties clock and interrupts together: a tasklet runs on the platform's clock", async () => {
    const platform = new Platform();
    let ranAtNanos = -1;
    const tasklet = platform.irqs.tasklet(() => {
      ranAtNanos = platform.clock.nowNanos;
    });
    tasklet.schedule();
    expect(ranAtNanos).toBe(-1);
    await Promise.resolve();
    expect(ranAtNanos).toBe(0);
  });

  it("names its domain, and keeps time as it was told", () => {
    const platform = new Platform({ name: "bench", clock: "stepped" });
    expect(platform.memory.domain.name).toBe("bench");
    expect(platform.clock.mode).toBe("stepped");
  });
});

describe("Platform.snapshot", () => {
  it.each(["coherent", "v5", "v7"] as const)(
    "goes back to its time, as often as it is told to (%s)",
    (coherence) => {
      const platform = new Platform({ clock: "stepped", coherence, seed: 4 });
      const { clock, bus, irqs, memory, meter } = platform;
      const base = bus.attach("dev0", 4, [{ name: "A", offset: 0, widthBytes: 4, read: () => 1 }]);
      const line = irqs.line("dev0");
      const seen: number[] = [];
      line.request(() => seen.push(clock.nowNanos));
      let level = 0;
      platform.addState(() => {
        const before = level;
        return () => {
          level = before;
        };
      });
      const bytes = new Uint8Array(256).fill(1);
      const addr = memory.domain.map(bytes, 0, 256, DmaDirection.BIDIRECTIONAL);
      const coherent = memory.allocCoherent(8, 8);
      const events = [10, 20, 20, 30].map((nanos) => {
        const event = new ClockEvent(() => {
          level += 1;
          coherent.bytes[0] = level;
          memory.write64(addr + 8 * level, level, level);
          if (level === 2) bus.surpriseRemove(base);
          line.raise();
          line.lower();
        });
        clock.schedule(nanos, event);
        return event;
      });
      clock.advance(10);
      const snapshot = platform.snapshot();
      const rest = () => {
        seen.length = 0;
        while (clock.runNext());
        const removed = bus.read32(base);
        memory.domain.syncForCpu(addr, 256, DmaDirection.BIDIRECTIONAL);
        memory.domain.syncForDevice(addr, 256, DmaDirection.BIDIRECTIONAL);
        return [
          level,
          removed,
          clock.nowNanos,
          irqs.hardIrqs,
          meter.count("cacheLine"),
          ...seen,
          ...bytes,
          ...coherent.bytes,
        ];
      };
      const first = rest();
      expect(first.slice(0, 4)).toEqual([4, 0xffff_ffff, 30, 4]);
      clock.schedule(5, new ClockEvent(() => expect.fail("scheduled after the snapshot")));
      for (let n = 0; n < 2; n++) {
        snapshot.restore();
        expect([clock.nowNanos, clock.pendingEvents, bus.read32(base), level]).toEqual([10, 3, 1, 1]);
        expect(events.map(({ pending }) => pending)).toEqual([false, true, true, true]);
        expect(rest()).toEqual(first);
      }
    },
  );

  it("leaves out a device that was taken out, and memory that was transferred away", () => {
    const platform = new Platform();
    const forget = platform.addState(() => expect.fail("still there"));
    forget();
    const bytes = new Uint8Array(8);
    platform.memory.domain.map(bytes, 0, 8, DmaDirection.TO_DEVICE);
    const before = platform.snapshot();
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    before.restore();
    platform.snapshot().restore();
  });
});

describe("SimError", () => {
  it("is recognised across copies of the package", () => {
    expect(SimError.isInstance(new SimError("ERR_SIM_IRQ", "x"))).toBe(true);
    expect(SimError.isInstance({ [Symbol.for("@dmaengine/sim.error")]: true })).toBe(true);
    expect(SimError.isInstance(new Error("x"))).toBe(false);
    expect(SimError.isInstance(null)).toBe(false);
  });
});
