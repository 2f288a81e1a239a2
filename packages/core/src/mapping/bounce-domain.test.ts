import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { must, refusal, rig } from "../testing/rig.js";
import { BounceDomain } from "./bounce-domain.js";
import { DirectDomain } from "./direct-domain.js";
import { DmaDirection } from "./direction.js";
import { DMA_MAPPING_ERROR, type DmaAddr } from "./domain.js";

const { TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL } = DmaDirection;
const POOL_BYTES = 64 * 2048;

/** Devices that reach one buffer only, as those of a WebAssembly instance do. */
class ArenaDomain extends DirectDomain {
  readonly arena = new Uint8Array(POOL_BYTES + 4096);

  override map(
    memory: Uint8Array,
    offsetBytes: number,
    lengthBytes: number,
    direction: DmaDirection,
  ): DmaAddr {
    if (memory.buffer !== this.arena.buffer) return DMA_MAPPING_ERROR;
    return super.map(memory, offsetBytes, lengthBytes, direction);
  }
}

let inner: ArenaDomain;
let domain: BounceDomain;

beforeEach(() => {
  inner = new ArenaDomain("arena");
  domain = new BounceDomain(inner, inner.arena.subarray(0, POOL_BYTES));
});

/** What the device sees at an address; writable. */
function seen(addr: DmaAddr, lengthBytes: number): Uint8Array {
  const { bytes, base } = inner.space.locate(addr, lengthBytes);
  return bytes.subarray(addr - base, addr - base + lengthBytes);
}

