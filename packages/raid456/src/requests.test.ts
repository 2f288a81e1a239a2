import { describe, expect, it } from "vitest";
import { arrayFixture, blankMember } from "./testing/array-fixture.js";
import { DATA_OFFSET } from "./testing/model.js";
import { RecordingMember } from "./testing/recording-member.js";

const CHUNK = 4096;

describe("discard", () => {
  it("makes whole stripes zeros, parity included, and leaves the rest", async () => {
    const { array, geometry, content, readAll, wrongMembers, disks } = arrayFixture();
    const stripe = geometry.stripeDataBytes;
    expect(await array.discard(stripe - 1, 3 * stripe)).toBe(2 * stripe);
    content.fill(0, stripe, 3 * stripe);
    expect(Buffer.compare(await readAll(), content)).toBe(0);
    expect(wrongMembers()).toEqual([]);
    for (const { bytes } of disks) {
      const stripes = bytes.subarray(DATA_OFFSET + CHUNK, DATA_OFFSET + 3 * CHUNK);
      expect(stripes.every((byte) => byte === 0)).toBe(true);
    }
  });

  it("works with members missing, and is waited for by writes to the same bytes", async () => {
    const { array, geometry, content, readAll, write } = arrayFixture({ missing: [0, 3] });
    await readAll();
    content.fill(0);
    await Promise.all([array.discard(0, geometry.arrayBytes), write(CHUNK, 3 * CHUNK)]);
    expect(Buffer.compare(await readAll(), content)).toBe(0);
  });

  it("does nothing where a member can't, or no whole stripe is meant", async () => {
    const { array, content, readAll, geometry } = arrayFixture({
      wrap: (member, slot) => {
        const recorder = new RecordingMember(member);
        return slot === 4 ? Object.assign(recorder, { discard: undefined }) : recorder;
      },
    });
    expect(await array.discard(0, geometry.arrayBytes)).toBe(0);
    expect(await arrayFixture().array.discard(1, geometry.stripeDataBytes)).toBe(0);
    expect(Buffer.compare(await readAll(), content)).toBe(0);
  });
});

describe("abort signals", () => {
  it("end a write that waits for its stripe, and a read between two stripes", async () => {
    const recorders: RecordingMember[] = [];
    const { array, write, content, wrongMembers, geometry } = arrayFixture({
      missing: [1],
      wrap: (member, slot) => {
        recorders[slot] = new RecordingMember(member);
        return recorders[slot] as RecordingMember;
      },
    });
    const letGo = recorders.map((recorder) => recorder.hold());
    const first = write(0, 100);
    await new Promise((resolve) => setImmediate(resolve));
    const stop = new AbortController();
    const second = array.write(50, new Uint8Array(100), { signal: stop.signal });
    const lost = geometry.row(1).data.indexOf(1) * CHUNK + geometry.stripeDataBytes;
    const read = array.read(lost, new Uint8Array(8), { signal: stop.signal });
    stop.abort(new Error("enough"));
    for (const open of letGo) open();
    await first;
    const aborted = { code: "ERR_RAID_ABORTED", cause: new Error("enough") };
    await expect(second).rejects.toMatchObject(aborted);
    await expect(read).rejects.toMatchObject(aborted);
    expect(wrongMembers().filter((slot) => slot !== 1)).toEqual([]);
    const into = new Uint8Array(200);
    await array.read(0, into);
    expect(Buffer.compare(into, content.subarray(0, 200))).toBe(0);
  });
});

describe("the cache", () => {
  it("can be made larger and smaller while requests are in flight", async () => {
    const { array, write, wrongMembers, readAll, content } = arrayFixture({ cacheStripes: 1, missing: [2] });
    const writes = Array.from({ length: 64 }, (_, i) => write(i * 1500, 1500));
    array.resizeCache(7);
    const reads = Array.from({ length: 4 }, () => readAll());
    array.resizeCache(2);
    await Promise.all([...writes, ...reads]);
    expect(array.cacheStripes).toBe(2);
    expect(wrongMembers().filter((slot) => slot !== 2)).toEqual([]);
    expect(Buffer.compare(await readAll(), content)).toBe(0);
    for (const wrong of [0, -1, 1.5, Number.NaN]) {
      expect(() => array.resizeCache(wrong)).toThrow(
        `expected a number of stripes, 1 at least, got ${wrong}`,
      );
    }
  });

  it("finds what it was asked for before", async () => {
    const { array } = arrayFixture({ missing: [1] });
    const into = new Uint8Array(CHUNK);
    for (let i = 0; i < 3; i++) for (let chunk = 0; chunk < 4; chunk++) await array.read(chunk * CHUNK, into);
    const { cacheHits, cacheMisses, memberReads } = array.stats();
    expect([cacheMisses, cacheHits]).toEqual([1, 2]);
    expect(memberReads).toBeLessThan(16);
  });
});

describe("stats", () => {
  it("count requests, ways of writing, and what the members did", async () => {
    const { array, write, geometry } = arrayFixture({ raidDisks: 8 });
    await write(0, geometry.stripeDataBytes);
    await write(geometry.stripeDataBytes, 512);
    await write(2 * geometry.stripeDataBytes, 5 * CHUNK);
    await array.read(0, new Uint8Array(CHUNK));
    expect(array.stats()).toEqual({
      reads: 1,
      readBytes: CHUNK,
      writes: 3,
      writtenBytes: 6 * CHUNK + 512 + 5 * CHUNK,
      fullWrites: 1,
      readModifyWrites: 1,
      reconstructWrites: 1,
      gatheredWrites: 0,
      cacheHits: 0,
      cacheMisses: 3,
      computedBlocks: 0,
      readErrors: 0,
      readErrorsRepaired: 0,
      memberReads: 1 + 3 + 1,
      memberReadBytes: CHUNK + 3 * 512 + CHUNK,
      memberWrites: 8 + 3 + 7,
      memberWrittenBytes: 8 * CHUNK + 3 * 512 + 7 * CHUNK,
    });
  });
});

describe("operations on the whole array", () => {
  it("come one at a time", async () => {
    const { array, geometry } = arrayFixture({ missing: [1] });
    array.add(1, blankMember(geometry));
    const rebuild = array.rebuild();
    await expect(array.check()).rejects.toMatchObject({
      code: "ERR_RAID_STATE",
      message: "a rebuild is under way; check has to wait for its end",
    });
    await rebuild;
    expect((await array.check()).mismatchSectors).toBe(0);
  });
});
