import { type DmaDriver, DmaEngine } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import { cpu as workers } from "@dmaengine/driver-cpu/node";
import { ioat } from "@dmaengine/driver-ioat";
import { FAULT_KINDS, FaultPlan, type PlannedFault } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { Geometry, RaidArray, type RaidArrayOptions, type RaidLevel } from "../index.js";
import { DATA_OFFSET, losses, membersOf, memoryMembers, randomBytes, slots } from "../testing/model.js";
import { TEST_PLATFORMS } from "../testing/platforms.js";

const CHUNK = 8192;
const STRIPES = 12;

interface SetUp extends Partial<RaidArrayOptions> {
  readonly drivers: readonly DmaDriver[];
  readonly level?: RaidLevel;
  readonly raidDisks?: number;
  readonly missing?: readonly number[];
}

/** An array with content on an engine whose checker is on. */
async function setUp({ drivers, level = 6, raidDisks = 6, missing = [], ...more }: SetUp) {
  const uncaught: unknown[] = [];
  const engine = new DmaEngine({ checker: true, onUncaught: (error) => uncaught.push(error) });
  for (const driver of drivers) await engine.register(driver);
  const options = { level, raidDisks, chunkBytes: CHUNK, memberBytes: CHUNK * STRIPES, engine, ...more };
  const geometry = new Geometry(options);
  const content = randomBytes(geometry.arrayBytes, raidDisks);
  const members = memoryMembers(membersOf(geometry, content));
  const array = new RaidArray({ ...options, members: slots(members, missing) });
  const write = async (offset: number, bytes: Uint8Array): Promise<void> => {
    content.set(bytes, offset);
    await array.write(offset, bytes);
  };
  const removals = new Map<DmaDriver, Promise<void>>();
  /** Looks at every byte of every member, and gives everything back: with the checker on, a leak would be refused. */
  const finish = async (): Promise<void> => {
    membersOf(geometry, content).forEach((expected, slot) => {
      if (missing.includes(slot)) return;
      expect(Buffer.compare(members[slot]!.bytes.subarray(DATA_OFFSET), expected), `member ${slot}`).toBe(0);
    });
    array.close();
    for (const driver of drivers) await (removals.get(driver) ?? engine.unregister(driver));
    expect(uncaught).toEqual([]);
  };
  const remove = (driver: DmaDriver): void => {
    removals.set(driver, engine.remove(driver));
  };
  return { engine, array, geometry, content, write, remove, finish };
}

type Rig = Awaited<ReturnType<typeof setUp>>;

/** Writes and reads of all kinds, many in flight at a time, none over another. */
async function workOut({ array, geometry, content, write }: Rig, seed: number): Promise<void> {
  const share = Math.floor(geometry.arrayBytes / 16);
  await Promise.all(
    Array.from({ length: 16 }, async (_, n) => {
      for (const [at, length] of [
        [n * 37, 5000 + n],
        [0, share],
        [4096, 512 * n + 1],
        [share - 100, 100],
      ] as const) {
        await write(n * share + at, randomBytes(Math.min(length, share - at), seed + n));
        const into = new Uint8Array(share);
        await array.read(n * share, into);
        expect(Buffer.compare(into, content.subarray(n * share, (n + 1) * share)), `share ${n}`).toBe(0);
      }
    }),
  );
}

const simulated = TEST_PLATFORMS.filter((test) => test.platform() !== null && test.scenario[6] > 0);

const SEEDS = Array.from({ length: process.env["DMAENGINE_LONG"] === "1" ? 30 : 4 }, (_, i) => i + 1);

describe.each(simulated.map((test) => [test.name, test] as const))("an array on %s", (_name, test) => {
  let struck = 0;

  it.each(SEEDS)("loses no byte, whatever fails in its engines: seed %i", async (seed) => {
    const random = randomBytes(64, seed);
    const planned = Array.from({ length: 6 }, (_, i): PlannedFault => {
      const kind = FAULT_KINDS[random[2 * i]! % FAULT_KINDS.length]!;
      // The first descriptors are those that channels are started with.
      return { kind, at: 4 + random[2 * i + 1]! };
    });
    const faults = new FaultPlan(planned, ({ kind, unit }) => {
      struck += 1;
      // The application notices, and takes the driver out.
      const driver = drivers.find((_, i) => unit.startsWith(unitOf(i)));
      if (kind === "unplug" && driver !== undefined) queueMicrotask(() => rig.remove(driver));
    });
    const drivers = test.drivers(test.platform({ faults, seed }));
    const unitOf = (i: number): string => (drivers.length > 1 ? `xor${i}` : "");
    const rig = await setUp({ drivers, missing: seed % 2 === 0 ? [1] : [], cacheStripes: 5 });
    await workOut(rig, seed);
    if (seed % 2 === 1) expect((await rig.array.check()).mismatchSectors).toBe(0);
    await rig.finish();
  });

  it("has seen faults strike", () => {
    expect(struck).toBeGreaterThan(2);
  });
});

