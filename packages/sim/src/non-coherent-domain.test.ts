import { DmaDirection } from "@dmaengine/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NonCoherence } from "./non-coherent-domain.js";
import { Platform } from "./platform.js";

const { BIDIRECTIONAL, TO_DEVICE, FROM_DEVICE } = DmaDirection;
const LINE_BYTES = 32;
const BEHAVIOURS = ["v5", "v7"] as const;
const LONG = process.env["DMAENGINE_LONG"] === "1";

function machine(coherence: NonCoherence, seed: number) {
  const platform = new Platform({ coherence, seed, cacheLineBytes: LINE_BYTES });
  const { memory, meter } = platform;
  const { domain } = memory;
  return {
    platform,
    domain,
    meter,
    map: (bytes: Uint8Array, direction: DmaDirection) => domain.map(bytes, 0, bytes.length, direction),
    /** What the device does: reads or writes DRAM. */
    read: (addr: number, lengthBytes: number) => {
      const window = memory.locate(addr, lengthBytes);
      return window?.bytes.slice(addr - window.base, addr - window.base + lengthBytes) ?? null;
    },
    write: (addr: number, bytes: ArrayLike<number>) => {
      const window = memory.locate(addr, bytes.length, "write");
      if (window === null) throw new Error(`bus error at ${addr}`);
      window.bytes.set(bytes, addr - window.base);
    },
  };
}

const filled = (length: number, value: number) => new Uint8Array(length).fill(value);

