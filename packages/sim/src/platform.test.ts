import { describe, expect, it } from "vitest";
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

describe("SimError", () => {
  it("is recognised across copies of the package", () => {
    expect(SimError.isInstance(new SimError("ERR_SIM_IRQ", "x"))).toBe(true);
    expect(SimError.isInstance({ [Symbol.for("@dmaengine/sim.error")]: true })).toBe(true);
    expect(SimError.isInstance(new Error("x"))).toBe(false);
    expect(SimError.isInstance(null)).toBe(false);
  });
});
