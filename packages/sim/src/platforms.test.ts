import { DmaDirection } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { COST_KINDS, CostMeter, DEFAULT_COSTS, type PlatformCosts } from "./costs.js";
import { SimError } from "./errors.js";
import { Platform } from "./platform.js";
import { PLATFORMS, type PlatformName } from "./platforms.js";

const figures = ({ cpu, engine }: PlatformCosts) => Object.entries({ ...cpu, ...engine });

describe("PLATFORMS", () => {
  const names = Object.keys(PLATFORMS) as PlatformName[];

  it.each(names)("%s: is called so, and says where each of its figures comes from", (name) => {
    const { costs, engines, ...description } = PLATFORMS[name];
    expect(description.name).toBe(name);
    expect(engines.length).toBeGreaterThan(0);
    expect(figures(costs).length).toBe(COST_KINDS.length + 3);
    for (const [figure, { value, source }] of figures(costs)) {
      expect(value, figure).toBeGreaterThanOrEqual(0);
      expect(source, figure).toMatch(/^assumed: .{20}/);
    }
  });

  it.each(names)("%s: is a machine that devices work on", (name) => {
    const { memory, coherence } = new Platform({ ...PLATFORMS[name], seed: 1 });
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const addr = memory.domain.map(bytes, 0, 4, DmaDirection.BIDIRECTIONAL);
    const window = memory.locate(addr, 4, "write");
    expect(window?.bytes[addr - (window?.base ?? 0) + 3]).toBe(4);
    if (window !== null) window.bytes[addr - window.base] = 9;
    memory.domain.unmap(addr, 4, DmaDirection.BIDIRECTIONAL);
    expect(bytes[0]).toBe(9);
    expect(memory.domain.coherent ?? true).toBe(coherence === "coherent");
  });

  it("takes a machine of the user's own", () => {
    const platform = new Platform({
      ...PLATFORMS["x86-ioat"],
      name: "mine",
      coherence: "v7",
      cacheLineBytes: 128,
    });
    expect([platform.name, platform.coherence]).toEqual(["mine", "v7"]);
    platform.memory.domain.map(new Uint8Array(4096), 0, 4096, DmaDirection.TO_DEVICE);
    expect(platform.meter.count("cacheLine")).toBe(32);
  });

  it.each([0, 3, 48, 8192])("refuses cache lines of %i bytes", (cacheLineBytes) => {
    expect(() => new Platform({ cacheLineBytes })).toThrow(SimError);
  });
});

describe("CostMeter", () => {
  it("adds up what happened, at the prices of the machine", () => {
    const meter = new CostMeter(PLATFORMS.iop33x.costs);
    meter.charge("mmioRead", 2);
    meter.charge("cacheLine", 10);
    expect(meter.nanos("mmioRead")).toBe(300);
    expect(meter.totalNanos).toBe(500);
    expect(meter.count("interrupt")).toBe(0);
  });

  it("counts register accesses and interrupts of a platform", () => {
    const { bus, irqs, meter } = new Platform();
    const base = bus.attach("dev", 4, [
      { name: "R", offset: 0, widthBytes: 4, read: () => 0, write: () => {} },
    ]);
    bus.read32(base);
    bus.write32(base, 1);
    bus.write32(base, 1);
    const line = irqs.line("dev");
    line.request(() => {});
    line.raise();
    expect([meter.count("mmioRead"), meter.count("mmioWrite"), meter.count("interrupt")]).toEqual([1, 2, 1]);
    expect(meter.totalNanos).toBe(0);
    expect(meter.costs).toBe(DEFAULT_COSTS);
  });
});
