import { type DmaDevice, DmaEngine } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu/node";
import { ioat } from "@dmaengine/driver-ioat";
import { describe, expect, it } from "vitest";
import { FaultyMember } from "./index.js";
import { arrayFixture } from "./testing/array-fixture.js";
import { randomBytes } from "./testing/model.js";

const CHUNK = 4096;

describe("whole pages of a read, where members are missing", () => {
  it.each([
    ["inline", 0],
    ["in a worker", 1],
  ])(
    "are read and computed in memory of the engine, %s: nothing is copied, and nothing writes to it later",
    async (_, workers) => {
      const engine = new DmaEngine();
      const driver = cpu({ workers });
      await engine.register(driver);
      const [device] = engine.devices as [DmaDevice];
      const { array, geometry, content, write } = arrayFixture({ engine, missing: [0, 3] });
      const into = device.alloc(geometry.arrayBytes, 4096);
      const { bouncedBytes } = device.domain;
      for (let round = 0; round < 2; round++) {
        await array.read(0, into);
        expect(Buffer.compare(into, content)).toBe(0);
      }
      for (const { operations } of Object.values(device.stats().channels)) {
        expect(operations["memcpy"]).toMatchObject({ submitted: 0 });
      }
      expect(device.domain.bouncedBytes).toBe(bouncedBytes);

      const before = content.slice();
      await write(100, geometry.arrayBytes - 200);
      expect(Buffer.compare(into, before)).toBe(0);
      // What a read leaves out of the cache, and what it finds there, it serves alike.
      const part = device.alloc(3 * CHUNK, 4096);
      await array.read(CHUNK + 512, part);
      expect(Buffer.compare(part, content.subarray(CHUNK + 512, 4 * CHUNK + 512))).toBe(0);
      await array.read(0, into);
      expect(Buffer.compare(into, content)).toBe(0);

      array.close();
      const { maps, unmaps } = device.stats().mapping;
      expect(unmaps).toBe(maps);
      device.free(into);
      device.free(part);
      await engine.unregister(driver);
    },
  );

  it("are computed where they are wanted without an engine, too", async () => {
    const work: string[] = [];
    const { array, geometry, content } = arrayFixture({
      missing: [0, 3],
      offload: { onCpuWork: (op) => work.push(op) },
    });
    const into = new Uint8Array(geometry.arrayBytes);
    await array.read(0, into);
    expect(Buffer.compare(into, content)).toBe(0);
    expect(new Set(work)).toEqual(new Set(["pq", "xor"]));
    array.close();
  });
});

describe("whole pages of a write", () => {
  it("are worked on where they are: nothing is copied", async () => {
    for (const drivers of [[ioat()], [cpu()]]) {
      const engine = new DmaEngine();
      for (const driver of drivers) await engine.register(driver);
      const { array, geometry, write, wrongMembers } = arrayFixture({ engine, missing: [0, 3] });
      await write(0, geometry.arrayBytes);
      expect(wrongMembers()).toEqual([0, 3]);
      const [device] = engine.devices;
      for (const { operations } of Object.values(device?.stats().channels ?? {})) {
        expect(operations["memcpy"]?.submitted ?? 0).toBe(0);
      }
      array.close();
      const { maps, unmaps } = engine.stats().devices[device?.name ?? ""]?.mapping ?? {
        maps: -1,
        unmaps: -2,
      };
      expect(unmaps).toBe(maps);
    }
  });

  it("may come from the same memory in several writes at once", async () => {
    const engine = new DmaEngine();
    await engine.register(ioat());
    const { array, geometry, content, wrongMembers } = arrayFixture({ engine });
    const bytes = randomBytes(geometry.stripeDataBytes, 1);
    await Promise.all(
      Array.from({ length: geometry.stripes }, (_, i) => {
        content.set(bytes, i * bytes.length);
        return array.write(i * bytes.length, bytes);
      }),
    );
    expect(wrongMembers()).toEqual([]);
    array.close();
  });

  it("stay in the request's memory only: what is read later comes from the members", async () => {
    const { array, geometry, write, content } = arrayFixture();
    const bytes = randomBytes(geometry.stripeDataBytes, 1);
    content.set(bytes);
    await array.write(0, bytes);
    bytes.fill(0);
    // Parity is in the cache, the data is not: read-modify-write needs it.
    await write(10, 20);
    const into = new Uint8Array(CHUNK);
    await array.read(0, into);
    expect(Buffer.compare(into, content.subarray(0, CHUNK))).toBe(0);
    expect((await array.check()).mismatches).toEqual([]);
  });

  it("are kept when the array stops before they are on their members", async () => {
    const { array, content, readAll } = arrayFixture({
      level: 5,
      raidDisks: 4,
      missing: [0],
      wrap: (member, slot) => (slot === 1 ? new FaultyMember(member, { operation: "write" }) : member),
    });
    const bytes = randomBytes(2 * CHUNK, 9);
    await expect(array.write(0, bytes)).rejects.toMatchObject({ code: "ERR_RAID_FAILED" });
    bytes.fill(0);
    // What the failed write did not touch can still be read, the missing member's blocks included.
    const read = await readAll();
    expect(Buffer.compare(read.subarray(bytes.length), content.subarray(bytes.length))).toBe(0);
    // And what it did touch is the new content, since that is what is in memory.
    expect(Buffer.compare(read.subarray(0, bytes.length), randomBytes(2 * CHUNK, 9))).toBe(0);
  });
});
