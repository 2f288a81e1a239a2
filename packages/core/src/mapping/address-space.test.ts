import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refusal } from "../testing/rig.js";
import { AddressSpace } from "./address-space.js";

describe("AddressSpace", () => {
  it("places a buffer on a page and keeps offsets", () => {
    const space = new AddressSpace();
    const memory = new Uint8Array(new ArrayBuffer(100), 10, 50);
    const addr = space.map(memory, 3);
    expect(addr % 4096).toBe(13);
    const window = space.locate(addr, 40);
    expect(window.bytes.buffer).toBe(memory.buffer);
    expect(addr - window.base).toBe(13);
    expect(window.words.length).toBe(25);
  });

  it("gives the same bytes the same address, however often they are mapped", () => {
    const space = new AddressSpace();
    const memory = new Uint8Array(64);
    const addr = space.map(memory, 8);
    expect(space.map(memory.subarray(8), 0)).toBe(addr);
    space.unmap(addr);
    expect(space.find(addr, 8)).not.toBeNull();
    space.unmap(addr);
    expect(space.find(addr, 8)).toBeNull();
  });

  it("leaves a page between buffers, so that a stray address is nobody's", () => {
    const space = new AddressSpace();
    const sizes = [1, 4095, 4096, 4097, 8192];
    const placed = sizes.map((size) => ({ size, addr: space.map(new Uint8Array(size), 0) }));
    for (const { size, addr } of placed) {
      expect(space.find(addr, size)).not.toBeNull();
      expect(space.find(addr - 1, 1)).toBeNull();
      expect(space.find(addr + size, 1)).toBeNull();
      expect(space.find(addr, size + 1)).toBeNull();
    }
  });

  it("refuses addresses that nobody mapped, loudly where it is asked to", () => {
    const space = new AddressSpace();
    expect(refusal("ERR_DMA_MAPPING", () => space.locate(0x1234, 16)).message).toContain("0x1234");
    refusal("ERR_DMA_MAPPING", () => space.unmap(0x1234));
    const addr = space.map(new Uint8Array(4), 0);
    space.unmap(addr);
    refusal("ERR_DMA_MAPPING", () => space.unmap(addr));
  });

  it("refuses a buffer that was transferred away", () => {
    const space = new AddressSpace();
    const memory = new Uint8Array(16);
    const addr = space.map(memory, 0);
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    expect(space.find(addr, 1)).toBeNull();
  });

  it("uses addresses again only when a gigabyte of them is through, and never one that is mapped", () => {
    const space = new AddressSpace();
    const bytes = 24 * 1024 * 1024;
    const live: { addr: number; memory: Uint8Array }[] = [];
    const seen = new Set<number>();
    let again = 0;
    for (let i = 0; i < 150; i++) {
      // The memory is never touched, so it costs the system nothing.
      const memory = new Uint8Array(bytes + (i % 7) * 4096);
      const addr = space.map(memory, 0);
      if (seen.has(addr)) again += 1;
      else if (again === 0) seen.add(addr);
      expect(addr + memory.length).toBeLessThan(2 ** 30);
      if (again > 0) expect(seen.size * bytes).toBeGreaterThan(2 ** 30 - 4 * bytes);
      for (const other of live) {
        expect(addr + memory.length <= other.addr || other.addr + other.memory.length <= addr).toBe(true);
        expect(space.locate(other.addr, 1).bytes.buffer).toBe(other.memory.buffer);
      }
      expect(space.locate(addr, memory.length).bytes.buffer).toBe(memory.buffer);
      live.push({ addr, memory });
      // Every fifth mapping stays for long.
      const gone = live.findIndex((_, at) => (i + at) % 5 !== 0);
      if (live.length > 6) for (const { addr: old } of live.splice(gone, 1)) space.unmap(old);
    }
    expect(again).toBeGreaterThan(0);
  });

  it("lets go of idle buffers when there are many, and uses no address again", () => {
    const space = new AddressSpace();
    const kept = new Uint8Array(16);
    const keptAddr = space.map(kept, 0);
    const buffers = Array.from({ length: 300 }, () => new Uint8Array(16));
    const first = buffers.map((memory) => space.map(memory, 0));
    for (const addr of first) space.unmap(addr);
    const second = buffers.map((memory) => space.map(memory, 0));
    const moved = second.filter((addr, i) => addr !== first[i]);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.every((addr) => !first.includes(addr))).toBe(true);
    expect(space.locate(keptAddr, 16).bytes.buffer).toBe(kept.buffer);
    for (const [i, addr] of second.entries())
      expect(space.locate(addr, 16).bytes.buffer).toBe(buffers[i]?.buffer);
  });

  it("lets go of idle buffers when they are large", () => {
    const space = new AddressSpace();
    const large = () => new Uint8Array(9 * 1024 * 1024);
    const [one, other] = [large(), large()];
    const addr = space.map(one, 0);
    space.unmap(addr);
    expect(space.map(one, 0)).toBe(addr);
    space.unmap(addr);
    space.unmap(space.map(other, 0));
    expect(space.map(one, 0)).not.toBe(addr);
  });

  it("finds the right buffer through any sequence of maps and unmaps", () => {
    const buffers = Array.from({ length: 6 }, (_, i) => new Uint8Array(1000 * i + 1));
    fc.assert(
      fc.property(fc.array(fc.record({ buffer: fc.nat({ max: 5 }), map: fc.boolean() })), (steps) => {
        const space = new AddressSpace();
        const live: number[][] = buffers.map(() => []);
        for (const { buffer, map } of steps) {
          const memory = buffers[buffer] as Uint8Array;
          const addrs = live[buffer] as number[];
          if (map) addrs.push(space.map(memory, 0));
          else if (addrs.length > 0) space.unmap(addrs.pop() as number);
          for (const [i, mapped] of live.entries()) {
            const found = mapped[0] === undefined ? undefined : space.locate(mapped[0], 1).bytes.buffer;
            expect(found).toBe(mapped.length > 0 ? buffers[i]?.buffer : undefined);
          }
        }
      }),
    );
  });
});
