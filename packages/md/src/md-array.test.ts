import { FaultyMember, type MemberDevice, MemoryMember } from "@dmaengine/raid456";
import { describe, expect, it } from "vitest";
import { assemble } from "./assemble.js";
import { Feature } from "./feature-map.js";
import { MdArray, type MdArrayOptions } from "./md-array.js";
import { ROLE_FAULTY, ROLE_SPARE } from "./role.js";
import { MAX_SECTOR } from "./sector.js";
import {
  blankMembers,
  CREATED,
  makeArray,
  snapshot,
  superblockOf,
  tamper,
  tamperRoles,
} from "./testing/array-fixture.js";

async function open(members: readonly MemberDevice[], options?: MdArrayOptions): Promise<MdArray> {
  return new MdArray(await assemble(members), options);
}

function blank(name = "new"): MemoryMember {
  const [member] = blankMembers(1) as [MemoryMember];
  return new MemoryMember(member.bytes, { name });
}

/** Event count and resync position of each member. */
async function records(members: readonly MemoryMember[]): Promise<[number, number][]> {
  const superblocks = await Promise.all(members.map(superblockOf));
  return superblocks.map(({ events, resyncOffset }) => [events, resyncOffset]);
}

/** The roles of the device numbers, as a member sees them, without the unused ones at the end. */
async function rolesIn(member: MemoryMember): Promise<number[]> {
  const { devRoles } = await superblockOf(member);
  return devRoles.slice(0, devRoles.findLastIndex((role) => role !== ROLE_SPARE) + 1);
}

const all = (count: number, events: number, resyncOffset: number) =>
  new Array(count).fill([events, resyncOffset]);

describe("clean and dirty", () => {
  it("alternate between two event counts on a healthy array", async () => {
    const members = await makeArray(5, 3);
    const array = await open(members);
    for (let round = 0; round < 3; round++) {
      await array.markDirty();
      expect(await records(members)).toEqual(all(3, 2, 0));
      expect([array.events, array.dirty]).toEqual([2, true]);
      await array.markClean();
      // Never back to 1, which is what nobody has ever updated.
      expect(await records(members)).toEqual(all(3, 1, MAX_SECTOR));
      expect([array.events, array.dirty]).toEqual([1, false]);
    }
  });

  it("write nothing if nothing changes", async () => {
    const members = await makeArray(5, 3);
    const array = await open(members);
    await array.markClean();
    expect(await records(members)).toEqual(all(3, 1, MAX_SECTOR));
    await array.markDirty();
    const before = snapshot(members);
    await array.markDirty();
    members.forEach((member, slot) => {
      expect(member.bytes).toEqual(before[slot]?.bytes);
    });
  });

  it("count up only, while the array is degraded", async () => {
    const [a, b, c] = await makeArray(5, 3);
    const array = await open([a, b, c] as MemoryMember[]);
    await array.memberFailed(2);
    await array.markDirty();
    expect(await records([a, b] as MemoryMember[])).toEqual(all(2, 3, 0));
    await array.markClean();
    expect(await records([a, b] as MemoryMember[])).toEqual(all(2, 4, MAX_SECTOR));
    expect(await records([c] as MemoryMember[])).toEqual([[1, MAX_SECTOR]]);
  });

  it("count up where something else has changed in between", async () => {
    const members = await makeArray(6, 4);
    const array = await open(members);
    await array.markDirty();
    await array.addSpare(blank());
    expect(array.events).toBe(3);
    await array.markClean();
    expect(array.events).toBe(4);
    await array.markDirty();
    await array.markClean();
    expect(array.events).toBe(4);
  });

  it("leave spares alone, which stay as fresh as the clean array", async () => {
    const members = await makeArray(5, 3);
    const spare = blank();
    const array = await open(members);
    await array.addSpare(spare);
    const { events } = array;
    const before = spare.bytes.slice();
    await array.markDirty();
    await array.markClean();
    await array.markDirty();
    expect(spare.bytes).toEqual(before);
    await array.memberFailed(0);
    expect((await superblockOf(spare)).events).toBe(array.events);
    expect(array.events).toBe(events + 2);
  });

  it("keep the time of update, and everything that is not state", async () => {
    const members = await makeArray(5, 3);
    const before = await superblockOf(members[1] as MemoryMember);
    const array = await open(members, { now: () => new Date("2027-01-01T00:00:00.9Z") });
    await array.markDirty();
    const after = await superblockOf(members[1] as MemoryMember);
    expect(after.utime).toEqual({ seconds: Date.parse("2027-01-01") / 1000, micros: 0 });
    const { utime: _, events: __, resyncOffset: ___, bytes: ____, ...rest } = before;
    expect(after).toMatchObject(rest);
  });

  it("flush before the superblocks are written, and after", async () => {
    const members = await makeArray(5, 3);
    const log: string[] = [];
    const array = await open(members.map((member) => new LoggingMember(member, log)));
    log.length = 0;
    await array.markDirty();
    expect(log.slice(0, 3)).toEqual(["a flushed", "b flushed", "c flushed"]);
    const rest = log.slice(3);
    expect(rest).toHaveLength(6);
    for (const name of ["a", "b", "c"]) {
      expect(rest.filter((line) => line.startsWith(name))).toEqual([
        `${name} wrote 512 at 4096`,
        `${name} flushed`,
      ]);
    }
  });

  it("are recorded once for any number of calls at the same time", async () => {
    const members = await makeArray(5, 3);
    const array = await open(members);
    await Promise.all([array.markDirty(), array.markDirty(), array.markDirty()]);
    expect(array.events).toBe(2);
    const [first, second] = [array.markDirty(), array.markDirty()];
    expect(first).toBe(second);
  });

  it("come in the order of the calls: a write after markClean waits for a new record", async () => {
    const members = await makeArray(5, 3);
    const array = await open(members);
    const calls = [array.markDirty(), array.markClean(), array.markDirty()];
    await calls[1];
    expect(await records(members)).toEqual(all(3, 1, MAX_SECTOR));
    await calls[2];
    expect(await records(members)).toEqual(all(3, 2, 0));
    await Promise.all([array.markClean(), array.markClean(), array.markDirty()]);
    expect(await records(members)).toEqual(all(3, 2, 0));
    await array.markDirty();
    expect(array.events).toBe(2);
  });

  it("need an array that may be written", async () => {
    const members = await makeArray(5, 3);
    await tamper(members, { featureMap: Feature.BITMAP_OFFSET });
    await expect(open(members)).rejects.toMatchObject({
      code: "ERR_MD_READ_ONLY",
      message: expect.stringContaining("bitmap"),
    });
  });
});

