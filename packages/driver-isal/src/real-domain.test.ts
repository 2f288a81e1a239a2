import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DmaDirection } from "@dmaengine/core";
import koffi from "koffi";
import { expect, it } from "vitest";
import { RealDomain } from "./real-domain.js";

const { TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL } = DmaDirection;
const addressOf = (buffer: SharedArrayBuffer): number => Number(koffi.address(new Uint8Array(buffer)));
const open = (): RealDomain => new RealDomain("isal", { addressOf });

/** What a library would find at an address. */
function memoryAt(addr: number, lengthBytes: number): number[] {
  return [...new Uint8Array(koffi.view(BigInt(addr), lengthBytes))];
}

it("maps shared memory where it really is, as often as is wanted", () => {
  const domain = open();
  const memory = new Uint8Array(new SharedArrayBuffer(100), 10, 50);
  memory.set([1, 2, 3], 20);
  const addr = domain.map(memory, 20, 10, BIDIRECTIONAL);
  expect(memoryAt(addr, 3)).toEqual([1, 2, 3]);
  expect(domain.map(memory, 0, 50, TO_DEVICE)).toBe(addr - 20);
  domain.unmap(addr, 10, BIDIRECTIONAL);
  expect(domain.find(addr, 10)?.buffer).toBe(memory.buffer);
  domain.unmap(addr - 20, 50, TO_DEVICE);
  expect(domain.find(addr, 10)).toBeNull();
  expect(domain.bouncedBytes).toBe(0);
  expect(domain.reaches(memory)).toBe(true);
  expect(domain.reaches(new Uint8Array(50))).toBe(false);
});

it.each([1, 64, 256, 4096, 65536])("gives memory at multiples of %d", (alignBytes) => {
  const domain = open();
  for (const sizeBytes of [1, 64, 1000, 100_000]) {
    const memory = domain.alloc(sizeBytes, alignBytes);
    expect(memory.length).toBe(sizeBytes);
    const addr = domain.map(memory, 0, sizeBytes, BIDIRECTIONAL);
    expect(addr % Math.max(64, alignBytes)).toBe(0);
    domain.unmap(addr, sizeBytes, BIDIRECTIONAL);
  }
});

it("gives each caller memory of its own, of zeros, small pieces in one buffer", () => {
  const domain = open();
  const sizes = [100, 4096, 384 * 1024, 1, 5_000_000, 3_000_000, 3_000_000, 3_000_000, 70_000];
  const memories = sizes.map((sizeBytes) => domain.alloc(sizeBytes, 4096));
  for (const [i, memory] of memories.entries()) {
    expect(memory.every((byte) => byte === 0)).toBe(true);
    memory.fill(i + 1);
  }
  for (const [i, memory] of memories.entries()) expect(memory.every((byte) => byte === i + 1)).toBe(true);
  const buffers = memories.map(({ buffer }) => buffer);
  expect(new Set(buffers.slice(0, 4)).size).toBe(1);
  // Beside them one that is too long, and another slab, as the first one has no room for the last but one.
  expect(new Set(buffers).size).toBe(3);
  expect(buffers[8]).toBe(buffers[7]);
});

it("lets go of a buffer that nobody has a piece of", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const domain = open();
  const some = (): WeakRef<ArrayBufferLike> => new WeakRef(domain.alloc(3_000_000, 64).buffer);
  const first = some();
  const kept = domain.alloc(3_000_000, 64);
  expect(kept.buffer).toBe(first.deref());
  const second = some();
  const third = [some(), some()][1];
  expect(third?.deref()).not.toBe(second.deref());
  await setTimeout(1);
  gc();
  expect(first.deref()).toBe(kept.buffer);
  expect(second.deref()).toBeUndefined();
});

it("keeps a copy of memory that could be taken away apart from all other memory", () => {
  const domain = open();
  const given = domain.alloc(64, 64);
  const shared = domain.map(given, 0, 64, BIDIRECTIONAL);
  const outside = Uint8Array.of(1, 2, 3);
  const copied = domain.map(outside, 0, 3, BIDIRECTIONAL);
  expect(domain.find(copied, 3)?.bounced?.outside).toEqual(outside);
  expect(domain.find(copied, 65)).toBeNull();
  domain.unmap(copied, 3, BIDIRECTIONAL);
  expect(domain.find(copied, 1)).toBeNull();
  expect(domain.find(shared, 64)?.buffer).toBe(given.buffer);
  domain.unmap(shared, 64, BIDIRECTIONAL);
});

