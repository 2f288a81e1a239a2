import { measured, roundRobin, type SelectionPolicy } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import { ioat } from "@dmaengine/driver-ioat";
import { mvXor } from "@dmaengine/driver-mvxor";
import { PLATFORMS, Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { StripeRig, type StripeRigOptions } from "../testing/stripe-rig.js";
import { Offload } from "./offload.js";

const RAID5 = { level: 5, raidDisks: 4, pageBytes: 8192, stripes: 4 } as const;

async function rigFor(options: Omit<StripeRigOptions, keyof typeof RAID5>) {
  const rig = await StripeRig.make({ ...RAID5, ...options });
  rig.fillStripes(1);
  return rig;
}

async function recoverAll(rig: StripeRig, lengthBytes: number = RAID5.pageBytes): Promise<void> {
  await Promise.all(rig.stripes.map((target) => rig.recover(target, [0], { start: 0, end: lengthBytes })));
}

/** Legs by channel. */
function legs(rig: StripeRig): number[] {
  return Object.values(rig.offload.stats().channels).map((channel) => channel.legs);
}

describe("choosing a channel", () => {
  it("takes the least loaded by default", async () => {
    const rig = await rigFor({ drivers: [ioat()] });
    await recoverAll(rig);
    expect(legs(rig)).toEqual([1, 1, 1, 1]);
    await rig.finish();
  });

  it("follows the policy that it is given, which hears what became of it", async () => {
    const rig = await rigFor({ drivers: [ioat({ channels: 3 })], offload: { policy: roundRobin() } });
    for (let i = 0; i < 3; i++) await rig.recover(rig.stripes[0]!, [0], { start: 0, end: 512 });
    expect(legs(rig)).toEqual([1, 1, 1]);
    await rig.finish();
  });

  it("times what it hands out, by the policy's clock", async () => {
    const platform = new Platform(PLATFORMS["x86-ioat"]);
    const heard: number[] = [];
    const inner = measured({ now: () => platform.clock.nowNanos });
    const policy: SelectionPolicy = {
      ...inner,
      ended(candidate, lengthBytes, nanos) {
        heard.push(nanos);
        inner.ended?.(candidate, lengthBytes, nanos);
      },
    };
    const rig = await rigFor({ drivers: [ioat({ platform, channels: 2 })], offload: { policy } });
    await recoverAll(rig);
    expect(heard).toHaveLength(4);
    for (const nanos of heard) expect(nanos).toBeGreaterThan(0);
    await rig.finish();
  });

  it("spreads stripes over devices that share mappings, and leaves others in reserve", async () => {
    const platform = new Platform(PLATFORMS["armada-xp"]);
    const drivers = ["xor0", "xor1"].map((name) => mvXor({ platform, name, variant: "armada-xp" }));
    const rig = await rigFor({ drivers });
    await recoverAll(rig);
    expect(legs(rig)).toEqual([1, 1, 1, 1]);
    expect(rig.offload.stats().remaps).toBe(0);
    await rig.finish();

    const withReserve = await rigFor({ drivers: [ioat({ channels: 1 }), cpu()] });
    await recoverAll(withReserve);
    expect(legs(withReserve)).toEqual([4, 0]);
    await withReserve.finish();
  });
});

describe("channels that others have for themselves", () => {
  it("are not planned with", async () => {
    const [driver, other] = [ioat({ channels: 2 }), cpu()];
    const rig = await rigFor({ drivers: [] });
    await rig.engine.register(driver);
    rig.offload.close();
    const chans = [0, 1].map(() => rig.engine.requestChannel(["xor"], { client: "somebody else" }));
    const offload = new Offload(rig.engine, rig.geometry, rig.pageBytes);
    expect(offload.explain()).toEqual([
      expect.stringMatching(/^Scenario 0 /),
      "ioat0 is not used: others have all its channels for themselves.",
    ]);
    await rig.engine.register(other);
    expect(offload.scenario).toBe(1);
    chans[0]!.release();
    await rig.engine.unregister(other);
    expect(offload.explain()[0]).toMatch(/^Scenario 1 .* ioat0 has every operation/);
    chans[1]!.release();
    offload.close();
    await rig.engine.unregister(driver);
  });
});

describe("options out of their range", () => {
  it.each([
    [{ cpuBelowBytes: -1 }, "offload.cpuBelowBytes to be 0 or more, got -1"],
    [{ cpuBelowBytes: Number.NaN }, "offload.cpuBelowBytes to be 0 or more, got NaN"],
    [{ restAfterFailure: 0 }, "offload.restAfterFailure to be 1 or more, got 0"],
  ])("%o is refused", async (offload, message) => {
    await expect(rigFor({ drivers: [], offload })).rejects.toMatchObject({
      code: "ERR_RAID_RANGE",
      message: expect.stringContaining(message),
    });
  });
});

describe("the size threshold", () => {
  it("leaves small operations to the CPU, and no others", async () => {
    const heard: [string, number][] = [];
    const rig = await rigFor({
      drivers: [ioat()],
      offload: { cpuBelowBytes: 4096, onCpuWork: (op, bytes) => heard.push([op, bytes]) },
    });
    await recoverAll(rig, 4096);
    expect(rig.offload.stats().cpu.operations).toBe(0);
    await recoverAll(rig, 3584);
    expect(rig.offload.stats().cpu).toEqual({ operations: 4, bytes: 4 * (3 + 1) * 3584 });
    expect(heard).toEqual(Array.from({ length: 4 }, () => ["xor", 4 * 3584]));
    expect(rig.firstDifference()).toBeNull();
    await rig.finish();
  });

  it("divides a chain whose operations differ in size", async () => {
    const rig = await rigFor({ drivers: [ioat()], offload: { cpuBelowBytes: 512 } });
    await rig.write(rig.stripes[0]!, [{ index: 1, offset: 7, bytes: new Uint8Array(100).fill(3) }], true);
    expect(rig.offload.stats()).toMatchObject({ cpuSwitches: 2, cpu: { operations: 1 } });
    expect(rig.firstDifference()).toBeNull();
    await rig.finish();
  });
});