describe("the first update", () => {
  it("leaves devices behind for good that were not given", async () => {
    const [a, b, c, d] = (await makeArray(6, 4)) as [MemoryMember, MemoryMember, MemoryMember, MemoryMember];
    const array = await open([a, b, d]);
    await array.markDirty();
    expect(await records([a, b, d])).toEqual(all(3, 3, 0));
    expect(await rolesIn(a)).toEqual([0, 1, ROLE_SPARE, 3]);
    await array.markClean();
    const again = await assemble([c, a, b, d]);
    expect(again.rejected).toMatchObject([{ device: "c", code: "stale" }]);
  });

  it("goes on from the member that is furthest ahead", async () => {
    const [a, b, c] = (await makeArray(5, 3)) as [MemoryMember, MemoryMember, MemoryMember];
    await tamper([c], { events: 2, featureMap: Feature.RECOVERY_OFFSET, recoveryOffset: 8 });
    const array = await open([a, b, c]);
    await array.markDirty();
    expect(await records([a, b, c])).toEqual(all(3, 3, 0));
  });

  it("leaves copies of a member behind", async () => {
    const members = await makeArray(5, 3);
    const copy = new MemoryMember((members[2] as MemoryMember).bytes.slice(), { name: "copy" });
    const array = await open([...members, copy]);
    await array.markDirty();
    await array.close();
    expect((await assemble([...members.slice(0, 2), copy])).rejected).toMatchObject([{ code: "stale" }]);
  });

  it("ends a replacement: the device is a spare then, or left behind if it was not given", async () => {
    for (const given of [true, false]) {
      const members = await makeArray(5, 3);
      const replacement = blank("replacement");
      const first = await open(members);
      await first.addSpare(replacement);
      const { events } = first;
      await tamperRoles([...members, replacement], { 3: 1 });
      const featureMap = Feature.REPLACEMENT | Feature.RECOVERY_OFFSET;
      await tamper([replacement], { featureMap, recoveryOffset: 64 });

      const array = await open(given ? [...members, replacement] : members);
      await array.markDirty();
      await array.markClean();
      // Not back to the count that the replacement has, with which Linux would go on copying to it.
      expect(array.events).toBe(events + (given ? 2 : 3));
      const found = await assemble([...members, replacement]);
      expect(found.degraded).toBe(0);
      if (given) expect(await superblockOf(replacement)).toMatchObject({ events: events + 1, featureMap: 0 });
      else expect(found.rejected).toMatchObject([{ device: "replacement", code: "stale" }]);
      expect(found.spares).toHaveLength(given ? 1 : 0);
    }
  });

  it("after a forced start leaves nothing within the margin, not even when it is clean again", async () => {
    const members = await makeArray(5, 3);
    await tamper(members.slice(0, 1), { events: 20 });
    await tamper(members.slice(1), { events: 9 });
    const left = new MemoryMember((members[0] as MemoryMember).bytes.slice(), { name: "left behind" });
    const array = new MdArray(await assemble(members, { force: true }));
    expect(array.resyncedBytes).toBe(0);
    await array.markDirty();
    expect(array.events).toBe(22);
    await array.checkpointResync(array.geometry.memberBytes);
    await array.close();
    expect(array.events).toBe(23);
    const [, b, c] = members as [MemoryMember, MemoryMember, MemoryMember];
    expect((await assemble([left, b, c])).rejected).toMatchObject([{ code: "stale" }]);
  });
});

