import { cpu } from "@dmaengine/driver-cpu";
import { ioat } from "@dmaengine/driver-ioat";
import { FAULT_KINDS, FaultPlan } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { hanging } from "../testing/hanging-driver.js";
import { randomBytes } from "../testing/model.js";
import { TEST_PLATFORMS } from "../testing/platforms.js";
import { StripeRig, type StripeRigOptions } from "../testing/stripe-rig.js";

/** Everything that can be done with stripes, several of them at a time, with every byte looked at. */
async function workOut(rig: StripeRig): Promise<void> {
  const whole = { start: 0, end: rig.pageBytes };
  await Promise.all(
    rig.stripes.map(async (target, n) => {
      const pieces = (length: number) =>
        [0, 1].map((index) => ({ index, offset: 512 * n, bytes: randomBytes(length, n + index) }));
      await rig.write(target, pieces(5000), true);
      await rig.write(target, pieces(3000), false);
      await rig.recover(target, [target.stripe.row.data[1]!], whole);
      await rig.write(target, pieces(4096), true);
      if (target.stripe.row.q >= 0) await rig.recover(target, [0, 2], whole);
      expect((await rig.check(target, whole)).flags).toBe(0);
      const into = new Uint8Array(4096);
      await rig.read(target, 0, 0, into);
      const page = target.mirror[target.stripe.row.data[0]!]!;
      expect(Buffer.compare(into, page.bytes.subarray(0, into.length))).toBe(0);
    }),
  );
  expect(rig.firstDifference()).toBeNull();
}

const RAID6 = { level: 6, raidDisks: 6, pageBytes: 8192, stripes: 3 } as const;

async function rigFor(options: Omit<StripeRigOptions, keyof typeof RAID6>): Promise<StripeRig> {
  const rig = await StripeRig.make({ ...RAID6, ...options });
  rig.fillStripes(1);
  return rig;
}

const simulated = TEST_PLATFORMS.filter((test) => test.platform() !== null && test.scenario[6] > 0);

describe.each(simulated.map((test) => [test.name, test] as const))("faults on %s", (_name, test) => {
  it.each(FAULT_KINDS)("%s: no stripe is lost and no byte differs, wherever it strikes", async (kind) => {
    let struck = 0;
    let failures = 0;
    // The first descriptors are those that the channels are started with.
    for (let at = 4; at < 60; at += at < 12 ? 1 : 9) {
      const units: string[] = [];
      const faults = new FaultPlan([{ kind, at }], (fault) => {
        units.push(fault.unit);
        if (kind !== "unplug") return;
        // The application notices, and takes the driver out.
        for (const driver of drivers) queueMicrotask(() => rig.remove(driver));
      });
      const platform = test.platform({ faults });
      const drivers = test.drivers(platform).slice(0, 1);
      const rig = await rigFor({ drivers });
      await workOut(rig);
      struck += units.length;
      failures += rig.failures;
      await rig.finish();
    }
    // No interrupt is asked for, so none is lost.
    if (kind !== "lostInterrupt") expect(struck).toBeGreaterThan(8);
    if (kind === "busError" || kind === "stuckChannel" || kind === "unplug") {
      expect(failures).toBeGreaterThan(4);
    }
  });
});

describe("an engine that hangs", () => {
  it("is left out from then on, and what it had is done by the next", async () => {
    for (let after = 0; after < 10; after += 2) {
      const drivers = [hanging(ioat(), () => after), cpu()];
      const rig = await rigFor({ drivers });
      expect(rig.offload.explain()[0]).toContain("ioat0 has every operation");
      await workOut(rig);
      expect(rig.failures).toBeGreaterThan(0);
      expect(rig.offload.explain()[0]).toContain("cpu has every operation");
      expect(rig.offload.explain()).toContain("ioat0 is not used: it hangs.");
      expect(rig.engine.stats().devices["ioat0"]?.mapping.maps).toBe(
        rig.engine.stats().devices["ioat0"]?.mapping.unmaps,
      );
      await workOut(rig);
      await rig.finish();
    }
  });

  it("leaves the CPU, where there is no other", async () => {
    const rig = await rigFor({ drivers: [hanging(ioat({ channels: 1, ringSize: 2 }), () => 5)] });
    await workOut(rig);
    expect(rig.offload.scenario).toBe(0);
    expect(rig.offload.stats().cpu.operations).toBeGreaterThan(0);
    await rig.finish();
  });
});

