import { FaultyMember, type MemberDevice, MemoryMember } from "@dmaengine/raid456";
import { describe, expect, it } from "vitest";
import { type AssembledArray, assemble, createArray, examine, OpenArray } from "./index.js";

/** Deterministic bytes that no chunk, page or sector repeats. */
function randomBytes(length: number, seed: number): Uint8Array {
  let state = seed * 2654435761;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

const MEMBER_BYTES = 2560 * 1024;
/** Where the data begins on members of this size. */
const DATA_OFFSET = 1024 * 1024;

/** A new RAID-5 of four members that can be made to fail. */
async function newArray() {
  const disks = Array.from(
    { length: 4 },
    (_, slot) => new MemoryMember(MEMBER_BYTES, { name: `disk${slot}` }),
  );
  const members = disks.map((disk) => new FaultyMember(disk));
  const assembled = await createArray({
    ...{ level: 5, members, name: "vol", chunkBytes: 16_384, assumeClean: true },
  });
  return { disks, members, assembled };
}

function open(assembled: AssembledArray, readOnly = false) {
  const lost: (string | undefined)[] = [];
  const array = new OpenArray(assembled, {
    readOnly,
    engine: null,
    onMemberLost: (slot, device) => lost.push(`${slot} ${device?.name}`),
  });
  return { array, lost };
}

async function readAll(members: readonly MemberDevice[]): Promise<Uint8Array> {
  const assembled = await assemble(members);
  const into = new Uint8Array(assembled.geometry.arrayBytes);
  const { array } = open(assembled, true);
  await array.read(0, into);
  await array.close();
  return into;
}

describe("OpenArray", () => {
  it("records a member that dies while the array is written, and goes on without it", async () => {
    const { members, disks, assembled } = await newArray();
    const { array, lost } = open(assembled);
    const content = randomBytes(array.geometry.arrayBytes, 1);
    await array.write(0, content.subarray(0, 100_000));
    members[2]?.kill();
    await array.write(100_000, content.subarray(100_000));
    await array.close();
    expect(lost).toEqual(["2 disk2"]);
    const { missing, rejected, clean } = await assemble(disks);
    expect({ missing, rejected, clean }).toMatchObject({
      missing: [2],
      rejected: [{ device: "disk2", code: "stale" }],
      clean: true,
    });
    expect(Buffer.compare(await readAll(disks), content)).toBe(0);
  });

  it("leaves the data of a member alone whose superblock can't be written", async () => {
    const { members, disks, assembled } = await newArray();
    members[1]?.inject({ operation: "write", endBytes: DATA_OFFSET });
    const { array, lost } = open(assembled);
    await array.write(0, randomBytes(array.geometry.arrayBytes, 1));
    await array.close();
    expect(lost).toEqual(["1 disk1"]);
    expect(disks[1]?.bytes.subarray(DATA_OFFSET).every((byte) => byte === 0)).toBe(true);
    expect(Buffer.compare(await readAll(disks), randomBytes(array.geometry.arrayBytes, 1))).toBe(0);
  });

  it("stays marked dirty when it has lost too many members", async () => {
    const { members, disks, assembled } = await newArray();
    const { array, lost } = open(assembled);
    await array.write(0, randomBytes(10, 1));
    members[0]?.kill();
    members[1]?.kill();
    await expect(array.write(0, randomBytes(100_000, 2))).rejects.toMatchObject({
      code: /^ERR_(RAID_FAILED|MD_BROKEN)$/,
    });
    await array.close();
    expect(lost.toSorted()).toEqual(["0 disk0", "1 disk1"]);
    const { superblock } = await examine(disks[2] as MemoryMember);
    expect(superblock?.resyncOffset).toBe(0);
  });

  it("writes nothing at all when it is opened read-only", async () => {
    const { disks, assembled } = await newArray();
    const before = disks.map(({ bytes }) => bytes.slice());
    const { array } = open(assembled, true);
    await expect(array.write(0, randomBytes(10, 1))).rejects.toMatchObject({ code: "ERR_RAID_READ_ONLY" });
    await expect(array.repair("parity")).rejects.toMatchObject({ code: "ERR_RAID_READ_ONLY" });
    await expect(array.resync({})).rejects.toMatchObject({ code: "ERR_RAID_READ_ONLY" });
    const added = array.add(0, disks[0] as MemoryMember, {});
    await expect(added).rejects.toMatchObject({ code: "ERR_RAID_READ_ONLY" });
    await array.check({});
    await array.close();
    expect(disks.map(({ bytes }, slot) => Buffer.compare(bytes, before[slot] as Uint8Array))).toEqual([
      0, 0, 0, 0,
    ]);
  });

  it("rebuilds on while one of two new members fails", async () => {
    const disks = Array.from(
      { length: 5 },
      (_, slot) => new MemoryMember(MEMBER_BYTES, { name: `disk${slot}` }),
    );
    await createArray({ level: 6, members: disks, name: "vol", chunkBytes: 16_384, assumeClean: true });
    const kept = disks.slice(2);
    const good = new MemoryMember(MEMBER_BYTES, { name: "good" });
    const bad = new FaultyMember(new MemoryMember(MEMBER_BYTES, { name: "bad" }));
    bad.inject({ operation: "write", startBytes: DATA_OFFSET + 600_000 });
    const { array, lost } = open(await assemble(kept));
    await array.add(0, bad, {});
    await array.add(1, good, {});
    await expect(array.rebuild({})).rejects.toMatchObject({ code: "ERR_RAID_STATE" });
    await array.close();
    expect(lost).toEqual(["0 bad"]);
    const { missing, degraded } = await assemble([...kept, good]);
    expect({ missing, degraded }).toEqual({ missing: [0], degraded: 1 });
  });
});