describe("memberFailed", () => {
  it("is recorded in all others, spares included, and never on the member itself", async () => {
    const members = await makeArray(6, 4);
    const spare = blank();
    const array = await open(members);
    await array.addSpare(spare);
    const before = members[1]?.bytes.slice();
    await array.memberFailed(1);
    expect(members[1]?.bytes).toEqual(before);
    for (const member of [members[0], members[2], members[3], spare] as MemoryMember[]) {
      expect(await rolesIn(member)).toEqual([0, ROLE_FAULTY, 2, 3]);
      expect((await superblockOf(member)).events).toBe(3);
    }
    expect(array.slots.map((member) => member?.device.name ?? "-").join("")).toBe("a-cd");
    expect([array.degraded, array.broken]).toEqual([1, false]);
    const again = await assemble(members);
    expect(again.rejected).toMatchObject([{ device: "b", code: "faulty" }]);
  });

  it("is recorded once", async () => {
    const array = await open(await makeArray(6, 4));
    await Promise.all([array.memberFailed(1), array.memberFailed(1)]);
    await array.memberFailed(7);
    expect(array.events).toBe(2);
  });

  it("is recorded for one member too many as well, and then nothing may be written", async () => {
    const members = await makeArray(5, 3);
    const array = await open(members);
    await array.markDirty();
    await array.memberFailed(0);
    await array.memberFailed(1);
    expect(await rolesIn(members[2] as MemoryMember)).toEqual([ROLE_FAULTY, ROLE_FAULTY, 2]);
    expect(array.broken).toBe(true);
    const broken = {
      code: "ERR_MD_BROKEN",
      message: expect.stringContaining("lacks 2 members and can do without 1"),
    };
    await expect(array.markDirty()).rejects.toMatchObject(broken);
    await expect(array.markClean()).rejects.toMatchObject(broken);
    await expect(array.addSpare(blank())).rejects.toMatchObject(broken);
    await expect(array.startRecovery(0, blank())).rejects.toMatchObject(broken);
    await array.close();
    // What was being written when the last member went is in doubt for ever.
    expect((await superblockOf(members[2] as MemoryMember)).resyncOffset).toBe(0);
  });
});