describe.each(BEHAVIOURS)("a domain whose caches behave as %s", (behaviour) => {
  it("says that it is not coherent", () => {
    expect(machine(behaviour, 0).domain.coherent).toBe(false);
  });

  it("hands the CPU's stores to the device at map, and no sooner or later", () => {
    const m = machine(behaviour, 0);
    const page = filled(4096, 1);
    const addr = m.map(page, TO_DEVICE);
    expect(m.read(addr, 4096)).toEqual(filled(4096, 1));
    page.fill(2);
    m.domain.syncForDevice(addr, 4096, TO_DEVICE);
    expect(m.read(addr, 4096)).toEqual(filled(4096, 2));
  });

  it("shows the device's stores to the CPU at unmap and sync, not before", () => {
    // Without a prefetch at the wrong time, that is: the seed decides.
    const m = machine(behaviour, 1);
    const page = filled(4096, 1);
    const addr = m.map(page, FROM_DEVICE);
    m.write(addr, filled(4096, 3));
    expect(page[4095]).toBe(1);
    m.domain.syncForCpu(addr, 2048, FROM_DEVICE);
    expect(page.subarray(0, 2048)).toEqual(filled(2048, 3));
    m.domain.unmap(addr, 4096, FROM_DEVICE);
    expect(page).toEqual(filled(4096, 3));
  });

  it("loses what the CPU stored into memory that only the device writes", () => {
    const m = machine(behaviour, 0);
    const page = filled(4096, 1);
    const addr = m.map(page, FROM_DEVICE);
    m.domain.unmap(addr, 4096, FROM_DEVICE);
    // All but the lines that the cache happened to write back before.
    expect(page.filter((byte) => byte === 0).length).toBeGreaterThan(2048);
  });

  it("keeps the neighbours of a range that shares lines with them, at the price of the device's bytes there", () => {
    const m = machine(behaviour, 0);
    const bytes = filled(96, 1);
    const part = bytes.subarray(16, 80);
    const addr = m.map(part, FROM_DEVICE);
    bytes.fill(7, 0, 16);
    m.write(addr, filled(64, 9));
    m.domain.unmap(addr, 64, FROM_DEVICE);
    expect(bytes.subarray(0, 16)).toEqual(filled(16, 7));
    expect(bytes.subarray(32, 64)).toEqual(filled(32, 9));
    // The line of the CPU's stores came from before the device's.
    expect(bytes.subarray(16, 32)).toEqual(filled(16, 1));
  });

  it("treats the end of a buffer as the end of its last line", () => {
    const m = machine(behaviour, 0);
    const bytes = filled(70, 1);
    const addr = m.map(bytes, FROM_DEVICE);
    m.write(addr, filled(70, 9));
    m.domain.unmap(addr, 70, FROM_DEVICE);
    expect(bytes).toEqual(filled(70, 9));
  });

  it("counts the lines that it cares for", () => {
    const m = machine(behaviour, 0);
    const bytes = filled(4096, 1);
    const addr = m.map(bytes, BIDIRECTIONAL);
    expect(m.meter.count("cacheLine")).toBe(128);
    m.domain.unmap(addr, 4096, BIDIRECTIONAL);
    expect(m.meter.count("cacheLine")).toBe(behaviour === "v5" ? 128 : 256);
  });

  it("has memory that CPU and device see alike", () => {
    const m = machine(behaviour, 0);
    const { bytes, dmaAddr } = m.platform.memory.allocCoherent(100, 64);
    bytes.fill(5);
    expect(m.read(dmaAddr, 100)).toEqual(filled(100, 5));
    m.write(dmaAddr, filled(100, 6));
    expect(bytes).toEqual(filled(100, 6));
    m.platform.memory.freeCoherent({ bytes, dmaAddr });
    expect(m.read(dmaAddr, 1)).toBeNull();
  });

  it("is a bus error where no memory is, and where a buffer was transferred away", () => {
    const m = machine(behaviour, 0);
    expect(m.read(0x10, 1)).toBeNull();
    const page = new Uint8Array(4096);
    const addr = m.map(page, TO_DEVICE);
    structuredClone(page.buffer, { transfer: [page.buffer] });
    expect(m.read(addr, 1)).toBeNull();
  });

  it("refuses to unmap or sync what is not mapped", () => {
    const m = machine(behaviour, 0);
    const addr = m.map(new Uint8Array(8), TO_DEVICE);
    m.domain.unmap(addr, 8, TO_DEVICE);
    const refusal = expect.objectContaining({ code: "ERR_SIM_MEMORY" });
    expect(() => m.domain.unmap(addr, 8, TO_DEVICE)).toThrow(refusal);
    expect(() => m.domain.syncForCpu(0x10, 8, TO_DEVICE)).toThrow(refusal);
    const { dmaAddr } = m.platform.memory.allocCoherent(8, 8);
    expect(() => m.domain.syncForDevice(dmaAddr, 8, TO_DEVICE)).toThrow(refusal);
  });

  it("maps memory again that had no mapping for long", () => {
    const m = machine(behaviour, 0);
    const early = filled(64, 1);
    m.domain.unmap(m.map(early, TO_DEVICE), 64, TO_DEVICE);
    for (let i = 0; i < 20; i++) {
      const big = new Uint8Array(2 ** 20);
      m.domain.unmap(m.map(big, TO_DEVICE), big.length, TO_DEVICE);
    }
    expect(early).toEqual(filled(64, 1));
    expect(m.read(m.map(early, TO_DEVICE), 64)).toEqual(early);
  });

  it("does the same with the same seed", () => {
    const run = (seed: number) => {
      const m = machine(behaviour, seed);
      const page = filled(4096, 1);
      const addr = m.map(page, BIDIRECTIONAL);
      const seen: string[] = [];
      for (let i = 0; i < 40; i++) {
        m.write(addr + 64 * i, filled(64, i));
        seen.push(Buffer.from(page).toString("hex"));
      }
      return seen.join();
    };
    expect(run(5)).toBe(run(5));
    if (behaviour === "v7") expect(run(5)).not.toBe(run(6));
  });
});

/** A transfer that a device does in steps, reaching for memory at each one. */
interface Transfer {
  direction: DmaDirection;
  lengthBytes: number;
  steps: number;
  /** Between the steps, a part goes to the CPU and back. */
  syncs: boolean;
}

/** As `toEqual`, without its price for each byte. */
function expectSame(actual: Uint8Array | null, expected: Uint8Array): void {
  if (actual === null || Buffer.compare(actual, expected) !== 0) expect(actual).toEqual(expected);
}