describe("BounceDomain", () => {
  it("copies nothing for memory that devices reach", () => {
    const addr = domain.map(inner.arena, POOL_BYTES, 16, BIDIRECTIONAL);
    expect(seen(addr, 16).byteOffset).toBe(POOL_BYTES);
    domain.syncForCpu(addr, 16, BIDIRECTIONAL);
    domain.syncForDevice(addr, 16, BIDIRECTIONAL);
    domain.unmap(addr, 16, BIDIRECTIONAL);
    expect([domain.bouncedBytes, domain.usedSlots]).toEqual([0, 0]);
  });

  it("copies in at map and out at unmap, by direction", () => {
    for (const [direction, bytes, back] of [
      [TO_DEVICE, 16, 1],
      [FROM_DEVICE, 32, 9],
      [BIDIRECTIONAL, 32, 9],
    ] as const) {
      const before = domain.bouncedBytes;
      const memory = new Uint8Array(16).fill(1);
      const addr = domain.map(memory, 0, 16, direction);
      expect(seen(addr, 16)).toEqual(memory);
      seen(addr, 16).fill(9);
      expect(memory[0]).toBe(1);
      domain.unmap(addr, 16, direction);
      expect(memory).toEqual(new Uint8Array(16).fill(back));
      expect(domain.bouncedBytes - before).toBe(bytes);
      expect(inner.space.find(addr, 1)).toBeNull();
    }
  });

  it("syncs any part, by direction", () => {
    const memory = new Uint8Array(16);
    const addr = domain.map(memory, 4, 12, BIDIRECTIONAL);
    seen(addr, 12).fill(7);
    const before = domain.bouncedBytes;
    domain.syncForCpu(addr + 2, 3, BIDIRECTIONAL);
    expect(domain.bouncedBytes - before).toBe(3);
    expect([...memory]).toEqual([0, 0, 0, 0, 0, 0, 7, 7, 7, 0, 0, 0, 0, 0, 0, 0]);
    memory.fill(5);
    domain.syncForDevice(addr + 3, 1, BIDIRECTIONAL);
    expect([...seen(addr, 12)]).toEqual([7, 7, 7, 5, 7, 7, 7, 7, 7, 7, 7, 7]);
    domain.syncForDevice(addr, 12, FROM_DEVICE);
    domain.syncForCpu(addr, 12, TO_DEVICE);
    expect([seen(addr, 1)[0], memory[4]]).toEqual([7, 5]);
  });

  it("gives two mappings of the same memory a copy each, as swiotlb does", () => {
    const memory = new Uint8Array(16);
    const [one, other] = [domain.map(memory, 0, 16, BIDIRECTIONAL), domain.map(memory, 0, 16, BIDIRECTIONAL)];
    seen(one, 16).fill(1);
    seen(other, 16).fill(2);
    domain.unmap(other, 16, BIDIRECTIONAL);
    domain.unmap(one, 16, BIDIRECTIONAL);
    expect(memory[0]).toBe(1);
  });

  it("fails beyond 256 KiB and when the pool is full, and has all slots again after unmap", () => {
    const big = new Uint8Array(256 * 1024 + 1);
    expect(domain.map(big, 0, big.length, TO_DEVICE)).toBe(DMA_MAPPING_ERROR);
    const memory = new Uint8Array(2049);
    const addrs = Array.from({ length: 32 }, () => domain.map(memory, 0, 2049, TO_DEVICE));
    expect(addrs).not.toContain(DMA_MAPPING_ERROR);
    expect(domain.usedSlots).toBe(64);
    expect(domain.map(memory, 0, 1, TO_DEVICE)).toBe(DMA_MAPPING_ERROR);
    domain.unmap(must(addrs[5]), 2049, TO_DEVICE);
    expect(domain.map(memory, 0, 2049, TO_DEVICE)).toBe(addrs[5]);
    for (const addr of addrs) domain.unmap(addr, 2049, TO_DEVICE);
    expect(domain.usedSlots).toBe(0);
  });

  it("keeps mappings apart through any sequence", () => {
    const step = fc.record({ size: fc.integer({ min: 1, max: 9000 }), unmap: fc.nat({ max: 9 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const live: { addr: DmaAddr; memory: Uint8Array; mark: number }[] = [];
        for (const [i, { size, unmap }] of steps.entries()) {
          const memory = new Uint8Array(size);
          const addr = domain.map(memory, 0, size, FROM_DEVICE);
          if (addr !== DMA_MAPPING_ERROR) {
            live.push({ addr, memory, mark: (i % 255) + 1 });
            seen(addr, size).fill((i % 255) + 1);
          }
          for (const { addr: at, memory: whose } of live.splice(0, unmap))
            domain.unmap(at, whose.length, FROM_DEVICE);
        }
        for (const { addr, memory, mark } of live) {
          domain.unmap(addr, memory.length, FROM_DEVICE);
          expect(memory.every((byte) => byte === mark)).toBe(true);
        }
        expect(domain.usedSlots).toBe(0);
      }),
    );
  });

  it("refuses a pool without a slot", () => {
    refusal("ERR_DMA_MAPPING", () => new BounceDomain(inner, new Uint8Array(2047)));
  });

  it("fails where the inner domain can't reach its own pool", () => {
    const blind = new BounceDomain(inner, new Uint8Array(4096));
    expect(blind.map(new Uint8Array(1), 0, 1, TO_DEVICE)).toBe(DMA_MAPPING_ERROR);
    expect(blind.usedSlots).toBe(0);
  });

  it("hands memory of the inner domain out, and refuses coherent memory that would have to be bounced", async () => {
    const { device } = await rig(["interrupt"], { domain });
    refusal("ERR_DMA_MAPPING", () => device.allocCoherent(64));
    const memory = inner.arena.subarray(POOL_BYTES);
    const taken: unknown[] = [];
    const giving = Object.assign(inner, { alloc: () => memory, free: (it: unknown) => taken.push(it) });
    expect(domain.alloc(64, 64)).toBe(memory);
    const coherent = device.allocCoherent(memory.length);
    expect(seen(coherent.dmaAddr, 1).byteOffset).toBe(POOL_BYTES);
    device.freeCoherent(coherent);
    expect(inner.space.find(coherent.dmaAddr, 1)).toBeNull();
    domain.free(memory);
    expect(taken).toEqual([memory, memory]);
    const own = { bytes: memory, dmaAddr: 4096 };
    const freed: unknown[] = [];
    Object.assign(giving, { allocCoherent: () => own, freeCoherent: (it: unknown) => freed.push(it) });
    expect(domain.allocCoherent(64, 64)).toBe(own);
    domain.freeCoherent(own);
    expect(freed).toEqual([own]);
  });

  it("shows up in a device's statistics", async () => {
    const { device } = await rig(["interrupt"], { domain });
    const addr = device.mapSingle(new Uint8Array(10), BIDIRECTIONAL);
    device.unmapSingle(addr, 10, BIDIRECTIONAL);
    expect(device.stats().mapping.bouncedBytes).toBe(20);
  });
});
