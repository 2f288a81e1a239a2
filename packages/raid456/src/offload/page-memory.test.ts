import { DmaDirection, DmaEngine, type DmaTraceEvent } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import { iop3xx } from "@dmaengine/driver-iop3xx";
import { PLATFORMS, Platform } from "@dmaengine/sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PageMemory } from "./page-memory.js";

const PAGE_BYTES = 16384;
const block = (first: number, last = first) => ({ start: 4096 * first, end: 4096 * (last + 1) });

/** Two devices that share mappings, or with an IOMMU don't; and what is done with a page, in words. */
async function setUp(iommu = false) {
  const log: string[] = [];
  let base = 0;
  const trace = (event: DmaTraceEvent): void => {
    if (event.type === "map" || event.type === "unmap") log.push(`${event.type} ${event.device.at(-1)}`);
    if (event.type === "map") base = event.addr;
    if (event.type === "syncForCpu" || event.type === "syncForDevice") {
      const first = (event.addr - base) / 4096;
      log.push(
        `${event.type === "syncForCpu" ? "cpu" : "device"} ${first}-${first + event.lengthBytes / 4096 - 1}`,
      );
    }
  };
  const engine = new DmaEngine({ checker: true, trace });
  const driver = iop3xx({ platform: new Platform({ ...PLATFORMS.iop33x, iommu }) });
  const [one, other] = await engine.register(driver);
  const pages = new PageMemory();
  pages.home = one!;
  pages.mapsAtOnce = true;
  const memory = pages.alloc(PAGE_BYTES);
  const page = pages.map(memory, 0, PAGE_BYTES);
  const finish = async () => {
    page.unmap();
    pages.free(memory);
    await engine.unregister(driver);
  };
  return { engine, pages, page, one: one!, other: other!, log, finish };
}

