import { DmaEngine } from "@dmaengine/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FaultyMember, Geometry, layoutNumbers, parityDisks, RaidArray, type RaidLevel } from "./index.js";
import { DATA_OFFSET, losses, membersOf, memoryMembers, randomBytes, slots } from "./testing/model.js";

const CHUNK = 4096;
const STRIPES = 3;

function setUp(level: RaidLevel, raidDisks: number, layout: number, missing: readonly number[] = []) {
  const options = { level, raidDisks, layout, chunkBytes: CHUNK, memberBytes: CHUNK * STRIPES };
  const geometry = new Geometry(options);
  const { content, members } = fresh(geometry);
  const array = new RaidArray({ ...options, members: slots(members, missing) });
  /** What each member should hold when the array holds `content`. */
  const expectMembers = (without: readonly number[] = []): void => {
    membersOf(geometry, content).forEach((expected, slot) => {
      if (without.includes(slot)) return;
      expect(Buffer.compare(expected, data(members, slot)), `member ${slot}`).toBe(0);
    });
  };
  return { options, geometry, content, members, array, expectMembers };
}

/** The same content and members for each geometry: computing them is the slow part. */
const originals = new Map<string, { content: Uint8Array; members: readonly Uint8Array[] }>();
function fresh(geometry: Geometry) {
  const key = `${geometry.level} ${geometry.raidDisks} ${geometry.layout}`;
  let original = originals.get(key);
  if (original === undefined) {
    const content = randomBytes(geometry.arrayBytes, geometry.raidDisks * 100 + geometry.layout);
    original = { content, members: membersOf(geometry, content) };
    originals.set(key, original);
  }
  return { content: original.content.slice(), members: memoryMembers(original.members) };
}

function data(members: readonly { bytes: Uint8Array }[], slot: number): Uint8Array {
  return (members[slot] as { bytes: Uint8Array }).bytes.subarray(DATA_OFFSET);
}

async function readAll(array: RaidArray): Promise<Uint8Array> {
  const into = new Uint8Array(array.geometry.arrayBytes);
  await array.read(0, into);
  return into;
}

const SIZES: readonly [RaidLevel, number][] = [
  [4, 2],
  [4, 4],
  [5, 2],
  [5, 3],
  [5, 5],
  [6, 4],
  [6, 6],
  [6, 7],
];

describe.each(SIZES)("RAID-%i over %i members", (level, n) => {
  const cases = layoutNumbers(level).flatMap((layout) =>
    losses(n, parityDisks(level)).map((missing) => ({ layout, missing })),
  );

  it("reads everything with any members missing, in every layout", async () => {
    for (const { layout, missing } of cases) {
      const { array, content } = setUp(level, n, layout, missing);
      expect(Buffer.compare(await readAll(array), content), `layout ${layout} without ${missing}`).toBe(0);
    }
  });

  it("keeps data and parity right through partial and full writes, with any members missing", async () => {
    for (const { layout, missing } of cases) {
      const { array, content, geometry, expectMembers } = setUp(level, n, layout, missing);
      const writes: readonly (readonly [offset: number, length: number])[] = [
        [0, 1],
        [CHUNK - 3, 7],
        [512, 1024],
        [geometry.stripeDataBytes, geometry.stripeDataBytes],
        [geometry.stripeDataBytes - 100, geometry.stripeDataBytes + 200],
        [geometry.arrayBytes - 5, 5],
      ];
      for (const [i, [offset, length]] of writes.entries()) {
        const bytes = randomBytes(length, i);
        content.set(bytes, offset);
        await array.write(offset, bytes);
      }
      expect(Buffer.compare(await readAll(array), content), `layout ${layout} without ${missing}`).toBe(0);
      expectMembers(missing);
    }
  });

  it("rebuilds any missing members onto blank ones", async () => {
    for (const { layout, missing } of cases) {
      const { array, members, content, expectMembers } = setUp(level, n, layout, missing);
      for (const slot of missing) {
        data(members, slot).fill(0xee);
        array.add(slot, { device: members[slot] as never, dataOffsetBytes: DATA_OFFSET });
      }
      const progress: number[] = [];
      await array.rebuild({ onProgress: ({ doneBytes }) => void progress.push(doneBytes) });
      expectMembers();
      expect(array.degraded).toEqual([]);
      expect(progress).toEqual([...progress].sort((a, b) => a - b));
      expect(Buffer.compare(await readAll(array), content)).toBe(0);
    }
  });
});