describe("a client that maps correctly", () => {
  const transfer: fc.Arbitrary<Transfer> = fc.record({
    direction: fc.constantFrom(BIDIRECTIONAL, TO_DEVICE, FROM_DEVICE),
    lengthBytes: fc.integer({ min: 1, max: 600 }),
    steps: fc.integer({ min: 1, max: 4 }),
    syncs: fc.boolean(),
  });

  it.each(BEHAVIOURS)(
    "never sees a wrong byte, and neither does its device (%s)",
    { timeout: 600_000 },
    (behaviour) => {
      fc.assert(
        fc.property(
          fc.nat(),
          fc.array(fc.tuple(fc.nat(2), transfer), { minLength: 1, maxLength: 12 }),
          (seed, transfers) => {
            const m = machine(behaviour, seed);
            const pages = [0, 1, 2].map(() => new Uint8Array(600));
            let next = 1;
            for (const [which, { direction, lengthBytes, steps, syncs }] of transfers) {
              const page = pages[which] as Uint8Array;
              for (let i = 0; i < page.length; i++) page[i] = next = (next * 5 + 1) & 0xff;
              const bytes = page.subarray(0, Math.ceil(lengthBytes / LINE_BYTES) * LINE_BYTES);
              let expected = page.slice(0, bytes.length);
              const addr = m.map(bytes, direction);
              for (let step = 0; step < steps; step++) {
                if (direction !== FROM_DEVICE) expectSame(m.read(addr, bytes.length), expected);
                if (direction !== TO_DEVICE) {
                  expected = expected.map((byte) => (byte + 1 + step) & 0xff);
                  m.write(addr, expected);
                }
                if (!syncs) continue;
                m.domain.syncForCpu(addr, bytes.length, direction);
                expectSame(bytes, expected);
                if (direction !== FROM_DEVICE) {
                  bytes[0] = 99;
                  expected[0] = 99;
                }
                m.domain.syncForDevice(addr, bytes.length, direction);
              }
              m.domain.unmap(addr, bytes.length, direction);
              expectSame(bytes, expected);
            }
          },
        ),
        { numRuns: LONG ? 100_000 : 1000 },
      );
    },
  );
});

describe("a client that does not really gets wrong bytes, with every one of a thousand seeds", () => {
  const SEEDS = 1000;
  const every = (isWrong: (seed: number) => boolean): void => {
    for (let seed = 0; seed < SEEDS; seed++) if (!isWrong(seed)) expect.fail(`right with seed ${seed}`);
  };

  it.each(BEHAVIOURS)("unmapping while the device still writes (%s)", (behaviour) => {
    every((seed) => {
      const m = machine(behaviour, seed);
      const page = filled(4096, 1);
      const addr = m.map(page, FROM_DEVICE);
      m.domain.unmap(addr, 4096, FROM_DEVICE);
      m.write(addr, filled(4096, 2));
      return page.some((byte) => byte !== 2);
    });
  });

  it.each(BEHAVIOURS)("mapping a page twice, and using it after the first unmap (%s)", (behaviour) => {
    every((seed) => {
      const m = machine(behaviour, seed);
      const page = filled(4096, 1);
      const first = m.map(page, BIDIRECTIONAL);
      const second = m.map(page, BIDIRECTIONAL);
      m.write(first, filled(2048, 2));
      m.domain.unmap(first, 4096, BIDIRECTIONAL);
      // The first transfer is done, so the client takes the first half of the page for its own.
      page.fill(5, 0, 2048);
      m.write(second + 2048, filled(2048, 3));
      m.domain.unmap(second, 4096, BIDIRECTIONAL);
      return page.some((byte, at) => byte !== (at < 2048 ? 5 : 3));
    });
  });

  it.each(BEHAVIOURS)("storing into memory that is the device's (%s)", (behaviour) => {
    every((seed) => {
      const m = machine(behaviour, seed);
      const page = filled(4096, 1);
      const addr = m.map(page, TO_DEVICE);
      page.fill(2);
      return m.read(addr, 4096)?.some((byte) => byte !== 2) === true;
    });
  });
});

it("prefetches into memory that is the device's: some seed in a hundred reads stale bytes without the last sync", () => {
  const stale = Array.from({ length: 100 }, (_, seed) => {
    const m = machine("v7", seed);
    const page = filled(4096, 1);
    const addr = m.map(page, FROM_DEVICE);
    for (let at = 0; at < 4096; at += 512) m.write(addr + at, filled(512, 2));
    // Zeros come from DRAM as it was before the device wrote: nobody but the prefetcher can have read them.
    return page.includes(0);
  }).filter(Boolean);
  expect(stale.length).toBeGreaterThan(0);
});