describe("a stripe page", () => {
  it("is mapped when it is made and unmapped when it goes; in between ownership moves by sync", async () => {
    const { page, one, log, finish } = await setUp();
    page.toDevice(one, block(0, 3));
    page.toCpu(block(0, 3));
    page.toCpu(block(1));
    page.toDevice(one, block(2));
    page.toDevice(one, block(0));
    await finish();
    expect(log).toEqual([
      "map 0",
      "cpu 0-3",
      "device 2-2",
      "device 0-0",
      // What the CPU has still is given back before.
      "device 1-1",
      "device 3-3",
      "unmap 0",
    ]);
  });

  it("passes no more on than what is touched, in blocks of 4096 bytes", async () => {
    const { page, one, log, finish } = await setUp();
    page.toCpu({ start: 5000, end: 5001 });
    page.toDevice(one, block(0));
    page.toDevice(one, block(2, 3));
    page.toCpu({ start: 4000, end: 4100 });
    page.toCpu({ start: 16000, end: 16384 });
    page.toDevice(one, { start: 0, end: 1 });
    await finish();
    expect(log).toEqual([
      "map 0",
      "cpu 1-1",
      "cpu 0-0",
      "cpu 3-3",
      "device 0-0",
      "device 1-1",
      "device 3-3",
      "unmap 0",
    ]);
  });

  it("passes neighbours on together, and what lies apart by itself", async () => {
    const { page, one, log, finish } = await setUp();
    page.toCpu(block(1));
    page.toCpu(block(0, 3));
    page.toDevice(one, block(2));
    page.toDevice(one, block(0, 3));
    await finish();
    expect(log).toEqual([
      "map 0",
      "cpu 1-1",
      "cpu 0-0",
      "cpu 2-3",
      "device 2-2",
      "device 0-1",
      "device 3-3",
      "unmap 0",
    ]);
  });

  it("may be long, or end in the middle of a block", async () => {
    const { engine, one, pages, finish } = await setUp();
    const synced: number[] = [];
    for (const lengthBytes of [1, 5000, 30 * 4096, 30 * 4096 + 1, 1024 * 1024 + 4097]) {
      const memory = pages.alloc(lengthBytes);
      const page = pages.map(memory, 0, lengthBytes);
      const before = engine.stats().devices[one.name]!.mapping.syncsForCpu;
      page.toCpu({ start: 0, end: lengthBytes });
      page.toCpu({ start: lengthBytes - 1, end: lengthBytes });
      synced.push(engine.stats().devices[one.name]!.mapping.syncsForCpu - before);
      memory.fill(1);
      page.toDevice(one, { start: 0, end: lengthBytes });
      page.unmap();
      pages.free(memory);
    }
    expect(synced).toEqual([1, 1, 1, 1, 1]);
    await finish();
  });

  it("of a request is mapped where it is at the moment, and is read by the CPU beside the engines that only read it", async () => {
    const { pages, one, log, finish } = await setUp();
    const memory = pages.alloc(2 * PAGE_BYTES);
    const page = pages.movable(PAGE_BYTES);
    expect(page.device).toBe(null);
    page.moveTo(memory, 0, DmaDirection.TO_DEVICE);
    const first = page.toDevice(one, block(0));
    page.toCpu(block(0, 3));
    page.leave();
    expect(page.device).toBe(null);
    page.moveTo(memory, PAGE_BYTES, DmaDirection.BIDIRECTIONAL);
    expect(page.toDevice(one, block(0))).toBe(first + PAGE_BYTES);
    page.toCpu(block(1));
    page.leave();
    pages.free(memory);
    await finish();
    const [, ...ofRequests] = log;
    expect(ofRequests).toEqual(["map 0", "unmap 0", "map 0", "cpu 1-1", "device 1-1", "unmap 0", "unmap 0"]);
  });

  it("has longer blocks where it is long", async () => {
    const { pages, one, log, finish } = await setUp();
    for (const lengthBytes of [31 * 4096, 32 * 4096, 64 * 4096]) {
      const memory = pages.alloc(lengthBytes);
      const page = pages.map(memory, 0, lengthBytes);
      page.toCpu({ start: lengthBytes - 1, end: lengthBytes });
      page.toDevice(one, { start: 0, end: 1 });
      page.unmap();
      pages.free(memory);
    }
    expect(log.filter((entry) => entry.startsWith("cpu"))).toEqual(["cpu 30-30", "cpu 30-31", "cpu 60-63"]);
    await finish();
  });

  it("passes each block on once, whatever is asked for", async () => {
    const step = fc.record({
      toCpu: fc.boolean(),
      at: fc.nat(),
      lengthBytes: fc.integer({ min: 1, max: 200_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 31 }), fc.array(step), async (blocks, steps) => {
        const { pages, one, log, finish } = await setUp();
        const lengthBytes = 4096 * blocks;
        const memory = pages.alloc(lengthBytes);
        const page = pages.map(memory, 0, lengthBytes);
        const cpus = new Array<boolean>(blocks).fill(false);
        const expected: string[] = [];
        for (const { toCpu, at, lengthBytes: wanted } of steps) {
          const start = at % lengthBytes;
          const range = { start, end: Math.min(lengthBytes, start + wanted) };
          if (toCpu) page.toCpu(range);
          else page.toDevice(one, range);
          const last = Math.ceil(range.end / 4096) - 1;
          for (let block = Math.floor(start / 4096); block <= last; block++) {
            if (cpus[block] === toCpu) continue;
            const first = block;
            for (; block <= last && cpus[block] !== toCpu; block++) cpus[block] = toCpu;
            expected.push(`${toCpu ? "cpu" : "device"} ${first}-${block - 1}`);
          }
        }
        expect(log.slice(2)).toEqual(expected);
        page.unmap();
        pages.free(memory);
        await finish();
      }),
      { numRuns: 200 },
    );
  });

  it("is not mapped again for a device that shares the mapping", async () => {
    const { page, pages, one, other, log, finish } = await setUp();
    expect(page.toDevice(other, block(0))).toBe(page.toDevice(one, block(0)));
    expect(page.device).toBe(one);
    expect(pages.remaps).toBe(0);
    await finish();
    expect(log).toEqual(["map 0", "unmap 0"]);
  });

  it("is mapped again for one that doesn't, with what the CPU has written in it", async () => {
    const { page, pages, one, other, log, finish } = await setUp(true);
    page.toCpu(block(1));
    page.toDevice(other, block(3));
    page.toDevice(other, block(1));
    page.toDevice(one, block(1));
    expect(pages.remaps).toBe(2);
    await finish();
    expect(log).toEqual([
      "map 0",
      "cpu 1-1",
      "device 1-1",
      "unmap 0",
      "map 1",
      "unmap 1",
      "map 0",
      "unmap 0",
    ]);
  });

  it("is the CPU's as a whole while it is not mapped", async () => {
    const { page, one, log, finish } = await setUp();
    page.unmap();
    page.unmap();
    page.toCpu(block(0, 3));
    expect(page.device).toBeNull();
    page.toDevice(one, block(2));
    await finish();
    expect(log).toEqual(["map 0", "unmap 0", "map 0", "unmap 0"]);
  });

  it("is refused by name where the device can't reach it", async () => {
    const { engine, pages, finish } = await setUp();
    const [narrow] = await engine.register(cpu());
    const page = new PageMemory().map(new Uint8Array(PAGE_BYTES), 0, PAGE_BYTES);
    const unreachable = Object.create(narrow!, { mapPage: { value: () => -1 } }) as typeof narrow;
    expect(() => page.toDevice(unreachable!, block(0))).toThrow(/cpu can't map a stripe page of 16384 bytes/);
    expect(page.device).toBeNull();
    expect(pages.remaps).toBe(0);
    await finish();
  });

  it("has memory of the device at home, which it is given back to", async () => {
    const engine = new DmaEngine();
    const driver = cpu();
    const [device] = await engine.register(driver);
    const pages = new PageMemory();
    pages.home = device!;
    const memory = pages.alloc(PAGE_BYTES);
    expect(memory.byteOffset % 4096).toBe(0);
    pages.home = null;
    pages.free(memory);
    // Nobody has it any more, so giving it back again is refused.
    expect(() => device!.free(memory)).toThrow(/freed already/);
    expect(pages.alloc(10).length).toBe(10);
  });
});
