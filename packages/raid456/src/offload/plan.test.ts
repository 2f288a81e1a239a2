import { type DmaDriver, DmaEngine } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import { ioat } from "@dmaengine/driver-ioat";
import { mvXor } from "@dmaengine/driver-mvxor";
import { describe, expect, it } from "vitest";
import { Geometry } from "../geometry.js";
import type { RaidLevel } from "../layout.js";
import { TEST_PLATFORMS } from "../testing/platforms.js";
import { explainPlan, makePlan } from "./plan.js";

async function planOf(drivers: readonly DmaDriver[], level: RaidLevel, raidDisks: number) {
  const engine = new DmaEngine();
  for (const driver of drivers) await engine.register(driver);
  const geometry = new Geometry({ level, raidDisks, chunkBytes: 65536, memberBytes: 65536 });
  const plan = makePlan(engine.devices, geometry, 65536);
  const doers = Object.fromEntries(
    plan.works.map(({ work, devices, cpu: byCpu }) => [
      work,
      [...devices, ...(byCpu ? ["CPU"] : [])].join(" "),
    ]),
  );
  return { plan, doers, words: explainPlan(plan, geometry) };
}

const machine = (name: string) => {
  const test = TEST_PLATFORMS.find((candidate) => candidate.name === name)!;
  return test.drivers(test.platform());
};

describe("the plan", () => {
  it("says for all work who does it: one device", async () => {
    const { doers, words } = await planOf([ioat()], 6, 6);
    expect(new Set(Object.values(doers))).toEqual(new Set(["ioat0"]));
    expect(words).toEqual([
      "Scenario 1 for RAID-6 over 6 members: ioat0 has every operation: memcpy, xor, xorVal, pq, pqVal.",
      "Stripe pages are mapped once, for as long as they are in the cache.",
      "No channel is switched.",
      "Completions are polled once for each batch of stripes; no interrupt is asked for.",
      "To fill a read: ioat0.",
      "To compute one block: ioat0.",
      "To add to parity: ioat0.",
      "To drain a write: ioat0.",
      "To reconstruct parity: ioat0.",
      "To check P: ioat0.",
      "To compute two blocks: ioat0.",
      "To check P and Q: ioat0.",
    ]);
  });

  it("several devices", async () => {
    const { doers, words } = await planOf(machine("iop33x"), 5, 5);
    expect(doers).toEqual({
      fill: "iop-adma.0 iop-adma.1",
      computeOne: "iop-adma.2",
      prexor: "iop-adma.2",
      drain: "iop-adma.0 iop-adma.1",
      reconstruct: "iop-adma.2",
      checkP: "iop-adma.2",
    });
    expect(words[0]).toBe(
      "Scenario 2 for RAID-5 over 5 members: iop-adma.0, iop-adma.1, iop-adma.2 have every operation between them: memcpy, xor, xorVal.",
    );
  });

  it("engines and the CPU", async () => {
    const { doers, words } = await planOf(machine("iop33x"), 6, 6);
    expect(doers).toEqual({
      fill: "iop-adma.0 iop-adma.1",
      computeOne: "iop-adma.2 CPU",
      computeTwo: "iop-adma.2 CPU",
      prexor: "CPU",
      drain: "iop-adma.0 iop-adma.1",
      reconstruct: "CPU",
      checkP: "iop-adma.2",
      checkPq: "CPU",
    });
    expect(words[0]).toMatch(/^Scenario 3 .* what is left to the CPU: compute one block, add to parity, /);
    expect(words.join("\n")).toContain(
      "To compute one block: iop-adma.2, the CPU (iop-adma.0: it has no pq; iop-adma.1: it has no pq; iop-adma.2: not all of it, it has no pq).",
    );
  });

  it("the CPU alone, and why", async () => {
    const { words } = await planOf(machine("versatile-pl08x"), 5, 5);
    expect(words[0]).toMatch(/^Scenario 0 for RAID-5 over 5 members: the CPU does the work/);
    expect(words.at(-1)).toMatch(/^pl08x0 is not used: it can't make the sums of this array/);
    expect((await planOf([], 5, 5)).words.at(-1)).toBe("No engine is registered.");
  });

  it("has an engine with wired coefficients make parity, as long as it has enough of them, and recover without Q only", async () => {
    const few = await planOf([mvXor({ variant: "armada-38x" })], 6, 10);
    expect(few.doers).toMatchObject({ reconstruct: "xor0.0 xor0.1", prexor: "xor0.0 xor0.1" });
    expect(few.doers).toMatchObject({ computeTwo: "xor0.0 xor0.1 CPU", checkP: "CPU", checkPq: "CPU" });
    const many = await planOf([mvXor({ variant: "armada-38x" })], 6, 11);
    expect(many.doers).toMatchObject({ reconstruct: "CPU", prexor: "CPU", computeOne: "xor0.0 xor0.1 CPU" });
    expect(many.words.join(" ")).toContain("its pq has fixed coefficients");
  });

  it("makes what an engine can't do at once in parts, and says so", async () => {
    const { plan, words } = await planOf([ioat()], 6, 12);
    expect(plan.scenario).toBe(1);
    expect(words.at(-1)).toBe(
      "To check P and Q: ioat0 (ioat0: in parts, its pqVal takes 8 sources, 10 are needed).",
    );
  });

  it("is at home with a device that does everything, and keeps the others in reserve", async () => {
    const { plan, words } = await planOf([ioat({ validate: false }), cpu()], 6, 6);
    expect(plan.home?.name).toBe("cpu");
    expect(plan.devices.map(({ name }) => name)).toEqual(["cpu", "ioat0"]);
    expect(plan.oneMapping).toBe(true);
    expect(words[0]).toMatch(/^Scenario 1 .*: cpu has every operation/);
  });

  it("maps at once only where one mapping is enough", async () => {
    expect((await planOf(machine("iop33x"), 5, 5)).plan.oneMapping).toBe(true);
    expect((await planOf(machine("iop33x with an IOMMU"), 5, 5)).plan.oneMapping).toBe(false);
  });

  it("explains what becomes of mappings", async () => {
    const { words } = await planOf(machine("iop33x with an IOMMU"), 5, 5);
    expect(words[1]).toMatch(/^Devices have mappings of their own/);
    expect((await planOf(machine("iop33x"), 5, 5)).words[1]).toMatch(/^Stripe pages are mapped once/);
  });

  it("takes no time to make for the widest array", async () => {
    const { plan } = await planOf([cpu()], 6, 255);
    expect(plan.scenario).toBe(1);
  });
});
