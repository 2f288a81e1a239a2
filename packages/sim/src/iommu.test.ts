import { DMA_MAPPING_ERROR, DmaDirection } from "@dmaengine/core/driver";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SimError } from "./errors.js";
import { Platform } from "./platform.js";

const { BIDIRECTIONAL, TO_DEVICE, FROM_DEVICE } = DmaDirection;

describe("Iommu", () => {
  it("gives devices of one group the same addresses, and others none of them", () => {
    const platform = new Platform({ iommu: { dma0: "pair", dma1: "pair" } });
    const [dma0, dma1, other] = ["dma0", "dma1", "other"].map((device) => platform.memoryOf(device));
    expect(dma1?.domain).toBe(dma0?.domain);
    expect(other?.domain).not.toBe(dma0?.domain);
    const addr = dma0?.domain.map(Uint8Array.of(1, 2, 3), 1, 2, TO_DEVICE) as number;
    const window = dma1?.locate(addr, 2);
    expect(window?.bytes[addr - window.base]).toBe(2);
    expect(other?.locate(addr, 2, "read")).toBeNull();
    expect(platform.iommu?.faults).toEqual([
      { domain: "other", addr, lengthBytes: 2, access: "read", reason: "unmapped" },
    ]);
  });

  it("keeps what devices share without one", () => {
    const platform = new Platform();
    expect(platform.iommu).toBeNull();
    expect(platform.memoryOf("anything")).toBe(platform.memory);
  });

  it.each([
    [TO_DEVICE, true, false],
    [FROM_DEVICE, false, true],
    [BIDIRECTIONAL, true, true],
  ] as const)("makes direction %i a permission", (direction, readable, writable) => {
    const platform = new Platform({ iommu: true });
    const addr = platform.memory.domain.map(new Uint8Array(8), 0, 8, direction);
    expect(platform.memory.locate(addr, 8)).not.toBeNull();
    expect(platform.memory.locate(addr, 8, "read") !== null).toBe(readable);
    expect(platform.memory.locate(addr, 8, "write") !== null).toBe(writable);
    expect(platform.iommu?.faults.map(({ access, reason }) => [access, reason])).toEqual([
      ...(readable ? [] : [["read", "permission"]]),
      ...(writable ? [] : [["write", "permission"]]),
    ]);
  });

  it("works in pages: what else is in them is exposed, and the page behind is not", () => {
    const { memory } = new Platform({ iommu: true });
    const buffer = new Uint8Array(8192);
    const addr = memory.domain.map(buffer, 100, 8, BIDIRECTIONAL);
    expect(addr % 4096).toBe(100);
    expect(memory.locate(addr - 100, 4096)).not.toBeNull();
    expect(memory.locate(addr, 4096)).toBeNull();
    expect(memory.locate(addr - 101, 1)).toBeNull();
  });

  it("gives a piece that is mapped twice two addresses of the same bytes, and revokes one of them", () => {
    const { memory } = new Platform({ iommu: true });
    const buffer = Uint8Array.of(7);
    const first = memory.domain.map(buffer, 0, 1, TO_DEVICE);
    const second = memory.domain.map(buffer, 0, 1, TO_DEVICE);
    expect(second).not.toBe(first);
    memory.domain.unmap(first, 1, TO_DEVICE);
    expect(memory.locate(first, 1)).toBeNull();
    const window = memory.locate(second, 1);
    expect(window?.bytes[second - (window?.base ?? 0)]).toBe(7);
  });

  it("counts what mapping costs", () => {
    const { memory, meter } = new Platform({ iommu: true });
    const addr = memory.domain.map(new Uint8Array(1), 0, 1, TO_DEVICE);
    memory.domain.unmap(addr, 1, TO_DEVICE);
    expect([meter.count("iommuMap"), meter.count("iommuUnmap")]).toEqual([1, 1]);
  });

  it("refuses to unmap what is not mapped", () => {
    const { memory } = new Platform({ iommu: true });
    expect(() => memory.domain.unmap(0x1000, 1, TO_DEVICE)).toThrow(SimError);
    expect(() => memory.domain.syncForCpu(0x1000, 1, TO_DEVICE)).toThrow(/nothing is mapped/);
  });

  it("says so when the addresses are used up, and goes around once some are free", () => {
    const { memory } = new Platform({ iommu: true });
    const { domain } = memory;
    const buffer = new Uint8Array(2 ** 30);
    const map = () => domain.map(buffer, 0, buffer.length, TO_DEVICE);
    const addrs = [map(), map(), map()];
    expect(addrs).not.toContain(DMA_MAPPING_ERROR);
    expect(map()).toBe(DMA_MAPPING_ERROR);
    domain.unmap(addrs[1] as number, buffer.length, TO_DEVICE);
    expect(map()).toBe(addrs[1]);
  });

  it("cares for caches on the way, where devices don't see them", () => {
    const { memory, meter } = new Platform({ iommu: true, coherence: "v7", seed: 3 });
    expect(memory.domain.coherent).toBe(false);
    const bytes = new Uint8Array(4096).fill(1);
    const addr = memory.domain.map(bytes, 0, 4096, BIDIRECTIONAL);
    const window = memory.locate(addr, 4096, "write");
    expect(window?.bytes[addr - window.base]).toBe(1);
    window?.bytes.fill(2);
    memory.domain.unmap(addr, 4096, BIDIRECTIONAL);
    expect(bytes).toEqual(new Uint8Array(4096).fill(2));
    expect(meter.count("cacheLine")).toBe(128);
  });

  it("has coherent memory", () => {
    const { memory } = new Platform({ iommu: true });
    const coherent = memory.domain.allocCoherent?.(256, 8192);
    expect(coherent?.dmaAddr).toSatisfy((addr: number) => addr % 8192 === 0);
    if (coherent === undefined) return;
    expect(memory.write64(coherent.dmaAddr, 5, 0)).toBe(true);
    expect(coherent.bytes[0]).toBe(5);
    memory.domain.freeCoherent?.(coherent);
    expect(memory.write64(coherent.dmaAddr, 5, 0)).toBe(false);
  });

  it("keeps mappings apart, whatever comes and goes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ sizeBytes: fc.integer({ min: 1, max: 20_000 }), victim: fc.option(fc.nat()) }), {
          maxLength: 60,
        }),
        (steps) => {
          const { memory } = new Platform({ iommu: true });
          const live: { addr: number; bytes: Uint8Array }[] = [];
          let tag = 0;
          for (const { sizeBytes, victim } of steps) {
            tag += 1;
            const bytes = new Uint8Array(sizeBytes).fill(tag);
            live.push({ bytes, addr: memory.domain.map(bytes, 0, sizeBytes, TO_DEVICE) });
            if (victim !== null) {
              const [gone] = live.splice(victim % live.length, 1);
              if (gone === undefined) continue;
              memory.domain.unmap(gone.addr, gone.bytes.length, TO_DEVICE);
              expect(memory.locate(gone.addr, 1)).toBeNull();
            }
            for (const { addr, bytes: mine } of live) {
              const window = memory.locate(addr, mine.length);
              expect(window?.bytes[addr - window.base + mine.length - 1]).toBe(mine[0]);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
