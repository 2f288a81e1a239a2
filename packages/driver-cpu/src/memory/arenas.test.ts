import { DmaError } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { Arenas } from "./arenas.js";
import { MAX_MEMORY_BYTES } from "./linear-memory.js";

const MIB = 1024 * 1024;
const open = (limitBytes: number): Promise<Arenas> => Arenas.open(false, limitBytes);

describe("linear memory", () => {
  it("is given out aligned and zeroed, again and again", async () => {
    const arenas = await open(MIB);
    for (let i = 0; i < 1000; i++) {
      const memory = arenas.alloc(5000, 4096);
      expect(memory.length).toBe(5000);
      expect(memory.byteOffset % 4096).toBe(0);
      expect(memory.every((byte) => byte === 0)).toBe(true);
      expect(memory.buffer.byteLength).toBe(MIB);
      memory.fill(0xff);
      arenas.free(memory);
    }
  });

  it("is shared by threads where there is such memory, and can be asked for as it is elsewhere", async () => {
    expect((await open(MIB)).alloc(1, 64).buffer).toBeInstanceOf(SharedArrayBuffer);
    expect((await Arenas.open(false, MIB, false)).alloc(1, 64).buffer).toBeInstanceOf(ArrayBuffer);
  });

  it("grows by another one, which is let go when nothing of it is in use", async () => {
    const arenas = await open(2048 * MIB);
    const small = arenas.alloc(MIB, 64);
    expect(small.buffer.byteLength).toBe(128 * MIB);
    const large = arenas.alloc(160 * MIB, 64);
    expect(large.buffer === small.buffer).toBe(false);
    expect(large.buffer.byteLength).toBe(256 * MIB);
    const huge = arenas.alloc(800 * MIB, 4096);
    expect(huge.buffer.byteLength).toBeGreaterThan(800 * MIB);
    arenas.free(large);
    expect(arenas.of(large.buffer)).toBeUndefined();
    expect(arenas.of(huge.buffer)?.buffer === huge.buffer).toBe(true);
    arenas.free(small);
    expect(arenas.of(small.buffer)?.idle).toBe(true);
  });

  it("ends at its limit, and says so", async () => {
    const arenas = await open(320 * MIB);
    arenas.alloc(1, 64);
    const refused = (): unknown => arenas.alloc(240 * MIB, 64);
    expect(refused).toThrow(DmaError);
    expect(refused).toThrow(
      `cpu: no ${240 * MIB} bytes left: linear memories take ${128 * MIB} of ${320 * MIB} bytes; ` +
        "free some, or raise the driver's maxMemoryBytes",
    );
    const rest = arenas.alloc(160 * MIB, 64);
    arenas.free(rest);
    expect(arenas.alloc(184 * MIB, 64).length).toBe(184 * MIB);
  });

  it("is never more than 4 GiB in one piece", async () => {
    const arenas = await open(64 * 1024 * MIB);
    expect(() => arenas.alloc(MAX_MEMORY_BYTES, 64)).toThrow("ask for less at a time");
  });

  it("is freed once, as it was given out", async () => {
    const arenas = await open(MIB);
    const memory = arenas.alloc(1000, 64);
    expect(() => arenas.free(memory.subarray(1))).toThrow("free exactly what alloc() returned");
    expect(() => arenas.free(new Uint8Array(1000))).toThrow("are not memory of alloc()");
    arenas.free(memory);
    expect(() => arenas.free(memory)).toThrow("or were freed already");
  });
});
