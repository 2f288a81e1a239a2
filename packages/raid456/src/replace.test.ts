import { describe, expect, it } from "vitest";
import { FaultyMember, type MemoryMember } from "./index.js";
import { arrayFixture, blankMember, type FixtureOptions } from "./testing/array-fixture.js";
import { DATA_OFFSET } from "./testing/model.js";

const CHUNK = 4096;

/** An array whose slot 2 is to be replaced. */
function replacing(options: FixtureOptions = {}) {
  let old!: FaultyMember;
  const fixture = arrayFixture({
    cacheStripes: 4,
    ...options,
    wrap: (member, slot) => {
      if (slot !== 2) return member;
      old = new FaultyMember(member);
      return old;
    },
  });
  const blank = blankMember(fixture.geometry);
  const filled = (): boolean =>
    Buffer.compare(blank.device.bytes.subarray(DATA_OFFSET), fixture.data(2)) === 0;
  return { ...fixture, blank, old, filled };
}

describe("replace", () => {
  it("fills the device beside the member, which stays in use, and gives it the slot", async () => {
    const told: string[] = [];
    const metadata = {
      markDirty: async () => {},
      memberFailed: async () => {},
      memberReplaced: async (slot: number) => void told.push(`replaced ${slot}`),
    };
    const { array, blank, old, filled, write, readAll, content, wrongMembers } = replacing({ metadata });
    let written = false;
    await array.replace(2, blank, {
      onProgress: async ({ doneBytes, totalBytes }) => {
        expect(array.degraded).toEqual([]);
        if (written) return;
        written = true;
        // Into what is copied already, and what is not.
        await write(0, 3 * CHUNK);
        await write(content.length - 100, 100);
        expect(doneBytes).toBeLessThanOrEqual(totalBytes);
      },
    });
    expect(told).toEqual(["replaced 2"]);
    expect(filled()).toBe(true);
    expect(wrongMembers()).toEqual([]);
    // The old one is not needed any more.
    old.kill();
    await write(CHUNK, 5 * CHUNK);
    expect(Buffer.compare(await readAll(), content)).toBe(0);
    expect(array.degraded).toEqual([]);
    expect(filled()).toBe(false);
  });

  it("computes what the member can't read", async () => {
    const { array, blank, old, filled } = replacing({ missing: [5] });
    old.inject({ operation: "read", startBytes: DATA_OFFSET + CHUNK, endBytes: DATA_OFFSET + 2 * CHUNK });
    await array.replace(2, blank);
    expect(filled()).toBe(true);
    expect(array.degraded).toEqual([5]);
  });

  it("makes the device the member at once if the member fails, and computes the rest", async () => {
    const { array, blank, old, write, readAll, content } = replacing();
    let failed = false;
    await array.replace(2, blank, {
      onProgress: async () => {
        if (failed) return;
        failed = true;
        old.kill();
        await write(0, content.length);
        expect(array.degraded).toEqual([2]);
        expect(array.recoveredBytes(2)).toBeGreaterThan(0);
      },
    });
    expect(array.degraded).toEqual([]);
    expect(Buffer.compare(await readAll(), content)).toBe(0);
    expect((await array.check()).mismatches).toEqual([]);
  });

  it("never takes what is on the unfilled device for content, even if the member fails while it is read", async () => {
    const { array, blank, old, readAll, content } = replacing({ cacheStripes: 64 });
    let alive = true;
    old.readVector = async () => {
      if (alive) {
        alive = false;
        await array.fail(2);
      }
      throw new Error("gone");
    };
    const [, read] = await Promise.all([array.replace(2, blank), readAll()]);
    expect(Buffer.compare(read, content)).toBe(0);
    expect(array.degraded).toEqual([]);
    expect((await array.check()).mismatches).toEqual([]);
  });

  it("has the device serve what the member could not read just before it lost the slot", async () => {
    const into = new Uint8Array(CHUNK);
    let reading = Promise.resolve();
    let giveUp = (): void => {};
    const metadata = {
      markDirty: async () => {},
      memberFailed: async () => {},
      memberReplaced: () =>
        new Promise<void>((goOn) => {
          let asked = 0;
          // First by the request itself, then by its stripe.
          old.read = () =>
            new Promise((_, reject) => {
              giveUp = () => reject(new Error("gone"));
              asked += 1;
              if (asked === 1) giveUp();
              else goOn();
            });
          reading = array.read(0, into);
        }),
    };
    const { array, blank, old, disks, content, geometry } = replacing({
      metadata,
      missing: [4],
      cacheStripes: 1,
      layout: 1,
    });
    expect(geometry.row(0).data[0]).toBe(2);
    await array.replace(2, blank);
    // Without this one, too, nothing could be computed.
    (disks[0] as MemoryMember).read = () => Promise.reject(new Error("gone"));
    giveUp();
    await reading;
    expect(Buffer.compare(into, content.subarray(0, CHUNK))).toBe(0);
  });

  it("leaves the member where it is if the device fails, or the caller stops it", async () => {
    const { array, blank, write, readAll, content, wrongMembers } = replacing();
    const failing = new FaultyMember(blank.device, { operation: "write", skip: 2 });
    await expect(array.replace(2, { ...blank, device: failing })).rejects.toMatchObject({
      code: "ERR_RAID_STATE",
      message: expect.stringContaining("replacement for slot 2 failed"),
    });
    const stop = new AbortController();
    await expect(
      array.replace(2, blank, { signal: stop.signal, onProgress: () => stop.abort() }),
    ).rejects.toMatchObject({ code: "ERR_RAID_ABORTED" });
    await write(0, content.length);
    expect(Buffer.compare(await readAll(), content)).toBe(0);
    expect([array.degraded, wrongMembers()]).toEqual([[], []]);
  });

  it("refuses an empty slot, a slot that there isn't, and a second one at a time", async () => {
    const { array, blank } = replacing({ missing: [0] });
    await expect(array.replace(0, blank)).rejects.toThrow("slot 0 has no member to replace");
    await expect(array.replace(9, blank)).rejects.toMatchObject({ code: "ERR_RAID_RANGE" });
    const first = array.replace(2, blank);
    await expect(array.replace(3, blank)).rejects.toThrow("a replace is under way");
    await first;
  });
});