describe("an engine that comes and goes", () => {
  it("is left when it is unregistered, and taken up when it comes back", async () => {
    const driver = ioat();
    const rig = await rigFor({ drivers: [] });
    await workOut(rig);
    expect(rig.offload.scenario).toBe(0);
    for (let round = 0; round < 3; round++) {
      await rig.engine.register(driver);
      expect(rig.offload.scenario).toBe(1);
      await workOut(rig);
      const working = workOut(rig);
      await rig.engine.unregister(driver);
      expect(rig.offload.scenario).toBe(0);
      await working;
    }
    expect(rig.failures).toBe(0);
    await rig.finish();
  });

  it("leaves pages to others that were mapped with it, where these share its mappings", async () => {
    const armada = TEST_PLATFORMS.find(({ name }) => name === "armada-38x")!;
    const drivers = armada.drivers(armada.platform());
    const rig = await rigFor({ drivers });
    await workOut(rig);
    const working = workOut(rig);
    await rig.engine.unregister(drivers[0]!);
    await working;
    expect(rig.offload.explain()[0]).toContain("xor1.0, xor1.1 and the CPU");
    await rig.engine.register(drivers[0]!);
    await workOut(rig);
    expect(rig.failures).toBe(0);
    expect(rig.offload.stats().remaps).toBe(0);
    await rig.finish();
  });

  it("takes its scratch pages along", async () => {
    const driver = ioat();
    const wide = { level: 6, raidDisks: 12, pageBytes: 4096, stripes: 3 } as const;
    const rig = await StripeRig.make({ ...wide, drivers: [driver, cpu()] });
    rig.fillStripes(1);
    const checkAll = async () => {
      const checks = rig.stripes.map((target) => rig.check(target, { start: 0, end: 4096 }));
      for (const check of checks) expect((await check).flags).toBe(0);
    };
    await checkAll();
    await rig.engine.unregister(driver);
    await checkAll();
    await rig.engine.register(driver);
    await checkAll();
    await rig.finish();
  });

  it("gives way to one that can do more", async () => {
    const rig = await rigFor({ drivers: [ioat({ validate: false })] });
    expect(rig.offload.scenario).toBe(3);
    const better = cpu();
    await rig.engine.register(better);
    expect(rig.offload.scenario).toBe(1);
    await workOut(rig);
    await rig.engine.unregister(better);
    expect(rig.offload.scenario).toBe(3);
    await workOut(rig);
    await rig.finish();
  });
});

describe("a channel that failed", () => {
  it("rests for as many chains as it is told, and the explanation says so", async () => {
    const faults = new FaultPlan([{ kind: "busError", at: 1 }]);
    const platform = simulated[0]!.platform({ faults });
    const rig = await rigFor({
      drivers: [ioat({ platform: platform!, channels: 1 })],
      offload: { restAfterFailure: 20 },
    });
    const [target] = rig.stripes;
    const into = new Uint8Array(4096);
    await rig.read(target!, 0, 0, into);
    expect(rig.failures).toBe(1);
    expect(rig.offload.explain().at(-1)).toContain("has failed 1 times and is not used until 20 more");
    for (let i = 0; i < 19; i++) await rig.read(target!, 0, 0, into);
    const { legs } = Object.values(rig.offload.stats().channels)[0]!;
    expect(legs).toBe(1);
    await rig.read(target!, 0, 0, into);
    expect(rig.offload.explain().at(-1)).toContain("is used again");
    expect(Object.values(rig.offload.stats().channels)[0]!.legs).toBe(2);
    await rig.finish();
  });
});