describe("an array whose engines come and go while it works", () => {
  it("goes on with what there is", async () => {
    const [first, second] = [ioat(), cpu()];
    const rig = await setUp({ drivers: [first, second], cacheStripes: 6 });
    expect(rig.array.explain()[0]).toContain("ioat0 has every operation");
    const work = [workOut(rig, 1)];
    await rig.engine.unregister(first);
    expect(rig.array.explain()[0]).toContain("cpu has every operation");
    await Promise.all(work);
    await workOut(rig, 2);
    await rig.engine.unregister(second);
    expect(rig.array.explain()[0]).toContain("Scenario 0");
    await workOut(rig, 3);
    await rig.engine.register(first);
    expect(rig.array.explain()[0]).toContain("ioat0 has every operation");
    await workOut(rig, 4);
    await rig.engine.register(second);
    await rig.finish();
  });
});

describe("parts of one stripe", () => {
  it("are never with an engine and the CPU at the same time", async () => {
    for (const missing of losses(6, 2).filter(({ length }) => length === 2)) {
      // Pages of one block, of which the CPU computes one end and the engine the other.
      const rig = await setUp({
        drivers: [ioat({ channels: 1 })],
        missing,
        chunkBytes: 4096,
        offload: { cpuBelowBytes: 1024 },
      });
      await Promise.all(
        [1, 2, 3].map(async (boundary) => {
          const into = new Uint8Array(2048);
          const offset = boundary * 4096 - 1536;
          await rig.array.read(offset, into);
          expect(Buffer.compare(into, rig.content.subarray(offset, offset + 2048))).toBe(0);
        }),
      );
      await rig.finish();
    }
  });
});

describe("an array on worker threads", () => {
  it("has the same bytes, and loses none when the workers are taken away", async () => {
    const driver = workers({ workers: 2 });
    const rig = await setUp({ drivers: [driver] });
    expect(rig.array.explain()[0]).toContain("Scenario 1 for RAID-6 over 6 members: cpu has every operation");
    await workOut(rig, 1);
    const work = workOut(rig, 2);
    rig.remove(driver);
    await work;
    expect(rig.array.explain()[0]).toContain("Scenario 0");
    await rig.finish();
  });
});

describe("scenario 1, by numbers", () => {
  it.each([
    ["the software engine", () => cpu()],
    ["a simulated I/OAT", () => ioat({ channels: 1 })],
  ] as const)("on %s: as many maps as pages, and no interrupt", async (_engine, driver) => {
    const rig = await setUp({ drivers: [driver()] });
    const [device] = rig.engine.devices;
    const { stripeDataBytes, dataDisks } = rig.geometry;
    const bytes = randomBytes(stripeDataBytes, 1);
    const writeToAll = async (piece: Uint8Array) => {
      for (let stripe = 0; stripe < STRIPES; stripe++) await rig.write(stripe * bytes.length, piece);
    };
    const maps = () => device!.stats().mapping.maps;
    await writeToAll(bytes);
    // What is mapped besides pages: a request's memory, once for each page that it fills. Whole stripes leave no data in memory, so one
    // after the other they get the same pages.
    const requests = STRIPES * dataDisks;
    expect(maps()).toBe(6 + requests);
    await writeToAll(bytes);
    expect(maps()).toBe(6 + 2 * requests);
    // From now on all stripes are in memory, and each small write maps what it copies.
    const piece = bytes.subarray(0, 512);
    await writeToAll(piece);
    expect(maps()).toBe(STRIPES * 6 + 2 * requests + STRIPES);
    await writeToAll(piece);
    expect(maps()).toBe(STRIPES * 6 + 2 * requests + 2 * STRIPES);
    expect(Object.values(device!.stats().channels)[0]!.interrupts).toBe(0);
    await rig.finish();
    expect(device!.stats().mapping.unmaps).toBe(maps());
  });

  it("polls once for stripes that are handed in together", async () => {
    const rig = await setUp({ drivers: [ioat({ channels: 1 })], cacheStripes: 64 });
    await rig.write(0, randomBytes(rig.geometry.arrayBytes, 1));
    const { polls, operations } = Object.values(rig.engine.devices[0]!.stats().channels)[0]!;
    const transactions = Object.values(operations).reduce((sum, { completed }) => sum + completed, 0);
    // Whole pages of a request are not copied: parity is made from where they are.
    expect(transactions).toBe(STRIPES);
    // Before waiting and after.
    expect(polls).toBeLessThanOrEqual(2);
    await rig.finish();
  });

  it("goes on when the channel is full", async () => {
    const rig = await setUp({ drivers: [ioat({ channels: 1, ringSize: 3 })], missing: [0, 3] });
    await Promise.all(
      Array.from({ length: 30 }, async () => {
        const into = new Uint8Array(rig.geometry.arrayBytes);
        await rig.array.read(0, into);
        expect(Buffer.compare(into, rig.content)).toBe(0);
      }),
    );
    await rig.finish();
  });
});
