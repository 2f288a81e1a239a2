import { type Capabilities, type DmaDevice, type DmaDomain, DmaEngine, SumCheck } from "@dmaengine/core";
import { DirectDomain, DRIVER_CONTRACT } from "@dmaengine/core/driver";
import { describe, expect, it } from "vitest";
import { NOTHING, type StripePage } from "../stripe/stripe-page.js";
import { canDo, canDoEverything, canDoInParts, hindrance, type RaidOperation } from "./ability.js";
import type { FillOp, PageOp } from "./page-op.js";

/** A device that has these operations on paper. */
async function deviceWith(
  capabilities: Partial<Capabilities<RaidOperation>>,
  domain: DmaDomain = new DirectDomain("memory"),
): Promise<DmaDevice> {
  const idle = (): void => {};
  const preps = Object.fromEntries(
    Object.keys(capabilities).map((name) => [`prep${name[0]!.toUpperCase()}${name.slice(1)}`, () => false]),
  );
  const channel = () => ({ submit: idle, issuePending: idle, poll: idle, terminateAll: idle, ...preps });
  const [device] = await new DmaEngine().register({
    name: "paper",
    contract: DRIVER_CONTRACT,
    probe: () => [{ name: "paper0", capabilities, domain, ringSize: 1, channels: [channel] }],
  });
  return device!;
}

const page: StripePage = { bytes: new Uint8Array(0), mapping: null, valid: NOTHING };
const pages = (count: number) => Array.from({ length: count }, () => page);
const range = { start: 512, end: 1024 };
const coefs = (count: number) => Array.from({ length: count }, (_, i) => 1 << i);
const result = new SumCheck();

const fill = (into: Uint8Array, intoOffset = 0, lengthBytes = into.length): FillOp => ({
  op: "fill",
  page,
  pageOffset: 0,
  into,
  intoOffset,
  lengthBytes,
});
const xor = (sources: number): PageOp => ({ op: "xor", dst: page, srcs: pages(sources), range });
const pq = (sources: number, goOn = false, q: StripePage | null = page): PageOp => ({
  op: "pq",
  p: page,
  q,
  srcs: pages(sources),
  coefs: coefs(sources),
  range,
  goOn,
});
const xorVal = (sources: number): PageOp => ({ op: "xorVal", srcs: pages(sources), range, result });
const pqVal = (sources: number): PageOp => ({
  op: "pqVal",
  p: page,
  q: page,
  srcs: pages(sources),
  coefs: coefs(sources),
  range,
  result,
});

describe("what hinders an engine", () => {
  it("is an operation that it doesn't have", async () => {
    const device = await deviceWith({ memcpy: {} });
    expect(hindrance(device, fill(new Uint8Array(512)))).toBeNull();
    expect(hindrance(device, xor(2))).toBe("it has no xor");
    expect(canDo(device, xorVal(2))).toBe(false);
  });

  it("is a length or a place that it doesn't take, but not one that is too long", async () => {
    const device = await deviceWith({
      memcpy: { minLengthBytes: 128, maxLengthBytes: 256 },
      xor: { maxSources: 4, alignBytes: 1024 },
    });
    expect(hindrance(device, fill(new Uint8Array(127)))).toBe("its memcpy takes 128 bytes at least");
    expect(hindrance(device, fill(new Uint8Array(4096)))).toBeNull();
    expect(hindrance(device, xor(2))).toBe("its xor wants 1024-byte alignment");
    const aligned = await deviceWith({ memcpy: { alignBytes: 4 } });
    expect(hindrance(aligned, fill(new Uint8Array(512), 4, 8))).toBeNull();
    expect(hindrance(aligned, fill(new Uint8Array(512), 4, 7))).toContain("alignment");
    expect(hindrance(aligned, fill(new Uint8Array(512), 2, 8))).toContain("alignment");
    expect(hindrance(aligned, { ...fill(new Uint8Array(512), 4, 8), pageOffset: 1 })).toContain("alignment");
  });

  it("is a sum that it can't continue", async () => {
    const one = await deviceWith({ xor: { maxSources: 1 } });
    expect(hindrance(one, xor(1))).toBeNull();
    expect(hindrance(one, xor(2))).toBe("its xor takes 1 source");
    const device = await deviceWith({ pq: { maxSources: 3, continuation: false } });
    expect(hindrance(device, pq(3))).toBeNull();
    expect(hindrance(device, pq(4))).toBe("its pq takes 3 sources and can't be continued");
    const more = await deviceWith({ pq: { maxSources: 4, continuation: false } });
    expect(hindrance(more, pq(40))).toBeNull();
  });

  it("are coefficients that are wired, unless Q is left out", async () => {
    const fixedCoefs = [1, 2, 4, 8];
    const device = await deviceWith({ pq: { maxSources: 8, continuation: false, fixedCoefs } });
    expect(hindrance(device, pq(4))).toBeNull();
    expect(hindrance(device, pq(5))).toBe("its pq has fixed coefficients");
    expect(hindrance(device, pq(5, false, null))).toBeNull();
  });

  it("are cache lines that a read request shares, where devices don't see the caches", async () => {
    const domain = Object.assign(new DirectDomain("memory"), { coherent: false });
    const device = await deviceWith({ memcpy: {} }, domain);
    const buffer = new Uint8Array(1000);
    expect(hindrance(device, fill(buffer, 128, 256))).toBeNull();
    expect(hindrance(device, fill(buffer, 896, 104))).toBeNull();
    expect(hindrance(device, fill(buffer, 128, 255))).toContain("parts of cache lines");
    expect(hindrance(device, fill(buffer, 64, 256))).toContain("parts of cache lines");
    expect(hindrance(device, { ...fill(buffer, 1, 7), op: "drain", from: buffer, fromOffset: 1 })).toBeNull();
  });
});

