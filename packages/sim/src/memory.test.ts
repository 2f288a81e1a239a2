import { DMA_MAPPING_ERROR, DmaDirection } from "@dmaengine/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PhysicalMemory, wordIndex } from "./memory.js";

describe("PhysicalMemory", () => {
  it("is the memory that was mapped, not a copy of it", () => {
    const memory = new PhysicalMemory("test");
    const buffer = Uint8Array.from({ length: 64 }, (_, i) => i);
    const addr = memory.domain.map(buffer, 8, 16, DmaDirection.BIDIRECTIONAL);
    const window = memory.locate(addr, 16);
    expect(window?.bytes[addr - window.base]).toBe(8);
    if (window !== null) window.bytes[addr - window.base] = 99;
    expect(buffer[8]).toBe(99);
    memory.domain.unmap(addr, 16, DmaDirection.BIDIRECTIONAL);
  });

  it("answers null, a bus error, for what is not mapped, no longer mapped, or only in part", () => {
    const memory = new PhysicalMemory("test");
    expect(memory.locate(0, 1)).toBeNull();
    const addr = memory.domain.map(new Uint8Array(64), 0, 64, DmaDirection.TO_DEVICE);
    expect(memory.locate(addr, 64)).not.toBeNull();
    expect(memory.locate(addr, 65)).toBeNull();
    expect(memory.locate(addr - 1, 1)).toBeNull();
    expect(memory.locate(2 ** 63, 1)).toBeNull();
    memory.domain.unmap(addr, 64, DmaDirection.TO_DEVICE);
    expect(memory.locate(addr, 1)).toBeNull();
    expect(memory.readBlock(addr, new Uint32Array(1))).toBe(false);
    expect(memory.write64(addr, 0, 0)).toBe(false);
  });

  it("maps no buffer whose words it could not tell apart", () => {
    const memory = new PhysicalMemory("test");
    // Only the size matters, and nobody wants to allocate this.
    const huge = { buffer: { byteLength: 2 ** 34 + 4 }, byteOffset: 0 } as unknown as Uint8Array;
    expect(memory.domain.map(huge, 0, 4, DmaDirection.TO_DEVICE)).toBe(DMA_MAPPING_ERROR);
    expect([0, 4, 2 ** 33, 2 ** 34 - 4].map(wordIndex)).toEqual([0, 1, 2 ** 31, 2 ** 32 - 1]);
  });

  it("reads blocks in the order of memory and writes 64 bits little-endian", () => {
    const memory = new PhysicalMemory("test");
    const { dmaAddr: addr, bytes } = memory.allocCoherent(32, 64);
    bytes.set(Uint8Array.from({ length: 32 }, (_, i) => i + 1));
    const block = new Uint32Array(3);
    expect(memory.readBlock(addr + 4, block)).toBe(true);
    expect([...new Uint8Array(block.buffer)]).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    expect(memory.write64(addr + 3, 0x8899_aabb, 0xccdd_eeff)).toBe(true);
    expect([...bytes.subarray(2, 12)]).toEqual([3, 0xbb, 0xaa, 0x99, 0x88, 0xff, 0xee, 0xdd, 0xcc, 12]);
  });

  it("gives coherent memory of any size and alignment, which devices reach until it is given back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 0, max: 16 }), (size, order) => {
        const memory = new PhysicalMemory("test");
        const first = memory.allocCoherent(size, 1 << order);
        const second = memory.allocCoherent(size, 1 << order);
        expect(first.dmaAddr % (1 << order)).toBe(0);
        expect(first.bytes.every((byte) => byte === 0)).toBe(true);
        expect(first.bytes.length).toBe(size);
        expect(second.dmaAddr >= first.dmaAddr + size).toBe(true);
        second.bytes[size - 1] = 7;
        const window = memory.locate(second.dmaAddr, size);
        expect(window?.bytes[second.dmaAddr + size - 1 - window.base]).toBe(7);
        memory.freeCoherent(second);
        expect(memory.locate(second.dmaAddr, 1)).toBeNull();
        expect(memory.locate(first.dmaAddr, size)).not.toBeNull();
      }),
    );
  });

  it("refuses sizes and alignments that make no sense", () => {
    const memory = new PhysicalMemory("test");
    for (const [size, align] of [
      [0, 8],
      [-1, 8],
      [1.5, 8],
      [8, 0],
      [8, 3],
      [8, 0.5],
      [8, -4],
    ] as const) {
      expect(() => memory.allocCoherent(size, align)).toThrow(
        expect.objectContaining({ code: "ERR_SIM_MEMORY" }),
      );
    }
  });
});
