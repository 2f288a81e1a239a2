import { DMA_PREP_FENCE, DMA_PREP_INTERRUPT, type DmaTraceEvent, type EngineStats } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { randomBytes } from "../testing/model.js";
import { TEST_PLATFORMS } from "../testing/platforms.js";
import { StripeRig, type StripeRigOptions } from "../testing/stripe-rig.js";

const PAGE_BYTES = 8192;
const WHOLE = { start: 0, end: PAGE_BYTES };
const platformsOf = (level: 5 | 6, scenario: number) =>
  TEST_PLATFORMS.filter((test) => test.scenario[level] === scenario).map(
    (test) => [test.name, test] as const,
  );

async function setUp(
  test: (typeof TEST_PLATFORMS)[number],
  options: Pick<StripeRigOptions, "level" | "raidDisks" | "stripes">,
) {
  const trace: DmaTraceEvent[] = [];
  const rig = await StripeRig.make({
    drivers: test.drivers(test.platform()),
    pageBytes: PAGE_BYTES,
    trace: (event) => trace.push(event),
    ...options,
  });
  rig.fillStripes(1);
  return { rig, trace };
}

/** A write of whole pages of all data, as `n` pieces. */
async function writeFully(rig: StripeRig): Promise<void> {
  await Promise.all(
    rig.stripes.map((target) =>
      rig.write(
        target,
        target.stripe.row.data.map((_, index) => ({
          index,
          offset: 0,
          bytes: randomBytes(PAGE_BYTES, index),
        })),
        false,
      ),
    ),
  );
}

/** Members write all pages of a stripe. */
function letMembersHave(rig: StripeRig): void {
  for (const { stripe } of rig.stripes)
    for (const slot of stripe.pages.keys()) rig.memberReads(stripe, slot, WHOLE);
}

/** A counter of the mapping API, of all devices together. */
function mapping(
  { devices }: EngineStats,
  counter: "maps" | "unmaps" | "syncsForCpu" | "syncsForDevice",
): number {
  return Object.values(devices).reduce((sum, device) => sum + device.mapping[counter], 0);
}

function channelSum({ devices }: EngineStats, counter: "interrupts" | "polls"): number {
  return Object.values(devices)
    .flatMap(({ channels }) => Object.values(channels))
    .reduce((sum, channel) => sum + channel[counter], 0);
}

describe.each(platformsOf(6, 1))("scenario 1 on %s", (_name, test) => {
  it("maps equal pages and not I/Os, interrupts are zero, and the CPU touches nothing", async () => {
    const { rig } = await setUp(test, { level: 6, raidDisks: 6, stripes: 3 });
    expect(mapping(rig.engine.stats(), "maps")).toBe(3 * 6);
    for (let round = 1; round <= 3; round++) {
      await writeFully(rig);
      letMembersHave(rig);
      for (const target of rig.stripes) {
        await rig.recover(target, [0, 1], WHOLE);
        await rig.check(target, WHOLE);
      }
      // What is mapped besides pages is requests: here one for each data page that is drained.
      expect(mapping(rig.engine.stats(), "maps")).toBe(3 * 6 + round * 3 * 4);
    }
    const stats = rig.engine.stats();
    expect(mapping(stats, "unmaps")).toBe(3 * 3 * 4);
    expect(channelSum(stats, "interrupts")).toBe(0);
    expect(rig.offload.stats()).toMatchObject({
      channelSwitches: 0,
      cpuSwitches: 0,
      remaps: 0,
      cpu: { operations: 0, bytes: 0 },
    });
    await rig.finish();
  });

  it("fences everything that something later in the chain may use", async () => {
    const { rig, trace } = await setUp(test, { level: 6, raidDisks: 6, stripes: 1 });
    await writeFully(rig);
    await rig.recover(rig.stripes[0]!, [2, 3], WHOLE);
    const fenced = trace.flatMap((event) =>
      event.type === "submit" ? [(event.flags & DMA_PREP_FENCE) !== 0] : [],
    );
    // Four drains and a sum; then a block, and what takes it as a source.
    expect(fenced).toEqual([true, true, true, true, false, true, false]);
    await rig.finish();
  });

  it("polls once for all stripes that are handed in together", async () => {
    const { rig } = await setUp(test, { level: 6, raidDisks: 6, stripes: 8 });
    await writeFully(rig);
    const stats = rig.engine.stats();
    const busy = Object.values(rig.offload.stats().channels).filter(({ legs }) => legs > 0).length;
    // Before waiting and after.
    expect(channelSum(stats, "polls")).toBeLessThanOrEqual(2 * busy);
    await rig.finish();
  });
});