describe("a superblock that can't be written", () => {
  it.each(["write", "flush"] as const)("makes its member a failed one: %s", async (operation) => {
    const members = await makeArray(6, 4);
    const faulty = new FaultyMember(members[2] as MemoryMember, { operation });
    const lost: unknown[] = [];
    const array = await open(members.with(2, faulty as never), {
      onMemberLost: (slot, device, cause) => lost.push([slot, device, (cause as { code: string }).code]),
    });
    await array.markDirty();
    expect(lost).toEqual([[2, faulty, "ERR_MEMBER_IO"]]);
    for (const slot of [0, 1, 3]) {
      const member = members[slot] as MemoryMember;
      expect(await superblockOf(member)).toMatchObject({ events: 3, resyncOffset: 0 });
      expect(await rolesIn(member)).toEqual([0, 1, ROLE_FAULTY, 3]);
    }
    await array.markClean();
    expect(array.events).toBe(4);
    expect((await assemble(members)).rejected).toMatchObject([{ device: "c", code: "stale" }]);
  });

  it("stops the write for which it was to be made, if that was one member too many", async () => {
    const members = await makeArray(5, 3);
    const faulty = members.slice(0, 2).map((member) => new FaultyMember(member, { operation: "write" }));
    const array = await open([...faulty, members[2] as MemoryMember]);
    await expect(array.markDirty()).rejects.toMatchObject({ code: "ERR_MD_BROKEN" });
    await expect(array.markDirty()).rejects.toMatchObject({ code: "ERR_MD_BROKEN" });
  });

  it("leaves a dirty array dirty, if the update that was to make it clean was what broke it", async () => {
    const members = await makeArray(5, 3);
    const faulty = members.map((member) => new FaultyMember(member));
    const array = await open(faulty);
    await array.markDirty();
    faulty[0]?.kill();
    faulty[1]?.kill();
    await expect(array.markClean()).rejects.toMatchObject({ code: "ERR_MD_BROKEN" });
    expect((await superblockOf(members[2] as MemoryMember)).resyncOffset).toBe(0);
  });

  it("of the last member is the end", async () => {
    const members = await makeArray(5, 3);
    const faulty = members.map((member) => new FaultyMember(member));
    const array = await open(faulty);
    for (const member of faulty) member.kill();
    await expect(array.markDirty()).rejects.toMatchObject({
      code: "ERR_MD_BROKEN",
      cause: { code: "ERR_MEMBER_IO" },
    });
  });

  it("of a spare costs the spare", async () => {
    const members = await makeArray(5, 3);
    const spare = new FaultyMember(blank());
    const lost: unknown[] = [];
    const array = await open(members, { onMemberLost: (slot, device) => lost.push([slot, device]) });
    await array.addSpare(spare);
    spare.kill();
    await array.memberFailed(0);
    expect(lost).toEqual([[null, spare]]);
    expect(array.spares).toEqual([]);
    expect(await rolesIn(members[1] as MemoryMember)).toEqual([ROLE_FAULTY, 1, 2, ROLE_FAULTY]);
  });
});