it("finds what is mapped, and nothing beyond its ends", () => {
  const domain = open();
  const memories = Array.from({ length: 20 }, (_, i) => new Uint8Array(new SharedArrayBuffer(16 + 8 * i)));
  const bases = memories.map((memory) => domain.map(memory, 0, memory.length, TO_DEVICE));
  for (const [i, base] of bases.entries()) {
    const { length } = memories[i] as Uint8Array;
    expect(domain.find(base, length)?.base).toBe(base);
    expect(domain.find(base + length - 1, 1)?.base).toBe(base);
    expect(domain.find(base, length + 1)).toBeNull();
    expect(domain.find(base + length, 1)?.base).not.toBe(base);
  }
  expect(domain.find(0, 1)).toBeNull();
  expect(domain.find(2 ** 50, 1)).toBeNull();
  for (const [i, base] of bases.entries()) domain.unmap(base, (memories[i] as Uint8Array).length, TO_DEVICE);
  for (const base of bases) expect(domain.find(base, 1)).toBeNull();
});

it("copies memory that could be taken away, in and out by direction", () => {
  const domain = open();
  const memory = Uint8Array.of(1, 2, 3, 4, 5);
  const addr = domain.map(memory, 1, 3, BIDIRECTIONAL);
  expect(addr % 64).toBe(0);
  const view = new Uint8Array(koffi.view(BigInt(addr), 3));
  expect([...view]).toEqual([2, 3, 4]);
  view.set([20, 30, 40]);
  expect([...memory]).toEqual([1, 2, 3, 4, 5]);
  domain.syncForCpu(addr + 1, 1, BIDIRECTIONAL);
  expect([...memory]).toEqual([1, 2, 30, 4, 5]);
  memory.fill(7);
  domain.syncForDevice(addr + 2, 1, BIDIRECTIONAL);
  expect([...view]).toEqual([20, 30, 7]);
  domain.unmap(addr, 3, BIDIRECTIONAL);
  expect([...memory]).toEqual([7, 20, 30, 7, 7]);
  expect(domain.bouncedBytes).toBe(8);
});

it("does not copy out what was to be read only, nor in what was to be written only", () => {
  const domain = open();
  const memory = new Uint8Array(4).fill(1);
  const source = domain.map(memory, 0, 4, TO_DEVICE);
  new Uint8Array(koffi.view(BigInt(source), 4)).fill(9);
  domain.syncForCpu(source, 4, TO_DEVICE);
  domain.unmap(source, 4, TO_DEVICE);
  expect([...memory]).toEqual([1, 1, 1, 1]);
  const sink = domain.map(memory, 0, 4, FROM_DEVICE);
  memory.fill(2);
  domain.syncForDevice(sink, 4, FROM_DEVICE);
  expect(memoryAt(sink, 4)).toEqual([1, 1, 1, 1]);
  domain.unmap(sink, 4, FROM_DEVICE);
});

it("is not disturbed by a buffer that is transferred while it is mapped", () => {
  const domain = open();
  const memory = new Uint8Array(1000).fill(5);
  const addr = domain.map(memory, 0, 1000, TO_DEVICE);
  structuredClone(memory.buffer, { transfer: [memory.buffer] });
  expect(memory.length).toBe(0);
  expect(memoryAt(addr, 1000)).toEqual(new Array(1000).fill(5));
  domain.unmap(addr, 1000, TO_DEVICE);
});

it("knows a WebAssembly memory again that has grown", () => {
  const domain = open();
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 10, shared: true });
  const before = new Uint8Array(wasm.buffer);
  const addr = domain.map(before, 0, 65536, BIDIRECTIONAL);
  wasm.grow(1);
  const after = new Uint8Array(wasm.buffer);
  expect(domain.map(after, 0, 131072, BIDIRECTIONAL)).toBe(addr);
  expect(domain.find(addr, 131072)?.buffer).toBe(wasm.buffer);
  domain.unmap(addr, 65536, BIDIRECTIONAL);
  domain.unmap(addr, 131072, BIDIRECTIONAL);
  expect(domain.find(addr, 1)).toBeNull();
});

it("refuses to unmap or sync what is not mapped", () => {
  const domain = open();
  const refused = expect.objectContaining({ code: "ERR_DMA_MAPPING" });
  const addr = domain.map(new Uint8Array(8), 0, 8, TO_DEVICE);
  domain.unmap(addr, 8, TO_DEVICE);
  expect(() => domain.unmap(addr, 8, TO_DEVICE)).toThrow(refused);
  expect(() => domain.syncForCpu(addr, 8, FROM_DEVICE)).toThrow(refused);
  expect(() => domain.syncForDevice(addr, 8, TO_DEVICE)).toThrow(refused);
});
