import { describe, expect, it } from "vitest";
import { must, refusal, rig } from "../testing/rig.js";
import { DirectDomain } from "./direct-domain.js";
import { DmaDirection } from "./direction.js";
import { DMA_MAPPING_ERROR, type DmaAddr, dmaMappingError } from "./domain.js";
import { Scatterlist } from "./scatterlist.js";

const { TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL } = DmaDirection;

describe("mapping", () => {
  it("tells where the device finds the memory, for the whole and for a part", async () => {
    const { device, driver } = await rig(["interrupt"]);
    const memory = new Uint8Array(100);
    const addr = device.mapSingle(memory, TO_DEVICE);
    const part = device.mapPage(memory, 10, 20, TO_DEVICE);
    expect(part).toBe(addr + 10);
    expect(driver.domain.space.locate(part, 20).bytes.buffer).toBe(memory.buffer);
    device.unmapPage(part, 20, TO_DEVICE);
    device.unmapSingle(addr, 100, TO_DEVICE);
    expect(driver.domain.space.find(addr, 1)).toBeNull();
  });

  it("refuses ranges outside the memory and directions that are none", async () => {
    const { device } = await rig(["interrupt"]);
    const memory = new Uint8Array(100);
    for (const [offset, length] of [
      [-1, 10],
      [0, 0],
      [0, 101],
      [91, 10],
      [Number.NaN, 1],
      [0, Number.NaN],
    ] as const) {
      refusal("ERR_DMA_MAPPING", () => device.mapPage(memory, offset, length, TO_DEVICE));
    }
    for (const direction of [3, -1, undefined]) {
      refusal("ERR_DMA_MAPPING", () => device.mapSingle(memory, direction as unknown as DmaDirection));
    }
    refusal("ERR_DMA_MAPPING", () => device.mapSingle(new Uint8Array(0), TO_DEVICE));
    expect(device.stats().mapping).toMatchObject({ maps: 0, failures: 0 });
  });

  it("passes every call on to the domain, ranges and directions as they are", async () => {
    const calls: unknown[][] = [];
    const note =
      (name: string) =>
      (addr: DmaAddr, ...args: unknown[]) => {
        calls.push([name, addr, ...args]);
      };
    const domain = Object.assign(new DirectDomain("noted"), {
      unmap: note("unmap"),
      syncForCpu: note("syncForCpu"),
      syncForDevice: note("syncForDevice"),
    });
    const { device } = await rig(["interrupt"], { domain });
    const addr = device.mapSingle(new Uint8Array(16), BIDIRECTIONAL);
    device.syncSingleForCpu(addr + 4, 8, FROM_DEVICE);
    device.syncSingleForDevice(addr + 5, 7, TO_DEVICE);
    device.unmapSingle(addr, 16, BIDIRECTIONAL);
    const sgl = new Scatterlist(2).add(new Uint8Array(3)).add(new Uint8Array(5));
    device.mapSg(sgl, 2, TO_DEVICE);
    device.syncSgForCpu(sgl, 2, TO_DEVICE);
    device.syncSgForDevice(sgl, 1, TO_DEVICE);
    const [one, other] = sgl.dmaAddr;
    expect(calls).toEqual([
      ["syncForCpu", addr + 4, 8, FROM_DEVICE],
      ["syncForDevice", addr + 5, 7, TO_DEVICE],
      ["unmap", addr, 16, BIDIRECTIONAL],
      ["syncForCpu", one, 3, TO_DEVICE],
      ["syncForCpu", other, 5, TO_DEVICE],
      ["syncForDevice", one, 3, TO_DEVICE],
    ]);
  });

  it("fails where the address is beyond the device's mask, and keeps nothing mapped then", async () => {
    const { device, driver } = await rig(["interrupt"], { dmaMaskBits: 14 });
    const addr = device.mapSingle(new Uint8Array(4096), TO_DEVICE);
    expect(dmaMappingError(addr)).toBe(false);
    // Pages 3 and 4: the last address that has 14 bits is the end of page 3.
    const last = device.mapSingle(new Uint8Array(4096), TO_DEVICE);
    expect([last, device.mappingError(last)]).toEqual([12288, false]);
    device.unmapSingle(last, 4096, TO_DEVICE);
    const beyond = device.mapSingle(new Uint8Array(1), TO_DEVICE);
    expect([dmaMappingError(beyond), device.mappingError(beyond), device.mappingError(addr)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(driver.domain.space.find(5 * 4096, 1)).toBeNull();
    expect(device.stats().mapping).toMatchObject({ maps: 2, failures: 1, unmaps: 1 });
    expect(device.dmaMaskBits).toBe(14);
  });

  it("hands memory out that fits the device", async () => {
    const { device } = await rig(["interrupt"]);
    expect(device.alloc(100).length).toBe(100);
    device.free(device.alloc(1));
    const domain = Object.assign(new DirectDomain("with memory"), {
      given: [] as unknown[],
      alloc(...args: unknown[]) {
        this.given.push(args);
        return new Uint8Array(8);
      },
      free(memory: Uint8Array) {
        this.given.push(memory.length);
      },
    });
    const own = await rig(["interrupt"], { domain });
    own.device.free(own.device.alloc(5, 4096));
    own.device.freeCoherent(own.device.allocCoherent(8, 32));
    expect(domain.given).toEqual([[5, 4096], 8, [8, 32], 8]);
  });
});

describe("coherent memory", () => {
  it("is mapped until it is freed", async () => {
    const { device, driver } = await rig(["interrupt"], {}, { checker: true });
    const memory = device.allocCoherent(64);
    expect(memory.bytes.length).toBe(64);
    expect(driver.domain.space.locate(memory.dmaAddr, 64).bytes.buffer).toBe(memory.bytes.buffer);
    expect(device.stats().mapping.coherentBytes).toBe(64);
    device.freeCoherent(memory);
    expect(driver.domain.space.find(memory.dmaAddr, 1)).toBeNull();
    expect(device.stats().mapping.coherentBytes).toBe(0);
  });

  it("is refused where there is none that the device can reach", async () => {
    const narrow = await rig(["interrupt"], { dmaMaskBits: 13 });
    // The first page of addresses is never used, the second is the last that has 13 bits.
    expect(narrow.device.allocCoherent(4096).dmaAddr).toBe(4096);
    expect(refusal("ERR_DMA_MAPPING", () => narrow.device.allocCoherent(1)).message).toContain(
      "13 address bits",
    );
    const domain = Object.assign(new DirectDomain("cached"), { coherent: false });
    const { device } = await rig(["interrupt"], { domain });
    expect(refusal("ERR_DMA_MAPPING", () => device.allocCoherent(64)).message).toContain(
      "no coherent memory",
    );
  });
});

describe("scatterlists", () => {
  /** Three pieces of one buffer, the first two neighbours. */
  const pieces = (memory: Uint8Array): Scatterlist =>
    new Scatterlist(4).add(memory, 0, 100).add(memory, 100, 50).add(memory, 200);

  it("become segments, neighbours merged", async () => {
    const { device } = await rig(["interrupt"], {}, { checker: true });
    const memory = new Uint8Array(300);
    const sgl = pieces(memory);
    expect(device.mapSg(sgl, 3, TO_DEVICE)).toBe(2);
    const base = must(sgl.dmaAddr[0]);
    expect([...sgl.dmaAddr.subarray(0, 2)]).toEqual([base, base + 200]);
    expect([...sgl.dmaLengthBytes.subarray(0, 2)]).toEqual([150, 100]);
    device.syncSgForCpu(sgl, 3, TO_DEVICE);
    device.syncSgForDevice(sgl, 3, TO_DEVICE);
    device.unmapSg(sgl, 3, TO_DEVICE);
    expect(device.stats().mapping).toMatchObject({ maps: 3, unmaps: 3, syncsForCpu: 3, syncsForDevice: 3 });
  });

  it("are merged only as far as the device can take segments", async () => {
    const short = await rig(["interrupt"], { maxSegmentBytes: 149 });
    expect(short.device.mapSg(pieces(new Uint8Array(300)), 3, TO_DEVICE)).toBe(3);
    const bound = await rig(["interrupt"], { segmentBoundaryBytes: 128 });
    expect(bound.device.mapSg(pieces(new Uint8Array(300)), 2, TO_DEVICE)).toBe(2);
    const within = await rig(["interrupt"], { segmentBoundaryBytes: 256 });
    expect(within.device.mapSg(pieces(new Uint8Array(300)), 2, TO_DEVICE)).toBe(1);
  });

  it("are mapped as a whole or not at all", async () => {
    const { device, driver } = await rig(["interrupt"], { dmaMaskBits: 14 }, { checker: true });
    const sgl = new Scatterlist(2).add(new Uint8Array(100)).add(new Uint8Array(16384));
    expect(device.mapSg(sgl, 2, TO_DEVICE)).toBe(0);
    expect(driver.domain.space.find(must(sgl.entryAddr[0]), 1)).toBeNull();
    expect(device.stats().mapping).toMatchObject({ maps: 1, unmaps: 1, failures: 1 });
    expect(device.mapSg(sgl, 1, TO_DEVICE)).toBe(1);
  });

  it("refuse counts beyond their pieces, and pieces beyond their room", async () => {
    const { device } = await rig(["interrupt"]);
    const sgl = new Scatterlist(1);
    for (const count of [0, 1, Number.NaN])
      refusal("ERR_DMA_MAPPING", () => device.mapSg(sgl, count, TO_DEVICE));
    sgl.add(new Uint8Array(1));
    refusal("ERR_DMA_LIMIT", () => sgl.add(new Uint8Array(1)));
    refusal("ERR_DMA_MAPPING", () => device.mapSg(sgl, 2, TO_DEVICE));
    for (const use of [device.unmapSg, device.syncSgForCpu, device.syncSgForDevice]) {
      refusal("ERR_DMA_MAPPING", () => use.call(device, sgl, 2, TO_DEVICE));
    }
    sgl.clear();
    expect(sgl.add(new Uint8Array(7)).entries).toHaveLength(1);
    for (const capacity of [0, 1.5, -1]) expect(() => new Scatterlist(capacity)).toThrow(RangeError);
  });

  it("serve a transfer", async () => {
    const { device, chan, model } = await rig(["memsetSg"]);
    const memory = new Uint8Array(300);
    const sgl = pieces(memory);
    const count = device.mapSg(sgl, 3, FROM_DEVICE);
    must(chan.prepMemsetSg(sgl, count, 7)).submit();
    chan.issuePending();
    model.finish();
    device.unmapSg(sgl, 3, FROM_DEVICE);
    expect(memory.every((byte, i) => byte === (i < 150 || i >= 200 ? 7 : 0))).toBe(true);
  });
});

it("devices with one domain share addresses, others need a mapping each", async () => {
  const domain = new DirectDomain("shared");
  const memory = new Uint8Array(16);
  const addrs: DmaAddr[] = [];
  for (const options of [{ domain }, { domain }, {}]) {
    const { device } = await rig(["interrupt"], options);
    addrs.push(device.mapSingle(memory, BIDIRECTIONAL));
  }
  expect(addrs[0]).toBe(addrs[1]);
  expect(addrs).not.toContain(DMA_MAPPING_ERROR);
});
