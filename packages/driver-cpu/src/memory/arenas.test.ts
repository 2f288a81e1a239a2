import { DmaError } from "@dmaengine/core";
import { beforeAll, describe, expect, it } from "vitest";
import { compileKernels } from "../wasm/compile.js";
import { MAX_ARENA_BYTES } from "./arena.js";
import { Arenas } from "./arenas.js";

const MIB = 1024 * 1024;
let module: WebAssembly.Module;
beforeAll(async () => {
  module = await compileKernels(false);
});

describe("linear memory", () => {
  it("is given out aligned and zeroed, again and again", () => {
    const arenas = new Arenas(module, MIB);
    for (let i = 0; i < 1000; i++) {
      const memory = arenas.alloc(5000, 4096);
      expect(memory.length).toBe(5000);
      expect(memory.byteOffset % 4096).toBe(0);
      expect(memory.every((byte) => byte === 0)).toBe(true);
      memory.fill(0xff);
      arenas.free(memory);
    }
    expect(arenas.first.buffer.byteLength).toBe(MIB);
  });

  it("grows by another one, which is let go when nothing of it is in use", () => {
    const arenas = new Arenas(module, 2048 * MIB);
    const small = arenas.alloc(MIB, 64);
    const large = arenas.alloc(160 * MIB, 64);
    expect(large.buffer).not.toBe(small.buffer);
    expect(large.buffer.byteLength).toBe(256 * MIB);
    const huge = arenas.alloc(800 * MIB, 4096);
    expect(huge.buffer.byteLength).toBeGreaterThan(800 * MIB);
    arenas.free(large);
    expect(arenas.of(large.buffer)).toBeUndefined();
    expect(arenas.of(huge.buffer)?.buffer).toBe(huge.buffer);
    arenas.free(small);
    expect(arenas.of(small.buffer)).toBe(arenas.first);
  });

  it("ends at its limit, and says so", () => {
    const arenas = new Arenas(module, 320 * MIB);
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

  it("is never more than 4 GiB in one piece", () => {
    const arenas = new Arenas(module, 64 * 1024 * MIB);
    expect(() => arenas.alloc(MAX_ARENA_BYTES, 64)).toThrow("ask for less at a time");
  });

  it("is freed once, as it was given out", () => {
    const arenas = new Arenas(module, MIB);
    const memory = arenas.alloc(1000, 64);
    expect(() => arenas.free(memory.subarray(1))).toThrow("free exactly what alloc() returned");
    expect(() => arenas.free(new Uint8Array(1000))).toThrow("are not memory of alloc()");
    arenas.free(memory);
    expect(() => arenas.free(memory)).toThrow("or were freed already");
  });
});