describe("RaidArray", () => {
  it("agrees with a plain model under random writes and reads", async () => {
    const member = fc.constantFrom<[RaidLevel, number]>([4, 3], [5, 4], [6, 5]);
    const where = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
    const requests = fc.array(fc.tuple(where, fc.integer({ min: 1, max: 9000 })), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(member, fc.nat(2), requests, async ([level, n], lost, work) => {
        const missing = Array.from({ length: Math.min(lost, parityDisks(level)) }, (_, i) => i);
        const { array, content, expectMembers } = setUp(level, n, level === 4 ? 0 : 2, missing);
        for (const [i, [at, length]] of work.entries()) {
          const offset = Math.floor(at * content.length);
          const bytes = randomBytes(Math.min(length, content.length - offset), i);
          content.set(bytes, offset);
          await array.write(offset, bytes);
          const into = new Uint8Array(bytes.length);
          await array.read(offset, into);
          expect(Buffer.compare(into, bytes)).toBe(0);
        }
        expectMembers(missing);
      }),
      { numRuns: 100 },
    );
  });

  it("keeps data and parity right when all of the array is written at once, in pieces", async () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 3 * CHUNK * STRIPES - 1 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.nat(2), async (at, lost) => {
        const missing = Array.from({ length: lost }, (_, i) => i + 1);
        const { array, content, expectMembers } = setUp(6, 5, 2, missing);
        content.set(randomBytes(content.length, 7));
        const ends = [...at, content.length].sort((a, b) => a - b);
        const pieces = ends.map((end, i) => ({ start: ends[i - 1] ?? 0, end }));
        await Promise.all(pieces.map(({ start, end }) => array.write(start, content.subarray(start, end))));
        expectMembers(missing);
      }),
      { numRuns: 50 },
    );
  });

  it("keeps parity right when many writes meet in one stripe", async () => {
    const { array, content, expectMembers } = setUp(6, 6, 2);
    const writes = Array.from({ length: 64 }, (_, i) => ({ offset: i * 64, bytes: randomBytes(64, i) }));
    for (const { offset, bytes } of writes) content.set(bytes, offset);
    await Promise.all(writes.map(({ offset, bytes }) => array.write(offset, bytes)));
    expectMembers();
  });

  it("works in the memory of one stripe, however much is asked for at once", async () => {
    const { options, members, content } = setUp(6, 5, 2, []);
    const array = new RaidArray({ ...options, members: slots(members, [1]), cacheStripes: 1 });
    const reads = Array.from({ length: 8 }, () => readAll(array));
    for (const bytes of await Promise.all(reads)) expect(Buffer.compare(bytes, content)).toBe(0);
  });

  it("finds each row whose parity does not match and repairs it from the data", async () => {
    const { array, members, geometry, expectMembers } = setUp(6, 5, 2);
    const row = geometry.row(1);
    const at = CHUNK + 10;
    data(members, row.p)[at] = (data(members, row.p)[at] as number) ^ 1;
    data(members, row.q)[at + 1] = (data(members, row.q)[at + 1] as number) ^ 1;
    const found = {
      memberOffset: CHUNK,
      lengthBytes: CHUNK,
      pMismatch: true,
      qMismatch: true,
      wrongSlot: null,
      repaired: false,
    };
    expect(await array.check()).toEqual({ mismatches: [found], mismatchSectors: 8 });
    expect(await array.repair("parity")).toEqual({
      mismatches: [{ ...found, repaired: true }],
      mismatchSectors: 8,
    });
    expectMembers();
    expect((await array.check()).mismatchSectors).toBe(0);
  });

  it("checks what is left to check when one member of a RAID-6 is missing", async () => {
    for (const missing of [0, 1, 2, 3, 4]) {
      const { array, members, geometry } = setUp(6, 5, 2, [missing]);
      expect((await array.check()).mismatchSectors).toBe(0);
      // With a data block gone P rebuilds it and Q is what is checked; with P or Q gone the other one is.
      const row = geometry.row(0);
      const slot = missing === row.q ? row.p : row.q;
      data(members, slot)[0] = (data(members, slot)[0] as number) ^ 0x40;
      expect((await array.check()).mismatchSectors).toBe(8);
    }
  });

  it("refuses a check that has nothing to compare with", async () => {
    const { array } = setUp(5, 3, 2, [1]);
    await expect(array.check()).rejects.toThrow("slots 1 are missing");
  });

  it("makes the parity of an array that never had any, and never trusts it before", async () => {
    const { options, members, content, expectMembers } = setUp(6, 5, 2);
    const geometry = new Geometry(options);
    for (let stripe = 0; stripe < STRIPES; stripe++) {
      const { p, q } = geometry.row(stripe);
      for (const slot of [p, q]) data(members, slot).fill(0x55, stripe * CHUNK, (stripe + 1) * CHUNK);
    }
    const array = new RaidArray({ ...options, members: slots(members), resyncedBytes: 0 });
    const bytes = randomBytes(10, 1);
    content.set(bytes, 5);
    await array.write(5, bytes);
    const lost = new RaidArray({ ...options, members: slots(members, [geometry.row(0).data[0] as number]) });
    const into = new Uint8Array(10);
    await lost.read(5, into);
    expect(into).toEqual(bytes);
    await array.resync();
    expectMembers();
  });

  it("computes a block that can't be read and writes it back", async () => {
    const { options, members, content, expectMembers, geometry } = setUp(6, 5, 2);
    const slot = geometry.row(0).data[0] as number;
    const bad = new FaultyMember(members[slot] as never, {
      operation: "read",
      startBytes: DATA_OFFSET,
      endBytes: DATA_OFFSET + CHUNK,
      untilWritten: true,
    });
    data(members, slot).fill(0, 0, CHUNK);
    const place = slots(members);
    place[slot] = { device: bad, dataOffsetBytes: DATA_OFFSET };
    const array = new RaidArray({ ...options, members: place });
    expect(Buffer.compare(await readAll(array), content)).toBe(0);
    expectMembers();
    expect(array.degraded).toEqual([]);
  });

  it("fails a member that does not take a write, tells the metadata before the write is acknowledged, and goes on", async () => {
    const { options, members, content, expectMembers, geometry } = setUp(5, 4, 2);
    const slot = geometry.row(0).data[1] as number;
    const place = slots(members);
    place[slot] = {
      device: new FaultyMember(members[slot] as never, { operation: "write" }),
      dataOffsetBytes: DATA_OFFSET,
    };
    const told: string[] = [];
    const metadata = {
      markDirty: async () => void told.push("dirty"),
      memberFailed: async (failed: number) => void told.push(`failed ${failed}`),
    };
    const array = new RaidArray({ ...options, members: place, metadata });
    const bytes = randomBytes(geometry.stripeDataBytes, 3);
    content.set(bytes);
    await array.write(0, bytes);
    told.push("acknowledged");
    expect(told).toEqual(["dirty", `failed ${slot}`, "acknowledged"]);
    expect(array.degraded).toEqual([slot]);
    expect(Buffer.compare(await readAll(array), content)).toBe(0);
    expectMembers([slot]);
  });

  it("stops when one member too many fails, and says which are gone", async () => {
    const { options, members } = setUp(5, 4, 2);
    const place = slots(members, [0]);
    for (const slot of [1, 2, 3]) {
      place[slot] = {
        device: new FaultyMember(members[slot] as never, { operation: "write" }),
        dataOffsetBytes: DATA_OFFSET,
      };
    }
    const array = new RaidArray({ ...options, members: place });
    await expect(array.write(0, new Uint8Array(9))).rejects.toMatchObject({ code: "ERR_RAID_FAILED" });
    await expect(array.write(0, new Uint8Array(9))).rejects.toMatchObject({ code: "ERR_RAID_FAILED" });
  });

  it("writes nothing when it only looks, even where a block can't be read", async () => {
    const { options, members } = setUp(6, 5, 2);
    const place = slots(members);
    place[2] = {
      device: new FaultyMember(members[2] as never, { operation: "read" }, { operation: "write" }),
      dataOffsetBytes: DATA_OFFSET,
    };
    const before = members.map(({ bytes }) => bytes.slice());
    const array = new RaidArray({ ...options, members: place, readOnly: true });
    await readAll(array);
    expect((await array.check()).mismatchSectors).toBe(0);
    await expect(array.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: "ERR_RAID_READ_ONLY" });
    await expect(array.repair("parity")).rejects.toMatchObject({ code: "ERR_RAID_READ_ONLY" });
    expect(members.map(({ bytes }) => bytes)).toEqual(before);
  });

  it("can be stopped in a rebuild and goes on where it was", async () => {
    const { options, members, expectMembers } = setUp(6, 5, 2);
    data(members, 3).fill(0xee);
    const array = new RaidArray({ ...options, members: slots(members, [3]), cacheStripes: 1 });
    array.add(3, { device: members[3] as never, dataOffsetBytes: DATA_OFFSET });
    const stop = new AbortController();
    const rebuild = array.rebuild({ signal: stop.signal, onProgress: () => stop.abort() });
    await expect(rebuild).rejects.toMatchObject({ code: "ERR_RAID_ABORTED" });
    expect(array.recoveredBytes(3)).toBe(CHUNK);
    await array.rebuild();
    expectMembers();
  });

  it("won't fail a member that it can't do without", async () => {
    const { array } = setUp(5, 4, 2, [0]);
    await expect(array.fail(1)).rejects.toThrow("can't do without slot 1");
    expect(array.degraded).toEqual([0]);
  });

  it("refuses too few members and says which slots are empty", () => {
    expect(() => setUp(6, 6, 2, [1, 3, 5])).toThrow("slots 1, 3, 5 have none");
  });

  it("explains that the CPU does the work where no engine is", () => {
    const { options, members } = setUp(5, 3, 2);
    const array = new RaidArray({ ...options, members: slots(members), engine: new DmaEngine() });
    expect(array.explain().join("\n")).toBe(
      "Scenario 0 for RAID-5 over 3 members: the CPU does the work; nothing is mapped, every operation is complete at once.\n" +
        "No engine is registered.",
    );
  });
});