describe.each(platformsOf(5, 2))("scenario 2 on %s", (name, test) => {
  it("starts no channel before what the stripe's last one did was seen to be complete", async () => {
    const { rig, trace } = await setUp(test, { level: 5, raidDisks: 5, stripes: 1 });
    await writeFully(rig);
    await rig.write(rig.stripes[0]!, [{ index: 1, offset: 100, bytes: randomBytes(700, 1) }], true);
    await rig.check(rig.stripes[0]!, WHOLE);
    const inFlight = new Set<string>();
    let submissions = 0;
    for (const event of trace) {
      if (event.type === "submit") {
        for (const other of inFlight) expect(other.split(" ")[0]).toBe(event.channel);
        inFlight.add(`${event.channel} ${event.cookie}`);
        submissions += 1;
      } else if (event.type === "complete") inFlight.delete(`${event.channel} ${event.cookie}`);
    }
    expect(submissions).toBe(4 + 1 + (1 + 1 + 1) + 1);
    expect(rig.offload.stats()).toMatchObject({ channelSwitches: 1 + 2, cpuSwitches: 0 });
    expect(rig.offload.stats().cpu.operations).toBe(0);
    expect(channelSum(rig.engine.stats(), "interrupts")).toBe(0);
    await rig.finish();
  });

  it("maps pages again only where devices have mappings of their own", async () => {
    const { rig } = await setUp(test, { level: 5, raidDisks: 5, stripes: 2 });
    await writeFully(rig);
    letMembersHave(rig);
    const { remaps } = rig.offload.stats();
    const before = rig.engine.stats();
    await writeFully(rig);
    const ownMappings = name.includes("IOMMU");
    // Data pages go from the unit that makes sums to one that copies, and back. Parity stays where it is.
    expect(rig.offload.stats().remaps - remaps).toBe(ownMappings ? 2 * 4 * 2 : 0);
    const requests = 2 * 4;
    expect(mapping(rig.engine.stats(), "maps") - mapping(before, "maps")).toBe(
      requests + (ownMappings ? 2 * 4 * 2 : 0),
    );
    await rig.finish();
  });
});

describe.each(platformsOf(5, 3))("scenario 3 on %s", (_name, test) => {
  it("syncs each page once there and once back for each hand-over, and not once more", async () => {
    const { rig } = await setUp(test, { level: 5, raidDisks: 4, stripes: 2 });
    letMembersHave(rig);
    const pages = 2 * 4;
    const syncs = () => {
      const stats = rig.engine.stats();
      return [
        mapping(stats, "syncsForDevice"),
        mapping(stats, "syncsForCpu"),
        mapping(stats, "maps"),
      ] as const;
    };
    const delta = async (work: () => Promise<unknown>) => {
      const before = syncs();
      await work();
      letMembersHave(rig);
      return syncs().map((count, i) => count - before[i]!);
    };
    // From the members to the engine, and back: drained and summed up in one go. Three requests a stripe are mapped.
    expect(await delta(() => writeFully(rig))).toEqual([pages, pages, 2 * 3]);
    // A sum of all pages of one stripe.
    expect(await delta(() => rig.recover(rig.stripes[0]!, [1], WHOLE))).toEqual([4, 4, 0]);
    // The CPU checks what members have read: nobody else has it.
    expect(await delta(() => rig.check(rig.stripes[0]!, WHOLE))).toEqual([0, 0, 0]);
    // Too short for the engine: the CPU drains it into a page that it has, then the engine gets what the sum is made of.
    const short = [{ index: 0, offset: 5, bytes: randomBytes(9, 1) }];
    expect(await delta(() => rig.write(rig.stripes[1]!, short, false))).toEqual([4, 4, 0]);
    // In between the page is summed up, so it goes there, comes back for the CPU, and goes there again; so does no other.
    expect(await delta(() => rig.write(rig.stripes[1]!, short, true))).toEqual([3, 3, 0]);
    await rig.finish();
  });

  it("moves ownership of each block to and fro, never twice in the same direction", async () => {
    const { rig, trace } = await setUp(test, { level: 5, raidDisks: 4, stripes: 2 });
    for (let i = 0; i < 10; i++) {
      for (const target of rig.stripes) {
        await rig.write(
          target,
          [{ index: i % 3, offset: i * 700, bytes: randomBytes(40 * i + 1, i) }],
          i % 2 === 0,
        );
        await rig.check(target, { start: 4096, end: 8192 });
        rig.memberReads(target.stripe, i % 4, { start: 512 * i, end: 512 * i + 512 });
      }
    }
    const ownedByCpu = new Map<number, boolean>();
    let moves = 0;
    for (const event of trace) {
      if (event.type !== "syncForCpu" && event.type !== "syncForDevice") continue;
      for (let block = event.addr; block < event.addr + event.lengthBytes; block += 4096) {
        expect(ownedByCpu.get(block) ?? false).toBe(event.type === "syncForDevice");
        ownedByCpu.set(block, event.type === "syncForCpu");
        moves += 1;
      }
    }
    expect(moves).toBeGreaterThan(100);
    // The engine interrupts at the end of each chain of descriptors, asked or not (drivers/dma/mv_xor.c); nobody asks.
    for (const event of trace) if (event.type === "submit") expect(event.flags & DMA_PREP_INTERRUPT).toBe(0);
    await rig.finish();
  });
});
