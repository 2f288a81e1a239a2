import { leastLoaded, SumCheck } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import { ioat } from "@dmaengine/driver-ioat";
import { FaultPlan, PLATFORMS, Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { checkParity, reconstruct } from "../stripe/syndrome.js";
import { StripeRig, type StripeRigOptions } from "../testing/stripe-rig.js";

const RAID6 = { level: 6, raidDisks: 6, pageBytes: 4096, stripes: 3 } as const;
const WHOLE = { start: 0, end: RAID6.pageBytes };

/** Stripes whose parity is spoilt, and the work of making it anew. */
async function setUp(options: Omit<StripeRigOptions, keyof typeof RAID6>) {
  const rig = await StripeRig.make({ ...RAID6, ...options });
  rig.fillStripes(1);
  const works = rig.stripes.map(({ stripe, mirror }) => {
    const { p, q } = stripe.row;
    for (const slot of [p, q]) rig.memberReads(stripe, slot, WHOLE).fill(0xee);
    const isRight = () =>
      [p, q].every((slot) => Buffer.compare(rig.memberReads(stripe, slot, WHOLE), mirror[slot]!.bytes) === 0);
    return { stripe, isRight, chain: reconstruct(stripe, WHOLE, new Set()) };
  });
  return { rig, works };
}

const bothWays: [string, () => StripeRigOptions["drivers"]][] = [
  ["engines", () => [ioat()]],
  ["the CPU", () => []],
];

describe("chains that are handed in together", () => {
  it.each(bothWays)("are all complete when they have ended, carried out by %s", async (_who, drivers) => {
    const { rig, works } = await setUp({ drivers: drivers() });
    expect((await rig.offload.run(works)).size).toBe(0);
    expect(works.map(({ isRight }) => isRight())).toEqual([true, true, true]);
    expect((await rig.offload.run([])).size).toBe(0);
    expect((await rig.offload.run([{ chain: [] }])).size).toBe(0);
    await rig.finish();
  });

  it("are done at once by the CPU", async () => {
    const { rig, works } = await setUp({ drivers: [ioat()] });
    const ended = rig.offload.run(works, true);
    expect(works.map(({ isRight }) => isRight())).toEqual([true, true, true]);
    expect((await ended).size).toBe(0);
    await rig.finish();
  });

  it("fail alone where one can't even be made, at once or when its turn comes", async () => {
    const { rig, works } = await setUp({ drivers: [] });
    const unmade = {
      get chain(): never {
        throw new Error("no memory left");
      },
    };
    for (const busy of [0, 100]) {
      // So much is computed at once that what follows has to wait for the next turn of the event loop.
      const before = Array.from({ length: busy }, () => rig.offload.run(works, true));
      const failed = await rig.offload.run([unmade, ...works], true);
      expect([...failed]).toEqual([[unmade, expect.objectContaining({ message: "no memory left" })]]);
      await Promise.all(before);
      expect(works.map(({ isRight }) => isRight())).toEqual([true, true, true]);
    }
    await rig.finish();
  });

  it("fail one by one: the others are not touched by that", async () => {
    // The first descriptors are those that the channels are started with.
    const faults = new FaultPlan([{ kind: "busError", at: 4 }]);
    const platform = new Platform({ ...PLATFORMS["x86-ioat"], faults });
    const { rig, works } = await setUp({ drivers: [ioat({ platform, channels: 3 })] });
    const failed = await rig.offload.run(works);
    expect([...failed.values()]).toEqual([expect.objectContaining({ code: "ERR_RAID_ENGINE" })]);
    const others = works.filter((work) => !failed.has(work));
    expect(others.map(({ isRight }) => isRight())).toEqual([true, true]);
    await rig.offload.run([...failed.keys()]);
    expect(works.map(({ isRight }) => isRight())).toEqual([true, true, true]);
    await rig.finish();
  });

  it("fail with what the policy throws, and are not waited for in vain", async () => {
    const mistake = new Error("a policy's mistake");
    const policies = ["taken", "ended"].map((call) => ({
      ...leastLoaded(),
      [call]: () => {
        throw mistake;
      },
    }));
    for (const policy of policies) {
      const { rig, works } = await setUp({ drivers: [ioat()], offload: { policy } });
      expect([...(await rig.offload.run(works)).values()]).toEqual([mistake, mistake, mistake]);
      await rig.finish();
    }
  });

  it("fail with what the caller has done wrong", async () => {
    const { rig, works } = await setUp({ drivers: [ioat()] });
    const nonsense = {
      chain: checkParity(works[0]!.stripe, { start: 0, end: -1 }, new Set(), new SumCheck()),
    };
    const failed = await rig.offload.run([nonsense, works[1]!]);
    expect([...failed.keys()]).toEqual([nonsense]);
    expect(works[1]!.isRight()).toBe(true);
    await rig.finish();
  });
});

describe("an engine that works within the call", () => {
  it("is done when its client can look, so nobody polls it", async () => {
    const { rig, works } = await setUp({ drivers: [cpu()] });
    expect((await rig.offload.run(works)).size).toBe(0);
    expect(works.map(({ isRight }) => isRight())).toEqual([true, true, true]);
    const channels = Object.values(rig.engine.stats().devices).flatMap((device) =>
      Object.values(device.channels),
    );
    expect(channels.map(({ polls }) => polls)).toEqual([0]);
    await rig.finish();
  });
});
