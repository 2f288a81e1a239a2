import { FaultyMember, type MemberDevice, MemoryMember, type RaidLevel } from "@dmaengine/raid456";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assemble } from "./assemble.js";
import type { AssembledArray } from "./assembled-array.js";
import { emptyBadBlockLog } from "./bad-block-log.js";
import { createArray } from "./create.js";
import { MdError } from "./errors.js";
import { Feature } from "./feature-map.js";
import { MdArray } from "./md-array.js";
import { ROLE_FAULTY, ROLE_JOURNAL, ROLE_SPARE } from "./role.js";
import { MAX_SECTOR } from "./sector.js";
import { createSuperblock1 } from "./superblock-1-codec.js";
import { writeSuperblock } from "./superblock-io.js";
import {
  blankMembers,
  CREATED,
  makeArray,
  snapshot,
  superblockOf,
  tamper,
  tamperRoles,
} from "./testing/array-fixture.js";
import { randomUuid } from "./uuid.js";

const LONG = process.env["DMAENGINE_LONG"] === "1";

type Three = [MemoryMember, MemoryMember, MemoryMember];
type Four = [...Three, MemoryMember];

const raid5 = async () => (await makeArray(5, 3)) as Three;
const raid6 = async () => (await makeArray(6, 4)) as Four;

/** Slot by slot the names of the members, "-" where there is none. */
const slotNames = ({ slots }: AssembledArray) => slots.map((member) => member?.device.name ?? "-").join("");
const rejections = ({ rejected }: { rejected: AssembledArray["rejected"] }) =>
  rejected.map(({ device, code }) => `${device} ${code}`);