describe("an engine that can do everything", () => {
  const everything = {
    memcpy: {},
    xor: { maxSources: 2 },
    xorVal: { maxSources: 6 },
    pq: { maxSources: 4, continuation: false },
    pqVal: { maxSources: 6, continuation: false },
  };

  it("need not be asked for any operation on a stripe of so many pages", async () => {
    const device = await deviceWith(everything);
    expect(canDoEverything(device, 6)).toBe(true);
    const ops = [fill(new Uint8Array(3), 1, 1), xor(6), pq(6, true), pq(6, true, null), xorVal(6), pqVal(6)];
    for (const op of ops) expect(hindrance(device, op)).toBeNull();
    expect(canDoEverything(device, 7)).toBe(false);
    expect(hindrance(device, xorVal(7))).not.toBeNull();
  });

  const fixedCoefs = [0, 1, 2, 4, 8, 16];
  it.each<[string, Partial<Capabilities<RaidOperation>>]>([
    ["aligned memory", { memcpy: { alignBytes: 2 } }],
    ["two bytes at least", { xor: { maxSources: 2, minLengthBytes: 2 } }],
    ["sums of one source", { xor: { maxSources: 1 } }],
    ["sums that can't go on", { pq: { maxSources: 3, continuation: false } }],
    ["wired coefficients", { pq: { maxSources: 6, continuation: true, fixedCoefs } }],
    ["wired coefficients in checks", { pqVal: { maxSources: 6, continuation: true, fixedCoefs } }],
    ["checks of fewer sources", { pqVal: { maxSources: 5, continuation: true } }],
  ])("is not one of %s", async (_what, limits) => {
    expect(canDoEverything(await deviceWith({ ...everything, ...limits }), 6)).toBe(false);
  });

  it("has all operations, and its domain no caches", async () => {
    for (const missing of Object.keys(everything)) {
      const others = Object.entries(everything).filter(([operation]) => operation !== missing);
      expect(canDoEverything(await deviceWith(Object.fromEntries(others)), 6)).toBe(false);
    }
    const domain = Object.assign(new DirectDomain("memory"), { coherent: false });
    expect(canDoEverything(await deviceWith(everything, domain), 6)).toBe(false);
  });
});

describe("what is done in parts", () => {
  it("is a check of too many sources, by an engine that can make the sum", async () => {
    const xorOnly = { xor: { maxSources: 4 }, xorVal: { maxSources: 2 } };
    const device = await deviceWith(xorOnly);
    expect(hindrance(device, xorVal(3))).toBe("its xorVal takes 2 sources, 3 are needed");
    expect(canDo(device, xorVal(3))).toBe(true);
    expect(canDo(device, pqVal(3))).toBe(false);
    const both = await deviceWith({ ...xorOnly, pq: { maxSources: 8, continuation: true } });
    expect(canDo(both, pqVal(30))).toBe(true);
    expect(canDo(await deviceWith({ xorVal: { maxSources: 2 } }), xorVal(3))).toBe(false);
  });

  it("is adding to P and Q, by an engine that can't continue", async () => {
    const limits = { maxSources: 3, continuation: false };
    expect(canDoInParts(await deviceWith({ pq: limits, xor: { maxSources: 2 } }), pq(3, true))).toBe(true);
    expect(canDo(await deviceWith({ pq: limits }), pq(3, true))).toBe(false);
  });
});
