import { type DmaDriver, DmaEngine } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import { ioat } from "@dmaengine/driver-ioat";
import { describe, expect, it } from "vitest";
import { Geometry, parityDisks, RaidArray, type RaidLevel } from "../index.js";
import { DATA_OFFSET, losses, membersOf, memoryMembers, randomBytes, slots } from "../testing/model.js";

const CHUNK = 4096;
const STRIPES = 4;

async function setUp(
  driver: DmaDriver,
  level: RaidLevel,
  raidDisks: number,
  missing: readonly number[] = [],
) {
  const engine = new DmaEngine({ checker: true });
  const [device] = await engine.register(driver);
  const options = { level, raidDisks, chunkBytes: CHUNK, memberBytes: CHUNK * STRIPES, engine };
  const geometry = new Geometry(options);
  const content = randomBytes(geometry.arrayBytes, raidDisks);
  const members = memoryMembers(membersOf(geometry, content));
  const array = new RaidArray({ ...options, members: slots(members, missing) });
  const stats = () => {
    const { mapping, channels } = device!.stats();
    return { mapping, channel: Object.values(channels)[0]! };
  };
  /** Gives everything back: with the checker on, a leak would be refused. */
  const finish = async (): Promise<void> => {
    array.close();
    await engine.unregister(driver);
  };
  return { engine, options, geometry, content, members, array, stats, finish };
}

describe.each([
  ["the software engine", () => cpu()],
  ["a simulated I/OAT", () => ioat()],
] as const)("scenario 1 on %s", (_name, driver) => {
  it("is what the plan finds, and says so", async () => {
    const { array, finish } = await setUp(driver(), 6, 6);
    expect(array.explain()[0]).toMatch(
      /^Scenario 1 for RAID-6 over 6 members: .* has every operation: memcpy, xor, xorVal, pq, pqVal\.$/,
    );
    await finish();
  });

  it.each([
    [5, 4],
    [6, 5],
    [6, 6],
  ] as const)(
    "gives RAID-%i over %i members the same bytes as the definitions, whatever is missing",
    async (level, n) => {
      for (const missing of losses(n, parityDisks(level))) {
        const { array, content, geometry, members, finish } = await setUp(driver(), level, n, missing);
        const into = new Uint8Array(geometry.arrayBytes);
        await array.read(0, into);
        expect(Buffer.compare(into, content), `without ${missing}`).toBe(0);
        for (const [offset, length] of [
          [100, 1000],
          [geometry.stripeDataBytes - 9, geometry.stripeDataBytes + 100],
        ] as const) {
          const bytes = randomBytes(length, offset);
          content.set(bytes, offset);
          await array.write(offset, bytes);
        }
        for (const slot of missing) array.add(slot, { device: members[slot]!, dataOffsetBytes: DATA_OFFSET });
        await array.rebuild();
        membersOf(geometry, content).forEach((expected, slot) => {
          const bytes = members[slot]!.bytes.subarray(DATA_OFFSET);
          expect(Buffer.compare(bytes, expected), `member ${slot} after losing ${missing}`).toBe(0);
        });
        expect((await array.check()).mismatchSectors).toBe(0);
        await finish();
      }
    },
  );

  it("finds a row whose parity does not match", async () => {
    const { array, members, geometry, finish } = await setUp(driver(), 6, 5);
    members[geometry.row(2).p]!.bytes[DATA_OFFSET + 2 * CHUNK]! ^= 1;
    const [row, ...others] = (await array.check()).mismatches;
    expect(row).toMatchObject({ memberOffset: 2 * CHUNK, pMismatch: true, qMismatch: false });
    expect(others).toEqual([]);
    await finish();
  });

  it("maps stripe pages once for their life, not per request, and asks for no interrupt", async () => {
    const { array, stats, geometry, finish } = await setUp(driver(), 6, 6);
    const pages = STRIPES * 6;
    const bytes = randomBytes(geometry.stripeDataBytes, 1);
    for (let stripe = 0; stripe < STRIPES; stripe++) await array.write(stripe * bytes.length, bytes);
    const first = stats();
    // What is mapped besides pages: a request's memory, once for each page that it fills.
    expect(first.mapping.maps).toBe(pages + STRIPES * geometry.dataDisks);
    for (let stripe = 0; stripe < STRIPES; stripe++) await array.write(stripe * bytes.length, bytes);
    const second = stats();
    expect(second.mapping.maps - first.mapping.maps).toBe(STRIPES * geometry.dataDisks);
    expect(second.channel.interrupts).toBe(0);
    await finish();
    const { mapping } = stats();
    expect(mapping.unmaps).toBe(mapping.maps);
  });

  it("polls once for stripes that are handed in together", async () => {
    const { array, stats, geometry, finish } = await setUp(driver(), 6, 6);
    await array.write(0, randomBytes(geometry.arrayBytes, 1));
    const { channel } = stats();
    const transactions = Object.values(channel.operations).reduce((sum, { completed }) => sum + completed, 0);
    expect(transactions).toBe(STRIPES * (geometry.dataDisks + 1));
    // Before waiting and after.
    expect(channel.polls).toBeLessThanOrEqual(2);
    await finish();
  });

  it("goes on when the channel is full", async () => {
    const { array, geometry, content, finish } = await setUp(driver(), 6, 6, [0, 3]);
    const reads = Array.from({ length: 100 }, async () => {
      const into = new Uint8Array(geometry.arrayBytes);
      await array.read(0, into);
      expect(Buffer.compare(into, content)).toBe(0);
    });
    await Promise.all(reads);
    await finish();
  });
});

describe("planOffload", () => {
  it("says why a device is not used", async () => {
    const engine = new DmaEngine();
    await engine.register(ioat());
    const options = { level: 6, raidDisks: 12, chunkBytes: CHUNK, memberBytes: CHUNK } as const;
    const members = memoryMembers(Array.from({ length: 12 }, () => new Uint8Array(CHUNK)));
    const array = new RaidArray({ ...options, members: slots(members), engine });
    expect(array.explain().join(" ")).toMatch(
      /Scenario 0 .* is not used: its pqVal takes 8 sources, 10 are needed/,
    );
  });

  it("passes over a device that lacks something, for one that does not", async () => {
    const engine = new DmaEngine();
    await engine.register(ioat());
    await engine.register(cpu());
    const members = memoryMembers(Array.from({ length: 12 }, () => new Uint8Array(CHUNK)));
    const options = { level: 6, raidDisks: 12, chunkBytes: CHUNK, memberBytes: CHUNK } as const;
    const array = new RaidArray({ ...options, members: slots(members), engine });
    expect(array.explain()[0]).toMatch(/^Scenario 1 .* cpu /);
    expect(array.explain().at(-1)).toMatch(/is not used: its pqVal takes 8 sources/);
  });
});
