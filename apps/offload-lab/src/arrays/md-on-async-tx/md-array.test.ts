import { Geometry, parityDisks, type RaidLevel } from "@dmaengine/raid456";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bench } from "../../machine/bench.js";
import { MACHINES, type Machine } from "../../machine/machines.js";
import { ExpectedArray, seededBytes, wrongBytes } from "../../workload/content.js";
import { openMdOnAsyncTx } from "./md-array.js";

const machineOf = (name: string): Machine => {
  const machine = MACHINES.find((candidate) => candidate.name === name);
  if (machine === undefined) throw new Error(`no machine ${name}`);
  return machine;
};

interface Step {
  readonly kind: "write" | "read" | "scrub" | "fail";
  /** Where, as a part of what there is. */
  readonly at: number;
  readonly sectors: number;
}

const step = fc.record({
  kind: fc.constantFrom("write", "write", "read", "read", "scrub", "fail") as fc.Arbitrary<Step["kind"]>,
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
  sectors: fc.integer({ min: 1, max: 60 }),
});

/** Does steps with an array of 4 data members, and compares all that is read, and in the end the members, with what they should be. */
async function follow(
  name: string,
  level: RaidLevel,
  chunkBytes: number,
  cacheStripes: number,
  mdSkipCopy: boolean,
  steps: readonly Step[],
) {
  const shape = { level, raidDisks: 4 + parityDisks(level), chunkBytes, memberBytes: 65536 };
  const { arrayBytes } = new Geometry(shape);
  const expected = new ExpectedArray({ array: shape, contentSeed: 5, phases: [] });
  const members = expected.members();
  const bench = await Bench.setUp(machineOf(name), 1);
  const array = openMdOnAsyncTx(bench, { shape, members, cacheBytes: cacheStripes * 4096, mdSkipCopy });
  const failed = new Set<number>();
  await bench.run(async () => {
    for (const { kind, at, sectors } of steps) {
      const offset = Math.floor((at * arrayBytes) / 512) * 512;
      const length = Math.min(sectors * 512, arrayBytes - offset);
      const place = expected.content.subarray(offset, offset + length);
      if (kind === "write") {
        place.set(seededBytes(length, offset + length));
        await array.write(offset, place.slice());
      } else if (kind === "read") {
        const into = new Uint8Array(length);
        await array.read(offset, into);
        expect(wrongBytes(into, place), `read of ${length} bytes at ${offset}`).toBe(0);
      } else if (kind === "scrub" && failed.size === 0) expect(await array.scrub()).toBe(0);
      else if (kind === "fail" && failed.size < parityDisks(level)) {
        const slot = Math.floor(at * shape.raidDisks);
        failed.add(slot);
        await array.fail(slot);
      }
    }
    await array.close();
  });
  expected.members().forEach((bytes, slot) => {
    if (!failed.has(slot)) expect(wrongBytes(members[slot] as Uint8Array, bytes), `member ${slot}`).toBe(0);
  });
  await bench.close();
}

describe.each(["cpu-only", "x86-ioat", "armada-xp", "x86-ioat-iommu"])("md on async_tx, on %s", (name) => {
  it("holds what was written, whatever fails", { timeout: 180_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(5 as const, 6 as const),
        fc.constantFrom(4096, 16384),
        fc.integer({ min: 2, max: 20 }),
        fc.boolean(),
        fc.array(step, { maxLength: 12 }),
        (level, chunkBytes, cacheStripes, mdSkipCopy, steps) =>
          follow(name, level, chunkBytes, cacheStripes, mdSkipCopy, steps),
      ),
      { numRuns: process.env["DMAENGINE_LONG"] === "1" ? 500 : 40 },
    );
  });
});

describe("what property tests found", () => {
  const fail = (at: number): Step => ({ kind: "fail", at, sectors: 1 });
  const write = (sectors: number): Step => ({ kind: "write", at: 0, sectors });

  it("a block that was computed and then skipped in the same chain is not known", () =>
    follow("cpu-only", 6, 4096, 2, true, [fail(0), write(40), write(33)]));

  it("a stripe is not released between somebody's getting it and giving it work", () =>
    follow("cpu-only", 5, 16384, 3, true, [write(17), write(49)]));

  it("a lost Q may be in memory, and a block that is there may not", () =>
    follow("cpu-only", 6, 4096, 2, true, [fail(0), fail(1 / 6), write(16), write(1)]));
});

describe("a scrub", () => {
  it.each([5, 6] as const)("finds rows of RAID-%i that don't match", async (level) => {
    const shape = { level, raidDisks: 4 + parityDisks(level), chunkBytes: 16384, memberBytes: 65536 };
    const members = new ExpectedArray({ array: shape, contentSeed: 5, phases: [] }).members();
    (members[0] as Uint8Array)[100]! ^= 1;
    (members[1] as Uint8Array)[5000]! ^= 1;
    const bench = await Bench.setUp(machineOf("x86-ioat"), 1);
    const array = openMdOnAsyncTx(bench, { shape, members, cacheBytes: 65536, mdSkipCopy: false });
    expect(await bench.run(() => array.scrub())).toBe(2);
    await bench.run(() => array.close());
    await bench.close();
  });
});