async function refusal(devices: readonly MemberDevice[], options = {}): Promise<MdError> {
  try {
    await assemble(devices, options);
  } catch (error) {
    if (MdError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("assembled");
}

/** A spare made the way that mdadm makes one. */
async function addSpare(members: readonly MemoryMember[], devNumber: number): Promise<MemoryMember> {
  const reference = await superblockOf(members[0] as MemoryMember);
  const [spare] = blankMembers(1) as [MemoryMember];
  const named = new MemoryMember(spare.bytes, { name: `spare${devNumber}` });
  const superblock = createSuperblock1({ ...reference, devNumber, deviceUuid: randomUuid(), events: 0 });
  await writeSuperblock(named, superblock);
  return named;
}

describe("which members are taken", () => {
  it("is the same in any order", async () => {
    const members = await makeArray(6, 5);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(members, { minLength: 5 }), async (shuffled) => {
        expect(slotNames(await assemble(shuffled))).toBe("abcde");
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    [4, 3],
    [5, 4],
    [6, 6],
  ] as const)(
    "raid%d of %d starts with every subset that is large enough, and with no other",
    async (level, disks) => {
      const members = await makeArray(level as RaidLevel, disks);
      for (let subset = 0; subset < 1 << disks; subset++) {
        const given = members.filter((_, slot) => (subset & (1 << slot)) !== 0);
        const missing = members.flatMap((_, slot) => ((subset & (1 << slot)) === 0 ? [slot] : []));
        if (missing.length <= (level === 6 ? 2 : 1)) {
          const array = await assemble(given);
          expect(array).toMatchObject({
            missing,
            unexpectedlyMissing: missing,
            degraded: missing.length,
            clean: true,
          });
          expect(slotNames(array)).toBe(
            [..."abcdef"]
              .map((name, slot) => (missing.includes(slot) ? "-" : name))
              .join("")
              .slice(0, disks),
          );
        } else {
          const error = await refusal(given);
          expect(error.code).toBe("ERR_MD_NOT_ENOUGH");
          if (given.length > 0) expect(error.message).toContain(`roles ${missing.join(", ")} missing`);
        }
      }
    },
  );

  it("writes nothing", async () => {
    const members = await raid6();
    const before = snapshot(members);
    await assemble(members);
    members.forEach((member, slot) => {
      expect(member.bytes).toEqual(before[slot]?.bytes);
    });
  });

  it("goes by the role and not by the device number", async () => {
    const members = await raid5();
    // As mdadm does it for the last member of a new RAID5, but with two of them swapped too.
    await tamperRoles(members, { 0: 1, 1: 0 });
    expect(slotNames(await assemble(members))).toBe("bac");
  });

  it("names each device that is no use, and starts without it", async () => {
    const [a, b, c, d] = await raid6();
    const blank = new MemoryMember(1 << 20, { name: "blank" });
    const damaged = new MemoryMember(c.bytes.slice(), { name: "damaged" });
    damaged.bytes[4096 + 100]! ^= 0xff;
    const truncated = new MemoryMember(d.bytes.slice(0, -4096), { name: "truncated" });
    const unreadable = new FaultyMember(d, { operation: "read", endBytes: 8192 });
    const array = await assemble([blank, a, damaged, truncated, b, unreadable]);
    expect(slotNames(array)).toBe("ab--");
    expect(rejections(array)).toEqual([
      "blank no-superblock",
      "damaged checksum",
      "truncated too-small",
      "d unreadable",
    ]);
  });

  it("names them in the error when too few are left", async () => {
    const [a, b] = await raid5();
    b.bytes[4096 + 100]! ^= 0xff;
    const error = await refusal([a, b, new MemoryMember(1 << 20, { name: "blank" })]);
    expect(error.code).toBe("ERR_MD_NOT_ENOUGH");
    expect(error.message).toMatch(
      /roles 1, 2 missing; raid5 can do without 1\n {2}b: superblock checksum is .*\n {2}blank: no md/s,
    );
    expect(rejections(error)).toEqual(["b checksum", "blank no-superblock"]);
    const none = await refusal([new MemoryMember(0, { name: "empty" })]);
    expect(none).toMatchObject({
      code: "ERR_MD_NOT_ENOUGH",
      message: "none of 1 devices has a usable superblock\n  empty: no md superblock found",
    });
    expect((await refusal([])).code).toBe("ERR_MD_NOT_ENOUGH");
  });
});

describe("event counts", () => {
  it("may be one behind: a crash can cut an update off anywhere", async () => {
    const [a, b, c] = await raid5();
    await tamper([a], { events: 8, resyncOffset: 0 });
    await tamper([b, c], { events: 7 });
    const array = await assemble([b, c, a]);
    expect(array).toMatchObject({ events: 8, clean: false, resyncedBytes: 0, degraded: 0 });
  });

  it("may not be two behind", async () => {
    const [a, b, c] = await raid5();
    await tamper([a, b], { events: 9, utime: { seconds: 1_800_000_000, micros: 0 } });
    await tamper([c], { events: 7 });
    const array = await assemble([c, a, b]);
    expect(slotNames(array)).toBe("ab-");
    expect(array.rejected).toEqual([
      {
        device: "c",
        code: "stale",
        reason:
          "is out of date: its slot 2 is at event count 7 of 2026-01-02T03:04:05.000Z, and the array was written " +
          "without it up to 9 of 2027-01-15T08:00:00.000Z",
      },
    ]);
  });

  it("do not matter for spares", async () => {
    const members = await raid5();
    await tamper(members, { events: 100 });
    const array = await assemble([...members, await addSpare(members, 3), await addSpare(members, 4)]);
    expect(array.spares.map(({ device }) => device.name)).toEqual(["spare3", "spare4"]);
    expect(array).toMatchObject({ degraded: 0, rejected: [] });
  });
});

describe("role tables", () => {
  it("of the freshest tell a member one behind that it has failed", async () => {
    const [a, b, c] = await raid5();
    await tamperRoles([a, b], { 2: ROLE_FAULTY });
    await tamper([a, b], { events: 2 });
    const array = await assemble([c, b, a]);
    expect(slotNames(array)).toBe("ab-");
    expect(array.rejected).toEqual([
      { device: "c", code: "faulty", reason: "has failed, according to Active device 1 (event count 2)" },
    ]);
    expect(array.unexpectedlyMissing).toEqual([]);
  });

  it("of the freshest tell a member one behind that it was removed", async () => {
    const [a, b, c] = await raid5();
    await tamperRoles([a, b], { 2: ROLE_SPARE });
    await tamper([a, b], { events: 2 });
    expect(rejections(await assemble([a, b, c]))).toEqual(["c removed"]);
  });

  it("that give a member another slot than it claims keep it out", async () => {
    const [a, b, c] = await raid5();
    await tamperRoles([c], { 2: 1 });
    await tamper([a, b], { events: 2 });
    const array = await assemble([a, b, c]);
    expect(slotNames(array)).toBe("ab-");
    expect(rejections(array)).toEqual(["c mismatch"]);
  });

  it("don't make a spare a member before it knows it itself", async () => {
    const members = await raid5();
    const [a, b] = members;
    const spare = await addSpare(members, 3);
    // Slot 2 was given to the spare, and the crash came before its own superblock was written.
    await tamperRoles([a, b], { 2: ROLE_FAULTY, 3: 2 });
    await tamper([a, b], { events: 5 });
    await tamper([spare], { events: 4 });
    const array = await assemble([a, b, spare]);
    expect(slotNames(array)).toBe("ab-");
    expect(array.spares.map(({ device }) => device)).toEqual([spare]);
    expect(array.unexpectedlyMissing).toEqual([2]);
  });

  it("that call a spare faulty keep it out, and so does its own", async () => {
    const members = await raid5();
    const spare = await addSpare(members, 3);
    await tamperRoles(members, { 3: ROLE_FAULTY });
    await tamper(members, { events: 9 });
    expect(rejections(await assemble([...members, spare]))).toEqual(["spare3 faulty"]);
    await tamperRoles([spare], { 3: ROLE_FAULTY });
    expect(rejections(await assemble([...members, spare]))).toEqual(["spare3 faulty"]);
  });

  it("with impossible slots or a journal keep the member out", async () => {
    const [a, b, c, d] = await raid6();
    await tamperRoles([c], { 2: 4 });
    await tamperRoles([d], { 3: ROLE_JOURNAL });
    expect(rejections(await assemble([a, b, c, d]))).toEqual(["c corrupt", "d unsupported"]);
  });

  it("that contradict each other at the same event count are a split, whichever half comes first", async () => {
    const [a, b, c, d] = await raid6();
    await tamperRoles([a, b], { 2: ROLE_FAULTY, 3: ROLE_SPARE });
    await tamperRoles([c, d], { 0: ROLE_FAULTY, 1: ROLE_FAULTY });
    await tamper([a, b, c, d], { events: 30 });
    const first = await assemble([a, b, c, d]);
    expect([slotNames(first), ...rejections(first)]).toEqual(["ab--", "c split-brain", "d split-brain"]);
    const second = await assemble([d, c, b, a]);
    expect([slotNames(second), ...rejections(second)]).toEqual(["--cd", "b split-brain", "a split-brain"]);
  });

  it("that report the freshest as failed are a split too, one event behind", async () => {
    const [a, b, c, d] = await raid6();
    await tamperRoles([c, d], { 0: ROLE_FAULTY });
    await tamper([a, b], { events: 31 });
    await tamper([c, d], { events: 30 });
    const array = await assemble([a, b, c, d]);
    expect([slotNames(array), ...rejections(array)]).toEqual(["ab--", "c split-brain", "d split-brain"]);
    expect(array.rejected[0]?.reason).toContain("have each gone on without the other");
  });
});

describe("what members disagree about", () => {
  it.each([
    ["layout", { layout: 1 }],
    ["chunksize", { chunkSize: 16 }],
    ["raid_disks", { raidDisks: 4 }],
    ["size", { size: 504 }],
    ["level", { level: 6 }],
  ] as const)("is named: %s", async (field, changes) => {
    const [a, b, c] = await raid5();
    await tamper([a, b], { events: 2 });
    await tamper([c], changes);
    const array = await assemble([a, b, c]);
    expect(array.rejected).toMatchObject([
      { device: "c", code: "mismatch", reason: expect.stringContaining(field) },
    ]);
  });

  it("may be data_offset, and the size of the device", async () => {
    const [a, b, c] = await raid5();
    const larger = new MemoryMember(c.bytes.length + 8192, { name: "c" });
    larger.bytes.set(c.bytes);
    await tamper([larger], { dataOffset: 2056, dataSize: 520 });
    const array = await assemble([a, b, larger]);
    expect(array.slots[2]).toMatchObject({ dataOffsetBytes: 2056 * 512 });
  });

  it("can't be the room for data", async () => {
    const [a, b, c] = await raid5();
    await tamper([c], { dataSize: 511 });
    expect(rejections(await assemble([a, b, c]))).toEqual(["c too-small"]);
  });
});

describe("copies", () => {
  it("of a device are told, and the fresher is used", async () => {
    const [a, b, c] = await raid5();
    const old = new MemoryMember(c.bytes.slice(), { name: "old copy of c" });
    await tamper([a, b, c], { events: 2 });
    for (const order of [
      [a, b, c, old],
      [old, c, b, a],
    ]) {
      const array = await assemble(order);
      expect(slotNames(array)).toBe("abc");
      expect(rejections(array)).toEqual(["old copy of c duplicate"]);
    }
  });

  it("of the same freshness leave the one given first", async () => {
    const [a, b, c] = await raid5();
    const array = await assemble([a, b, c, c]);
    expect([slotNames(array), ...rejections(array)]).toEqual(["abc", "c duplicate"]);
  });

  it("of a device number among spares are told", async () => {
    const members = await raid5();
    const array = await assemble([...members, await addSpare(members, 3), await addSpare(members, 3)]);
    expect(array.spares).toHaveLength(1);
    expect(rejections(array)).toEqual(["spare3 duplicate"]);
  });
});

describe("recovery", () => {
  it("goes on from where it was", async () => {
    const [a, b, c] = await raid5();
    await tamper([c], { featureMap: Feature.RECOVERY_OFFSET, recoveryOffset: 96 });
    const array = await assemble([a, b, c]);
    expect(array.slots.map((member) => member?.recoveredBytes)).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
      96 * 512,
    ]);
    expect(array).toMatchObject({ missing: [], degraded: 1, readOnlyReason: null });
  });

  it("guided by a bitmap is taken as one of everything above its offset", async () => {
    const [a, b, c] = await raid5();
    const featureMap = Feature.RECOVERY_OFFSET | Feature.RECOVERY_BITMAP;
    await tamper([c], { featureMap, recoveryOffset: 0 });
    expect((await assemble([a, b, c])).slots[2]).toMatchObject({ recoveredBytes: 0 });
  });

  it("counts as lacking", async () => {
    const [a, , c] = await raid5();
    await tamper([c], { featureMap: Feature.RECOVERY_OFFSET, recoveryOffset: 96 });
    expect((await refusal([a, c])).message).toContain("role 1 missing, role 2 not fully rebuilt");
  });

  it("is believed where the member being rebuilt is the only one that was updated", async () => {
    const members = await raid5();
    const [a, b] = members;
    const spare = await addSpare(members, 3);
    await tamperRoles([a, b], { 2: ROLE_FAULTY });
    await tamper([a, b], { events: 4 });
    await tamperRoles([spare], { 2: ROLE_FAULTY, 3: 2 });
    await tamper([spare], { events: 5, featureMap: Feature.RECOVERY_OFFSET, recoveryOffset: 0 });
    const array = await assemble([spare, a, b]);
    expect(array).toMatchObject({ events: 4, missing: [], degraded: 1, rejected: [] });
    expect(array.slots[2]).toMatchObject({ device: spare, recoveredBytes: 0 });
  });

  it("that is far ahead shows that the others were left out", async () => {
    const [a, b, c, d] = await raid6();
    await tamper([a, d], { events: 40 });
    await tamper([a], { featureMap: Feature.RECOVERY_OFFSET, recoveryOffset: 64 });
    const error = await refusal([a, b, c]);
    expect(rejections(error)).toEqual(["b stale", "c stale"]);
    expect(rejections(await refusal([b, c, a]))).toEqual(["b stale", "c stale"]);
  });

  it("of a replacement makes it a spare beside the original, and the member of the slot without it", async () => {
    const members = await raid5();
    const [a, b, c] = members;
    const replacement = await addSpare(members, 3);
    await tamper([...members, replacement], { events: 6 });
    await tamperRoles([...members, replacement], { 3: 2 });
    const featureMap = Feature.REPLACEMENT | Feature.RECOVERY_OFFSET;
    await tamper([replacement], { featureMap, recoveryOffset: 128 });
    for (const order of [
      [a, b, c, replacement],
      [replacement, c, b, a],
    ]) {
      const array = await assemble(order);
      expect(array).toMatchObject({ degraded: 0, rejected: [] });
      expect(array.slots[2]?.device).toBe(c);
      expect(array.spares.map(({ device }) => device)).toEqual([replacement]);
    }
    const without = await assemble([a, b, replacement]);
    expect(without.slots[2]).toMatchObject({ device: replacement, recoveredBytes: 128 * 512 });
  });
});

describe("resync", () => {
  it("starts at the lowest position of the freshest members", async () => {
    const [a, b, c] = await raid5();
    await tamper([a], { events: 5, resyncOffset: MAX_SECTOR });
    await tamper([b], { events: 5, resyncOffset: 64 });
    await tamper([c], { events: 4, resyncOffset: 0 });
    expect(await assemble([a, b, c])).toMatchObject({ clean: false, resyncedBytes: 64 * 512 });
  });

  it("is done when it has come to the end", async () => {
    const members = await raid5();
    await tamper(members, { resyncOffset: 512 });
    expect(await assemble(members)).toMatchObject({ clean: true, resyncedBytes: 512 * 512 });
  });

  it("can't be made up for while a member is lacking", async () => {
    for (const [level, disks] of [
      [4, 3],
      [5, 3],
      [6, 4],
    ] as const) {
      const members = await makeArray(level, disks);
      await tamper(members, { resyncOffset: 0 });
      const error = await refusal(members.slice(1));
      expect(error.code).toBe("ERR_MD_DIRTY_DEGRADED");
      expect(error.message).toContain("role 0 missing");
      expect(await assemble(members)).toMatchObject({ clean: false, degraded: 0 });
    }
  });

  it("needs no parity member on RAID4", async () => {
    const members = await makeArray(4, 3);
    await tamper(members, { resyncOffset: 0 });
    expect(await assemble(members.slice(0, 2))).toMatchObject({ clean: false, missing: [2] });
  });
});

describe("force", () => {
  it("changes nothing where it is not needed", async () => {
    const members = await raid5();
    expect(await assemble(members, { force: true })).toEqual(await assemble(members));
  });

  it("takes the newest stale members, all that are equally old, and no more than needed", async () => {
    const [a, b, c, d] = await raid6();
    await tamper([a], { events: 20 });
    await tamper([b], { events: 9 });
    await tamper([c, d], { events: 12 });
    await expect(assemble([a, b, c, d])).rejects.toMatchObject({ code: "ERR_MD_NOT_ENOUGH" });
    const array = await assemble([a, b, c, d], { force: true });
    expect(slotNames(array)).toBe("a-cd");
    expect(array.forced).toEqual([
      expect.stringMatching(/^c is used although it is out of date: its slot 2 is at event count 12/),
      expect.stringMatching(/^d is used although it is out of date/),
    ]);
    expect(rejections(array)).toEqual(["b stale"]);
  });

  it("asks for a resync where all members are there, one of them out of date", async () => {
    const [a, b] = (await makeArray(5, 2)) as [MemoryMember, MemoryMember];
    const third = (await makeArray(5, 3)) as Three;
    await tamper(third.slice(0, 1), { events: 20 });
    await tamper(third.slice(1), { events: 9 });
    const array = await assemble(third, { force: true });
    expect(array).toMatchObject({ missing: [], clean: false, resyncedBytes: 0 });
    expect(await assemble([a, b], { force: true })).toMatchObject({ clean: true });
  });

  it("brings a failed member back, but never one that is half rebuilt, and never across a split", async () => {
    const [a, b, c] = await raid5();
    await tamperRoles([a], { 1: ROLE_FAULTY, 2: ROLE_FAULTY });
    await tamper([a], { events: 2 });
    const array = await assemble([a, b], { force: true });
    expect(array.forced).toEqual([
      expect.stringContaining("b is used although it has failed, according to Active device 0"),
    ]);
    await tamper([b], { featureMap: Feature.RECOVERY_OFFSET, recoveryOffset: 8 });
    expect(slotNames(await assemble([a, b, c], { force: true }))).toBe("a-c");
    expect((await refusal([a, b], { force: true })).code).toBe("ERR_MD_NOT_ENOUGH");

    const [e, f] = (await raid5()) as Three;
    await tamperRoles([e], { 1: ROLE_FAULTY });
    await tamperRoles([f], { 0: ROLE_FAULTY });
    expect((await refusal([e, f], { force: true })).code).toBe("ERR_MD_NOT_ENOUGH");
  });

  it("takes parity as it is on a dirty array that lacks a member", async () => {
    const members = await raid5();
    await tamper(members, { resyncOffset: 0 });
    const array = await assemble(members.slice(0, 2), { force: true });
    expect(array).toMatchObject({ clean: true, missing: [2], readOnlyReason: null });
    expect(array.forced).toEqual([
      expect.stringContaining("the array is not clean (parity is in doubt from sector 0"),
    ]);
  });
});

describe("several arrays", () => {
  const other = async (disks: number, name: string) => {
    const members = blankMembers(disks).map(
      (member, index) => new MemoryMember(member.bytes, { name: `${name}${index}` }),
    );
    await createArray({ level: 5, members, name, chunkBytes: 4096, assumeClean: true, now: CREATED });
    return members;
  };

  it("leave the one that can be started", async () => {
    const broken = await other(5, "x");
    const whole = await raid5();
    const array = await assemble([...broken.slice(0, 3), ...whole.slice(0, 2)]);
    expect(slotNames(array)).toBe("ab-");
    expect(rejections(array)).toEqual(["x0 other-array", "x1 other-array", "x2 other-array"]);
    expect(array.rejected[0]?.reason).toMatch(/^belongs to array [0-9a-f:]{35} "x", not to [0-9a-f:]{35}$/);
  });

  it("leave the one with most members", async () => {
    expect(slotNames(await assemble([...(await other(4, "x")), ...(await raid5())]))).toBe("x0x1x2x3");
    const error = await refusal([...(await other(5, "x")).slice(0, 2), ...(await raid5()).slice(0, 1)]);
    expect(error.message).toContain('array "x"');
  });

  it("that are equally likely are both named, and one can be chosen", async () => {
    const members = await raid5();
    const { uuid } = await assemble(members);
    const both = [...(await other(3, "x")), ...members];
    const error = await refusal(both);
    expect(error.code).toBe("ERR_MD_AMBIGUOUS");
    expect(error.message).toMatch(/"x": x0, x1, x2\n {2}[0-9a-f:]{35} "host:vol": a, b, c$/);
    expect(slotNames(await assemble(both, { uuid }))).toBe("abc");
    expect(slotNames(await assemble(both, { uuid: uuid.replaceAll(":", "") }))).toBe("abc");
    const absent = await refusal(both, { uuid: randomUuid() });
    expect(absent).toMatchObject({ code: "ERR_MD_NOT_ENOUGH" });
    expect(absent.rejected).toHaveLength(6);
    expect((await refusal(both, { uuid: "x" })).code).toBe("ERR_MD_ARGUMENT");
  });
});

describe("what is not supported", () => {
  it.each<[string, number]>([
    ["clustered", Feature.CLUSTERED],
    ["journal", Feature.JOURNAL],
    ["reshape", Feature.RESHAPE_ACTIVE],
    ["reshape", Feature.NEW_OFFSET | Feature.RESHAPE_ACTIVE],
  ])("is refused by name: %s, feature %d", async (word, featureMap) => {
    const members = await raid5();
    await tamper(members, { featureMap });
    expect(await refusal(members)).toMatchObject({
      code: "ERR_MD_UNSUPPORTED",
      message: expect.stringContaining(word),
    });
  });

  it.each([
    [-4, "multipath"],
    [-1, "linear"],
    [0, "raid0"],
    [1, "raid1"],
    [10, "raid10"],
    [7, "level 7"],
  ])("is refused by name: level %d", async (level, name) => {
    const members = await raid5();
    await tamper(members, { level });
    expect(await refusal(members)).toMatchObject({
      code: "ERR_MD_UNSUPPORTED",
      message: expect.stringContaining(name),
    });
  });

  it.each([
    ["layout", { layout: 6 }],
    ["chunk of 12 sectors", { chunkSize: 12 }],
    ["chunk of nothing", { chunkSize: 0 }],
    ["size of nothing", { size: 0 }],
  ])("is an impossible %s, with a right checksum", async (_what, changes) => {
    const members = await raid5();
    await tamper(members, changes);
    expect((await refusal(members)).code).toBe("ERR_MD_CORRUPT");
  });

  it("for writing can be read", async () => {
    for (const [featureMap, word] of [
      [Feature.BITMAP_OFFSET, "bitmap"],
      [Feature.PPL, "partial parity log"],
      [Feature.MULTIPLE_PPLS, "partial parity log"],
    ] as const) {
      const members = await raid5();
      await tamper(members, { featureMap });
      expect((await assemble(members)).readOnlyReason).toContain(word);
    }
    const members = await raid5();
    const readOnly = members.map(({ bytes, name }) => new MemoryMember(bytes, { name, writable: false }));
    const assembled = await assemble([...readOnly.slice(0, 1), ...members.slice(1)]);
    // The array itself could be written.
    expect(assembled.readOnlyReason).toBeNull();
    expect(() => new MdArray(assembled)).toThrow("a is opened for reading only");
  });
});

describe("bad blocks", () => {
  const giveBadBlocks = async (member: MemoryMember, ...entries: bigint[]) => {
    await tamper([member], { featureMap: Feature.BAD_BLOCKS });
    member.bytes.set(emptyBadBlockLog(), 24 * 512);
    const view = new DataView(member.bytes.buffer);
    entries.forEach((entry, index) => {
      view.setBigUint64(24 * 512 + 8 * index, entry, true);
    });
  };
  const entry = (2100n << 10n) | 8n;

  it("keep a member out that the array can do without, and the array read-only", async () => {
    const [a, b, c] = await raid5();
    await giveBadBlocks(c, entry, (2200n << 10n) | 16n);
    const array = await assemble([a, b, c]);
    expect(slotNames(array)).toBe("ab-");
    expect(array.rejected).toEqual([
      {
        device: "c",
        code: "bad-blocks",
        reason: "has bad blocks: 24 sectors in 2 ranges, the first at sector 2100",
      },
    ]);
    expect(array.readOnlyReason).toContain("c has a list of bad blocks");
  });

  it("stop an array that can't do without the member, unless forced", async () => {
    const [a, b, c] = await raid5();
    await giveBadBlocks(b, entry);
    await giveBadBlocks(c, entry);
    const error = await refusal([a, b, c]);
    expect([error.code, ...rejections(error)]).toEqual(["ERR_MD_NOT_ENOUGH", "b bad-blocks", "c bad-blocks"]);
    const array = await assemble([a, b, c], { force: true });
    expect(slotNames(array)).toBe("abc");
    expect(array.forced).toHaveLength(2);
    expect(array.readOnlyReason).toContain("c has a list of bad blocks");
  });

  it("that can't be listed keep the member out as well", async () => {
    const [a, b, c] = await raid5();
    await giveBadBlocks(c, (1n << 60n) | 8n);
    expect((await assemble([a, b, c])).rejected[0]?.reason).toContain("the list of them can't be read");
    const unreadable = new FaultyMember(c, { operation: "read", startBytes: 24 * 512, endBytes: 32 * 512 });
    expect((await assemble([a, b, unreadable])).rejected[0]?.reason).toContain(
      "the list of them can't be read",
    );
  });

  it("on a spare are no reason not to write", async () => {
    const members = await raid5();
    const spare = await addSpare(members, 3);
    await giveBadBlocks(spare, entry);
    const array = await assemble([...members, spare]);
    expect([...rejections(array), array.readOnlyReason]).toEqual(["spare3 bad-blocks", null]);
  });
});

describe("only spares", () => {
  it("make no array", async () => {
    const members = await raid5();
    expect((await refusal([await addSpare(members, 3)])).message).toContain("only spares were given");
  });
});

describe("hostile superblocks", () => {
  it("lead to an array or to an MdError, whatever they say", async () => {
    const members = await raid5();
    const state = fc.record(
      {
        featureMap: fc.nat(0x1fff),
        level: fc.constantFrom(4, 5, 6),
        layout: fc.nat(30),
        size: fc.oneof(fc.nat(1024), fc.nat(2 ** 31)),
        chunkSize: fc.oneof(fc.constantFrom(8, 16, 128), fc.nat(2 ** 32 - 1)),
        raidDisks: fc.nat(1920),
        recoveryOffset: fc.nat(1024),
        events: fc.integer({ min: 0, max: 4 }),
        resyncOffset: fc.nat(1024),
        devRoles: fc.array(fc.constantFrom(0, 1, 2, 3, 0xfeff, ROLE_FAULTY, ROLE_SPARE), { maxLength: 8 }),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.tuple(state, state, state), fc.boolean(), async (states, force) => {
        const copies = snapshot(members);
        for (const [index, member] of copies.entries()) {
          try {
            await tamper([member], states[index] ?? {});
          } catch (error) {
            // A superblock that can't even be written is no input.
            if (!MdError.isInstance(error)) throw error;
          }
        }
        try {
          const array = await assemble(copies, { force });
          expect(array.degraded).toBeLessThanOrEqual(array.geometry.parityDisks);
          const named = new Set(
            [...array.slots, ...array.spares].flatMap((member) => member?.device.name ?? []),
          );
          for (const { device } of array.rejected) named.add(device);
          expect([...named].sort()).toEqual(["a", "b", "c"]);
        } catch (error) {
          if (!MdError.isInstance(error)) throw error;
        }
      }),
      { numRuns: LONG ? 5000 : 500 },
    );
  }, 60_000);
});