describe("recovery", () => {
  it("gives a blank device the slot, and follows it until it is in sync", async () => {
    const members = await makeArray(5, 3);
    const [a, b] = members as [MemoryMember, MemoryMember];
    const device = blank();
    device.bytes.fill(0x77, 24 * 512);
    const array = await open(members);
    await array.memberFailed(2);

    const member = await array.startRecovery(2, device);
    expect(member).toMatchObject({ slot: 2, device, dataOffsetBytes: 1 << 20, recoveredBytes: 0 });
    const reference = await superblockOf(a);
    expect(await superblockOf(device)).toMatchObject({
      setUuid: reference.setUuid,
      setName: reference.setName,
      ctime: reference.ctime,
      devNumber: 3,
      featureMap: Feature.RECOVERY_OFFSET,
      recoveryOffset: 0,
      dataOffset: 2048,
      dataSize: 512,
      badBlockLog: reference.badBlockLog,
      events: 3,
      resyncOffset: MAX_SECTOR,
    });
    expect((await superblockOf(device)).deviceUuid).not.toBe(reference.deviceUuid);
    expect(device.bytes.subarray(24 * 512, 32 * 512).every((byte) => byte === 0xff)).toBe(true);
    for (const known of [a, b, device]) expect(await rolesIn(known)).toEqual([0, 1, ROLE_FAULTY, 2]);

    await array.checkpointRecovery(2, 100 * 1024 + 511);
    expect((await assemble([a, b, device])).slots[2]).toMatchObject({ recoveredBytes: 100 * 1024 });
    // It never goes back.
    await array.checkpointRecovery(2, 1024);
    expect(array.slots[2]?.recoveredBytes).toBe(100 * 1024);
    // Not even all of it makes the member one in sync: that takes finishRecovery.
    await array.checkpointRecovery(2, Number.POSITIVE_INFINITY);
    expect(array.slots[2]?.recoveredBytes).toBe(256 * 1024);
    expect(array.degraded).toBe(1);
    for (const position of [-1, Number.NaN]) {
      await expect(array.checkpointRecovery(2, position)).rejects.toMatchObject({ code: "ERR_MD_ARGUMENT" });
      await expect(array.checkpointResync(position)).rejects.toMatchObject({ code: "ERR_MD_ARGUMENT" });
    }

    await array.finishRecovery(2);
    expect(array.degraded).toBe(0);
    const done = await assemble([device, b, a]);
    expect(done).toMatchObject({ degraded: 0, rejected: [], events: array.events });
    await expect(array.finishRecovery(2)).rejects.toMatchObject({ code: "ERR_MD_STATE" });
    await expect(array.checkpointRecovery(7, 0)).rejects.toMatchObject({ code: "ERR_MD_STATE" });
  });

  it("is resumed from the superblocks", async () => {
    const members = await makeArray(5, 3);
    const device = blank();
    const array = await open(members);
    await array.memberFailed(0);
    await array.startRecovery(0, device);
    await array.checkpointRecovery(0, 64 * 1024);
    await array.close();
    const again = await open([device, members[1] as MemoryMember, members[2] as MemoryMember]);
    expect(again.slots[0]?.recoveredBytes).toBe(64 * 1024);
    await again.finishRecovery(0);
    expect((await superblockOf(device)).featureMap).toBe(0);
  });

  it("takes a spare of the array with its number", async () => {
    const members = await makeArray(6, 4);
    const [one, two] = [blank("one"), blank("two")];
    const array = await open(members);
    await array.addSpare(one);
    await array.addSpare(two);
    expect(array.spares.map(({ superblock }) => superblock.devNumber)).toEqual([4, 5]);
    await array.memberFailed(3);
    await array.startRecovery(3, two);
    expect(await rolesIn(one)).toEqual([0, 1, 2, ROLE_FAULTY, ROLE_SPARE, 3]);
    expect(array.spares.map(({ device }) => device)).toEqual([one]);
    expect(await assemble([...members, one, two])).toMatchObject({ degraded: 1, missing: [] });
  });

  it("never gives a number away that failed or is in some table", async () => {
    const members = await makeArray(6, 4);
    const array = await open(members);
    const [one, two, three] = [blank("one"), blank("two"), blank("three")];
    await array.memberFailed(3);
    await array.startRecovery(3, one);
    await array.memberFailed(3);
    await array.startRecovery(3, two);
    await array.memberFailed(0);
    await array.startRecovery(0, three);
    expect(await rolesIn(three)).toEqual([ROLE_FAULTY, 1, 2, ROLE_FAULTY, ROLE_FAULTY, 3, 0]);
  });

  it("refuses devices and slots that won't do, and changes nothing", async () => {
    const members = await makeArray(6, 4);
    const foreign = blank();
    foreign.bytes.set([0x58, 0x46, 0x53, 0x42]);
    const array = await open(members);
    await array.memberFailed(3);
    const before = snapshot(members);
    const refused: [string, number, MemberDevice][] = [
      ["ERR_MD_ARGUMENT", 4, blank()],
      ["ERR_MD_ARGUMENT", -1, blank()],
      ["ERR_MD_STATE", 0, blank()],
      ["ERR_MD_IN_USE", 3, foreign],
      ["ERR_MD_IN_USE", 3, members[0] as MemoryMember],
      ["ERR_MD_IN_USE", 3, new MemoryMember((members[0] as MemoryMember).bytes, { name: "a again" })],
      ["ERR_MD_TOO_SMALL", 3, new MemoryMember((1 << 20) + (256 << 10) - 512)],
      ["ERR_MD_ARGUMENT", 3, new MemoryMember(2 << 20, { writable: false })],
    ];
    for (const [code, slot, device] of refused) {
      await expect(array.startRecovery(slot, device), code).rejects.toMatchObject({ code });
    }
    members.forEach((member, slot) => {
      expect(member.bytes).toEqual(before[slot]?.bytes);
    });
    expect(array.events).toBe(2);
    await array.startRecovery(3, foreign, { force: true });
  });

  it("accepts a former member of the array as a blank device", async () => {
    const members = await makeArray(5, 3);
    const array = await open(members);
    await array.memberFailed(1);
    await array.startRecovery(1, members[1] as MemoryMember);
    expect(await superblockOf(members[1] as MemoryMember)).toMatchObject({ devNumber: 3, recoveryOffset: 0 });
    expect(await assemble(members)).toMatchObject({ degraded: 1, missing: [], rejected: [] });
  });

  it("tells when the device fails at once", async () => {
    const members = await makeArray(5, 3);
    const array = await open(members);
    await array.memberFailed(1);
    // The first write empties the bad-block log, the second is the superblock.
    const dying = new FaultyMember(blank(), { operation: "write", skip: 1 });
    await expect(array.startRecovery(1, dying)).rejects.toMatchObject({ code: "ERR_MD_STATE" });
    expect(array.slots[1]).toBeNull();
    await expect(
      array.startRecovery(1, new FaultyMember(blank(), { operation: "write" })),
    ).rejects.toMatchObject({
      code: "ERR_MEMBER_IO",
    });
    await array.startRecovery(1, blank());
  });

  it("keeps the logical block size of the array on new members", async () => {
    const members = await makeArray(5, 3);
    for (const member of members) {
      const superblock = await superblockOf(member);
      const view = new DataView(member.bytes.buffer, 4096);
      view.setUint32(224, 4096, true);
      view.setUint32(216, new DataView(superblock.bytes.buffer).getUint32(216, true) + 4096, true);
    }
    const array = await open(members);
    await array.memberFailed(0);
    const device = blank();
    await array.startRecovery(0, device);
    expect((await superblockOf(device)).logicalBlockBytes).toBe(4096);
    expect((await assemble([device, ...members.slice(1)])).logicalBlockBytes).toBe(4096);
  });
});

