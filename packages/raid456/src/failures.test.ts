import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FaultyMember, type MemberFault, type RaidLevel } from "./index.js";
import { arrayFixture, type FixtureOptions } from "./testing/array-fixture.js";
import { DATA_OFFSET, losses, randomBytes } from "./testing/model.js";

const CHUNK = 4096;

/** An array whose members can fail. */
function faulty(options: FixtureOptions = {}) {
  const faults: FaultyMember[] = [];
  const fixture = arrayFixture({
    ...options,
    wrap: (member, slot) => {
      const device = new FaultyMember(member);
      faults[slot] = device;
      return device;
    },
  });
  const fault = (slot: number): FaultyMember => faults[slot] as FaultyMember;
  return { ...fixture, fault };
}

/** A bad sector at the start of a member's data that a write heals. */
const BAD_SECTOR: MemberFault = {
  operation: "read",
  startBytes: DATA_OFFSET,
  endBytes: DATA_OFFSET + 512,
  untilWritten: true,
};

describe("read errors", () => {
  it("are repaired from the others, in every block of a stripe, and counted", async () => {
    for (let slot = 0; slot < 6; slot++) {
      const told: number[][] = [];
      const metadata = {
        markDirty: async () => {},
        memberFailed: async () => {},
        readErrorRepaired: (...args: number[]) => void told.push(args),
      };
      const { array, data, fault, wrongMembers, geometry } = faulty({ metadata });
      const { p, q } = geometry.row(0);
      data(slot).fill(0, 0, 512);
      fault(slot).inject(BAD_SECTOR);
      // Parity is read by a check only.
      if (slot === p || slot === q) expect((await array.check()).mismatchSectors).toBe(0);
      else await array.read(0, new Uint8Array(geometry.stripeDataBytes));
      expect(wrongMembers(), `slot ${slot}`).toEqual([]);
      expect(array.degraded).toEqual([]);
      expect(array.stats().readErrorsRepaired).toBe(1);
      expect(told).toEqual([[slot, CHUNK]]);
    }
  });

  it("of two blocks of a stripe are repaired at once, in whichever two", async () => {
    for (const pair of losses(6, 2).filter(({ length }) => length === 2)) {
      const { array, data, fault, wrongMembers } = faulty();
      for (const slot of pair) {
        data(slot).fill(0, 0, 512);
        fault(slot).inject(BAD_SECTOR);
      }
      expect((await array.check()).mismatches).toEqual([]);
      expect(wrongMembers(), `slots ${pair}`).toEqual([]);
    }
  });

  it("don't make their neighbours in a transfer be computed as well", async () => {
    const { array, fault, readAll, content, geometry } = faulty({ cacheStripes: 64 });
    const slot = geometry.row(0).data[0] as number;
    fault(slot).inject(BAD_SECTOR);
    expect(Buffer.compare(await readAll(), content)).toBe(0);
    expect(array.stats().computedBlocks).toBe(1);
  });

  it("that the member can't repair fail it", async () => {
    const { array, fault, readAll, content, geometry } = faulty();
    const slot = geometry.row(0).data[0] as number;
    // Writes are taken, and what was written can't be read.
    fault(slot).inject({ ...BAD_SECTOR, untilWritten: false });
    expect(Buffer.compare(await readAll(), content)).toBe(0);
    expect(array.degraded).toEqual([slot]);
  });

  it("of more blocks than parity can make up for are an error of those bytes only", async () => {
    const { array, fault, content, geometry } = faulty({ level: 5, raidDisks: 4, missing: [1] });
    fault(2).inject({ ...BAD_SECTOR, untilWritten: false });
    const into = new Uint8Array(geometry.stripeDataBytes);
    await expect(array.read(0, into)).rejects.toMatchObject({
      code: "ERR_RAID_FAILED",
      message: expect.stringMatching(/slots 1 \(missing\), 2 \(read error\) can't be read/),
    });
    await array.read(geometry.stripeDataBytes, into);
    expect(Buffer.compare(into, content.subarray(into.length, 2 * into.length))).toBe(0);
    expect(array.stopped).toBe(false);
  });
});

describe("write errors", () => {
  it("fail one member after the other, and a RAID-6 goes on serving with two gone", async () => {
    const told: number[] = [];
    const metadata = {
      markDirty: async () => {},
      memberFailed: async (slot: number) => void told.push(slot),
    };
    const { array, fault, write, readAll, content, wrongMembers } = faulty({ metadata });
    for (const [i, slot] of [4, 1].entries()) {
      fault(slot).kill();
      await write(0, content.length, i);
      expect(array.degraded).toEqual([4, 1].slice(0, i + 1).sort());
      expect(Buffer.compare(await readAll(), content)).toBe(0);
    }
    expect(told).toEqual([4, 1]);
    await write(777, 5000);
    expect(Buffer.compare(await readAll(), content)).toBe(0);
    expect(wrongMembers()).toEqual([1, 4]);
  });

  it("of one member too many stop the array, and nothing acknowledged is lost, whichever writes are lost", async () => {
    const level = fc.constantFrom<readonly [RaidLevel, number]>([4, 4], [5, 4], [6, 5], [6, 6]);
    const write = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 3 * CHUNK }));
    await fc.assert(
      fc.asyncProperty(
        level,
        fc.array(fc.nat(5), { minLength: 1, maxLength: 3 }),
        fc.nat(3),
        fc.array(write, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        async ([raidLevel, n], dying, lost, writes, cacheStripes) => {
          const parity = raidLevel === 6 ? 2 : 1;
          const missing = Array.from({ length: Math.min(lost, parity) }, (_, i) => i);
          const { array, fault, content } = faulty({
            level: raidLevel,
            raidDisks: n,
            missing,
            stripes: 4,
            cacheStripes,
          });
          for (const [i, slot] of dying.entries()) {
            if (slot < n && !missing.includes(slot)) fault(slot).inject({ operation: "write", skip: i * 2 });
          }
          // What each byte may hold: the acknowledged content, or that of a write which failed.
          const maybe = new Map<number, Set<number>>();
          // Three at a time, so that some wait for a stripe in which the array has stopped.
          for (let first = 0; first < writes.length; first += 3) {
            const group = writes.slice(first, first + 3).map(([at, length], i) => {
              const offset = at % content.length;
              return { offset, bytes: randomBytes(Math.min(length, content.length - offset), first + i) };
            });
            const ended = await Promise.allSettled(
              group.map(({ offset, bytes }) => array.write(offset, bytes)),
            );
            for (const [i, { offset, bytes }] of group.entries()) {
              if (ended[i]?.status === "rejected") continue;
              content.set(bytes, offset);
              for (let at = offset; at < offset + bytes.length; at++) maybe.delete(at);
            }
            for (const [i, { offset, bytes }] of group.entries()) {
              const outcome = ended[i];
              if (outcome?.status !== "rejected") continue;
              expect(outcome.reason).toMatchObject({ code: "ERR_RAID_FAILED" });
              expect(array.stopped).toBe(true);
              for (const [j, byte] of bytes.entries()) {
                const values = maybe.get(offset + j) ?? new Set();
                maybe.set(offset + j, values.add(byte));
              }
            }
          }
          // Byte by byte and as a whole, more than once: reading must not change what is read.
          for (const step of [content.length, 1000, content.length]) {
            for (let offset = 0; offset < content.length; offset += step) {
              const into = new Uint8Array(Math.min(step, content.length - offset));
              await array.read(offset, into);
              for (const [j, byte] of into.entries()) {
                if (byte === content[offset + j] || maybe.get(offset + j)?.has(byte)) continue;
                expect.fail(`byte ${offset + j} is ${byte}, was acknowledged as ${content[offset + j]}`);
              }
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("in the middle of a stripe leave nothing to be computed from blocks that don't belong together", async () => {
    const { array, fault, write, content } = faulty({ level: 5, raidDisks: 4, missing: [0] });
    const before = content.slice();
    // P is read to be corrected in its first part. Then its member is gone for a while, so its last part comes to be known, but never what is between.
    fault(3).inject({ operation: "read", skip: 1 });
    fault(3).inject({ operation: "write" });
    const writes = await Promise.allSettled([write(CHUNK, 1024), write(CHUNK - 1024, 1024)]);
    expect(writes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(array.stats()).toMatchObject({ readModifyWrites: 1, reconstructWrites: 1 });
    fault(3).heal();
    const first = new Uint8Array(1024);
    await expect(array.read(0, first)).rejects.toThrow(/slots 0 \(missing\), 3 \(holds old bytes\)/);
    // What belongs together, in memory or on the members, is still good.
    const last = new Uint8Array(1024);
    await array.read(CHUNK - 1024, last);
    expect(Buffer.compare(last, content.subarray(CHUNK - 1024, CHUNK))).toBe(0);
    const next = new Uint8Array(CHUNK);
    await array.read(2 * CHUNK, next);
    expect(Buffer.compare(next, before.subarray(2 * CHUNK, 3 * CHUNK))).toBe(0);
  });

  it("say clearly what has stopped the array", async () => {
    const { array, fault, write, readAll, content } = faulty({ level: 5, raidDisks: 4, missing: [0] });
    fault(2).inject({ operation: "write" });
    await expect(write(0, 3 * CHUNK)).rejects.toMatchObject({
      code: "ERR_RAID_FAILED",
      message:
        "the array has stopped and can only be read: RAID-5 can do without 1 of its members, but those of slots 0, 2 have failed",
    });
    expect([array.stopped, array.degraded]).toEqual([true, [0, 2]]);
    await expect(array.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: "ERR_RAID_FAILED" });
    await expect(array.check()).rejects.toMatchObject({ code: "ERR_RAID_STATE" });
    const read = await readAll();
    expect(Buffer.compare(read.subarray(3 * CHUNK), content.subarray(3 * CHUNK))).toBe(0);
  });

  it("of a flush fail the member, too", async () => {
    const { array, fault } = faulty();
    fault(3).inject({ operation: "flush" });
    await array.flush();
    expect(array.degraded).toEqual([3]);
  });
});

describe("silent corruption", () => {
  it("is located in whichever block of a RAID-6 it is, and repaired only there when asked", async () => {
    for (const layout of [0, 2, 8, 10, 18]) {
      for (let slot = 0; slot < 6; slot++) {
        const { array, data, wrongMembers } = arrayFixture({ layout });
        const good = data(slot).slice();
        data(slot).set(randomBytes(100, slot), CHUNK + 300);
        const [row] = (await array.check()).mismatches;
        expect(row, `layout ${layout}`).toMatchObject({
          memberOffset: CHUNK,
          wrongSlot: slot,
          repaired: false,
        });
        expect(wrongMembers()).toEqual([slot]);
        const { mismatches } = await array.repair("located");
        expect(mismatches).toEqual([{ ...row, repaired: true }]);
        expect(Buffer.compare(data(slot), good)).toBe(0);
        expect((await array.check()).mismatches).toEqual([]);
      }
    }
  });

  it("in two blocks of a row is not blamed on one, and left alone", async () => {
    const { array, data, wrongMembers } = arrayFixture();
    for (const slot of [1, 4]) data(slot).set(randomBytes(500, slot), 100);
    const { mismatches } = await array.repair("located");
    expect(mismatches).toMatchObject([{ memberOffset: 0, wrongSlot: null, repaired: false }]);
    expect(wrongMembers()).toEqual([1, 4]);
  });

  it("is made permanent by making parity anew, which is only done by that name", async () => {
    const { array, data, content, geometry, readAll } = arrayFixture();
    const slot = geometry.row(0).data[0] as number;
    data(slot)[7] = (data(slot)[7] as number) ^ 0x10;
    content[7] = (content[7] as number) ^ 0x10;
    expect((await array.repair("parity")).mismatches).toMatchObject([{ wrongSlot: slot, repaired: true }]);
    expect((await array.check()).mismatches).toEqual([]);
    expect(Buffer.compare(await readAll(), content)).toBe(0);
  });

  it("can't be located without both syndromes", async () => {
    const refused = { code: "ERR_RAID_STATE", message: expect.stringContaining("only a RAID-6 with all") };
    for (const options of [{ level: 5 as const, raidDisks: 4 }, { missing: [2] }]) {
      const { array } = arrayFixture(options);
      await expect(array.repair("located")).rejects.toMatchObject(refused);
    }
  });

  it("is found in every byte value and at every place of a row", async () => {
    const { array, data } = arrayFixture({ raidDisks: 5, stripes: 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(4),
        fc.nat(CHUNK - 1),
        fc.integer({ min: 1, max: 255 }),
        async (slot, at, bits) => {
          data(slot)[at] = (data(slot)[at] as number) ^ bits;
          expect((await array.check()).mismatches).toMatchObject([{ wrongSlot: slot }]);
          await array.repair("located");
          expect((await array.check()).mismatches).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("a member that fails while another one is rebuilt", () => {
  it("is made up for, as long as parity suffices", async () => {
    const { array, fault, data, wrongMembers, write } = faulty({ missing: [2], cacheStripes: 4 });
    data(2).fill(0xee);
    array.add(2, { device: fault(2), dataOffsetBytes: DATA_OFFSET });
    let failed = false;
    await array.rebuild({
      onProgress: async () => {
        if (failed) return;
        failed = true;
        fault(5).kill();
        await write(CHUNK, 100);
      },
    });
    expect(array.degraded).toEqual([5]);
    expect(wrongMembers().filter((slot) => slot !== 5)).toEqual([]);
  });

  it("ends the rebuild if it is the one", async () => {
    const { array, fault } = faulty({ missing: [2], cacheStripes: 4 });
    array.add(2, { device: fault(2), dataOffsetBytes: DATA_OFFSET });
    fault(2).inject({ operation: "write", skip: 2 });
    await expect(array.rebuild()).rejects.toMatchObject({
      code: "ERR_RAID_STATE",
      message: "the members of slots 2 failed while they were rebuilt",
    });
    expect(array.degraded).toEqual([2]);
  });
});