describe("resync", () => {
  it("is recorded when the array is clean, and remembered while it is dirty", async () => {
    const members = await makeArray(6, 4);
    await tamper(members, { resyncOffset: 0 });
    const array = await open(members);
    expect(array.resyncedBytes).toBe(0);
    await array.checkpointResync(32 * 1024);
    expect(await records(members)).toEqual(all(4, 2, 64));
    await array.markDirty();
    expect(await records(members)).toEqual(all(4, 3, 0));
    await array.checkpointResync(64 * 1024);
    expect(await records(members)).toEqual(all(4, 3, 0));
    expect(array.resyncedBytes).toBe(64 * 1024);
    await array.markClean();
    expect(await records(members)).toEqual(all(4, 4, 128));
    await array.checkpointResync(array.geometry.memberBytes);
    expect(await records(members)).toEqual(all(4, 5, MAX_SECTOR));
    expect(array.resyncedBytes).toBe(256 << 10);
    expect(await assemble(members)).toMatchObject({ clean: true });
  });
});

describe("corrected reads", () => {
  it("are counted on their member with the next update", async () => {
    const members = await makeArray(5, 3);
    const array = await open(members);
    array.countCorrectedRead(1, 8);
    array.countCorrectedRead(1, 8);
    await array.markDirty();
    const counts = await Promise.all(
      members.map(async (member) => (await superblockOf(member)).correctedReads),
    );
    expect(counts).toEqual([0, 16, 0]);
  });
});

describe("close", () => {
  it("marks a dirty array clean and ends its use", async () => {
    const members = await makeArray(5, 3);
    const array = await open(members);
    await array.markDirty();
    await Promise.all([array.close(), array.close()]);
    expect(await records(members)).toEqual(all(3, 1, MAX_SECTOR));
    const closed = { code: "ERR_MD_STATE", message: 'array "host:vol" is closed' };
    await expect(array.markDirty()).rejects.toMatchObject(closed);
    await expect(array.markClean()).rejects.toMatchObject(closed);
    await expect(array.memberFailed(0)).rejects.toMatchObject(closed);
  });

  it("writes nothing to an array that was only opened", async () => {
    const members = await makeArray(5, 3);
    await tamper(members, { utime: { seconds: CREATED.getTime() / 1000 - 99, micros: 7 } });
    const before = snapshot(members);
    await (await open(members)).close();
    members.forEach((member, slot) => {
      expect(member.bytes).toEqual(before[slot]?.bytes);
    });
  });
});

class LoggingMember extends FaultyMember {
  readonly #log: string[];

  constructor(inner: MemoryMember, log: string[]) {
    super(inner);
    this.#log = log;
  }

  override async write(offsetBytes: number, from: Uint8Array): Promise<void> {
    await super.write(offsetBytes, from);
    this.#log.push(`${this.name} wrote ${from.length} at ${offsetBytes}`);
  }

  override async flush(): Promise<void> {
    await super.flush();
    this.#log.push(`${this.name} flushed`);
  }
}
