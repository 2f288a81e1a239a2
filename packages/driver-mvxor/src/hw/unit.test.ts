// The hardware half alone: registers through the bus, descriptors as bytes in memory. Offsets and bits are written out as
// drivers/dma/mv_xor.h gives them, not taken from datasheet.ts, so that this checks the constants too.

import { DmaDirection, gfExp, gfMul } from "@dmaengine/core";
import { FaultPlan, type PlannedFault, Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { MV_XOR_VARIANTS, type MvXorVariantName } from "../variant.js";
import { plugXorUnit } from "./unit.js";

const A_WHILE = 10_000_000;
const OWNED = 0x8000_0000;
const SUCCESS = 0x4000_0000;
const INT_END = 0x8000_0000;
const XOR = 0;
const MEMCPY = 2;
const MEMINIT = 4;
const IN_DESC = 7;
const EOD = 0x1;
const EOC = 0x2;
const STOPPED = 0x4;
const PAUSED = 0x8;
const DECODE = 0x10;
const RDPROT = 0x20;
const WRPROT = 0x40;
const OWN = 0x80;
const PARITY = 0x100;
const MBUS = 0x200;
/** Mapped by nobody, in a window. */
const NOWHERE = 0x3fff_0000;

interface Words {
  status?: number;
  command?: number;
  /** Slot of the next descriptor. */
  next?: number;
  count?: number;
  dst?: number;
  srcs?: Record<number, number>;
  q?: number;
}

function rig(variant: MvXorVariantName = "armada-38x", faults: readonly PlannedFault[] = []) {
  const platform = new Platform({ clock: "stepped", faults: new FaultPlan(faults) });
  const { bus, clock, memory } = platform;
  const unit = plugXorUnit(platform, "xor0", MV_XOR_VARIANTS[variant], 2);
  const { low, high, irqs } = unit;
  const interrupts: string[] = [];
  irqs.forEach((irq, c) => {
    irq.request(() => {
      interrupts.push(`${c}:${bus.read32(low + 0x30).toString(16)}`);
    });
  });
  // One window of 1 GiB, for both channels, to read and write.
  bus.write32(high + 0x50, 0x0000_0e00);
  bus.write32(high + 0x70, 0x3fff_0000);
  for (const c of [0, 1]) bus.write32(high + 0x40 + 4 * c, 0x0003_0001);
  const ring = memory.allocCoherent(64 * 16, 64);
  const view = new DataView(ring.bytes.buffer, ring.bytes.byteOffset, ring.bytes.length);
  const at = (slot: number): number => ring.dmaAddr + 64 * slot;
  return {
    platform,
    bus,
    clock,
    unit,
    low,
    high,
    interrupts,
    ring,
    at,
    /** Puts a buffer where the unit reaches it. */
    map: (bytes: Uint8Array): number => memory.domain.map(bytes, 0, bytes.length, DmaDirection.BIDIRECTIONAL),
    put: (slot: number, words: Words) => {
      const { status = OWNED, command = 1, next, count = 128, dst = 0, srcs = {}, q = 0 } = words;
      const set = (word: number, value: number) => view.setUint32(64 * slot + 4 * word, value >>> 0, true);
      ring.bytes.fill(0, 64 * slot, 64 * slot + 64);
      set(0, status);
      set(2, command);
      set(3, next === undefined ? 0 : at(next));
      set(4, count);
      set(5, dst);
      for (const [n, addr] of Object.entries(srcs)) set(6 + Number(n), addr);
      set(14, q);
    },
    link: (slot: number, next: number) => view.setUint32(64 * slot + 12, at(next), true),
    status: (slot: number): number => view.getUint32(64 * slot, true),
    start: (c: number, mode: number, slot = 0) => {
      bus.write32(low + 0x10 + 4 * c, mode);
      bus.write32(high + 4 * c, at(slot));
      bus.write32(low + 0x20 + 4 * c, 1);
    },
    state: (c = 0): number => (bus.read32(low + 0x20 + 4 * c) >>> 4) & 3,
    cause: (c = 0): number => (bus.read32(low + 0x30) >>> (16 * c)) & 0xffff,
    current: (c = 0): number => (bus.read32(high + 0x10 + 4 * c) - ring.dmaAddr) / 64,
    error: (): [number, number] => [bus.read32(low + 0x50), bus.read32(low + 0x60)],
  };
}

function noise(lengthBytes: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: lengthBytes }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

describe("operations", () => {
  it.each([
    ["mode MEMCPY", MEMCPY, 0],
    ["mode IN_DESC, operation 2", IN_DESC, 0x0200_0000],
    ["XOR of one source", XOR, 1],
  ])("copies: %s", (_, mode, command) => {
    const r = rig();
    const [src, dst] = [noise(200, 1), new Uint8Array(200)];
    r.put(0, { command, count: 150, dst: r.map(dst) + 3, srcs: { 0: r.map(src) + 1 } });
    r.start(0, mode);
    expect([r.state(), r.status(0)]).toEqual([1, OWNED]);
    r.clock.advance(A_WHILE);
    expect([r.state(), r.status(0)]).toEqual([0, SUCCESS]);
    expect(dst).toEqual(Uint8Array.from([0, 0, 0, ...src.slice(1, 151), ...new Array(47).fill(0)]));
    expect(r.cause()).toBe(EOC);
  });

  it("xors the enabled sources, in place too", () => {
    const r = rig("orion");
    const srcs = Array.from({ length: 8 }, (_, i) => noise(128, i));
    const addrs = srcs.map(r.map);
    const before = srcs.map((src) => src.slice());
    r.put(0, { command: 0b1010_0101, dst: addrs[5] as number, srcs: { ...addrs } });
    r.start(0, XOR);
    r.clock.advance(A_WHILE);
    const want = before[0]!.map((byte, i) => byte ^ before[2]![i]! ^ before[5]![i]! ^ before[7]![i]!);
    expect(srcs[5]).toEqual(want);
    expect(srcs.filter((_, i) => i !== 5)).toEqual(before.filter((_, i) => i !== 5));
  });

  it.each([
    ["P and Q", 0x300],
    ["P", 0x100],
    ["Q", 0x200],
  ])("makes %s, each source times 2^slot", (_, outputs) => {
    const r = rig();
    const srcs = Array.from({ length: 8 }, (_, i) => noise(128, i + 7));
    const [p, q] = [new Uint8Array(128), new Uint8Array(128)];
    const enabled = [0, 1, 4, 7];
    const sources = enabled.reduce((bits, i) => bits | (1 << i), 0);
    r.put(0, {
      command: 0x0500_0000 | outputs | sources,
      dst: (outputs & 0x100) === 0 ? 0xdead_0000 : r.map(p),
      q: (outputs & 0x200) === 0 ? 0xdead_0000 : r.map(q),
      srcs: { ...srcs.map(r.map) },
    });
    r.start(0, IN_DESC);
    r.clock.advance(A_WHILE);
    expect(r.status(0)).toBe(SUCCESS);
    const sum = (coef: (i: number) => number) =>
      p.map((_, at) => enabled.reduce((acc, i) => acc ^ gfMul(coef(i), srcs[i]![at]!), 0));
    const none = new Uint8Array(128);
    expect(p).toEqual((outputs & 0x100) === 0 ? none : sum(() => 1));
    expect(q).toEqual((outputs & 0x200) === 0 ? none : sum(gfExp));
  });

  it("fills memory from registers, with the value at its start", () => {
    const r = rig("orion");
    const dst = new Uint8Array(150);
    r.bus.write32(r.low + 0x10, MEMINIT);
    r.bus.write32(r.high + 0xb0, r.map(dst) + 1);
    r.bus.write32(r.high + 0xc0, 130);
    r.bus.write32(r.high + 0xe0, 0x0403_0201);
    r.bus.write32(r.high + 0xe4, 0x0807_0605);
    r.bus.write32(r.low + 0x20, 1);
    r.bus.write32(r.high + 0xe0, 0);
    r.clock.advance(A_WHILE);
    expect([...dst]).toEqual([
      0,
      ...Array.from({ length: 130 }, (_, i) => (i % 8) + 1),
      ...new Array(19).fill(0),
    ]);
    expect([r.state(), r.cause()]).toEqual([0, EOC]);
  });

  it("swaps descriptors in units of 8 bytes", () => {
    const r = rig();
    const [src, dst] = [noise(128, 5), new Uint8Array(128)];
    r.put(0, { command: 0x1, dst: r.map(dst), srcs: { 0: r.map(src) } });
    for (let at = 0; at < 64; at += 8) r.ring.bytes.subarray(at, at + 8).reverse();
    r.start(0, IN_DESC | 0x4000);
    r.clock.advance(A_WHILE);
    expect(dst).toEqual(src);
    expect([...r.ring.bytes.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0x40, 0, 0, 0]);
  });

  it.each([
    ["the mode of a later chip", "orion", IN_DESC],
    ["CRC32C", "armada-38x", 1],
    ["swapping of data", "armada-38x", 0x1000],
  ] as const)("is not configured for %s", (_, variant, config) => {
    const r = rig(variant);
    expect(() => r.bus.write32(r.low + 0x10, config)).toThrow(/CONFIG\(0\): expected mode/);
  });
});

describe("chains", () => {
  it("follows the next pointers, raises the ends that were asked for, and the end of the chain", () => {
    const r = rig();
    const bytes = new Uint8Array(4 * 128);
    bytes.set(noise(128, 3));
    const base = r.map(bytes);
    for (let i = 0; i < 3; i++) {
      r.put(i, {
        command: (i === 1 ? INT_END : 0) | 1,
        next: i + 1,
        srcs: { 0: base + 128 * i },
        dst: base + 128 * (i + 1),
      });
    }
    r.link(2, 5);
    r.put(5, { srcs: { 0: base }, dst: base });
    r.bus.write32(r.low + 0x40, 0x3f7);
    r.start(0, IN_DESC);
    r.clock.advance(A_WHILE);
    expect([0, 1, 2, 5].map(r.status)).toEqual([SUCCESS, SUCCESS, SUCCESS, SUCCESS]);
    expect(r.current()).toBe(5);
    expect(bytes.slice(384)).toEqual(bytes.slice(0, 128));
    expect(r.cause()).toBe(EOD | EOC);
    // The line stays up until the cause is cleared: one interrupt.
    expect(r.interrupts).toEqual(["0:1"]);
  });

  it("stops at the old end when it is extended after it was fetched, and not before", () => {
    const r = rig();
    const base = r.map(new Uint8Array(256));
    const one = { srcs: { 0: base }, dst: base + 128 };
    for (const slot of [0, 1, 2]) r.put(slot, one);
    r.link(0, 1);
    r.start(0, IN_DESC);
    r.clock.runNext();
    r.link(1, 2);
    r.clock.advance(A_WHILE);
    expect([r.current(), r.state(), r.status(2)]).toEqual([1, 0, OWNED]);
    r.bus.write32(r.high, r.at(2));
    r.bus.write32(r.low + 0x20, 1);
    r.link(0, 1);
    r.clock.advance(A_WHILE);
    expect([r.current(), r.status(2)]).toEqual([2, SUCCESS]);
  });

  it("runs both channels at a time, and tells their causes apart", () => {
    const r = rig();
    const base = r.map(new Uint8Array(512));
    r.put(0, { srcs: { 0: base }, dst: base + 128 });
    r.put(1, { srcs: { 0: base + 256 }, dst: NOWHERE });
    r.bus.write32(r.low + 0x40, 0x03f7_03f7);
    r.start(0, IN_DESC);
    r.start(1, IN_DESC, 1);
    expect([r.state(0), r.state(1)]).toEqual([1, 1]);
    r.clock.advance(A_WHILE);
    expect(r.bus.read32(r.low + 0x30)).toBe(((MBUS << 16) | EOC) >>> 0);
    expect(r.interrupts).toEqual(["0:2", "1:2000002"]);
    // 0 clears, 1 leaves.
    r.bus.write32(r.low + 0x30, 0xffff_fffd);
    expect(r.bus.read32(r.low + 0x30)).toBe((MBUS << 16) >>> 0);
  });

  it("stops, and does nothing more", () => {
    const r = rig();
    const bytes = noise(256, 9);
    const before = bytes.slice();
    const base = r.map(bytes);
    r.put(0, { srcs: { 0: base }, dst: base + 128 });
    r.start(0, IN_DESC);
    r.bus.write32(r.low + 0x20, 2);
    r.clock.advance(A_WHILE);
    expect([r.state(), r.cause(), r.status(0)]).toEqual([0, STOPPED, OWNED]);
    expect(bytes).toEqual(before);
  });

  it("stops between two descriptors when the interrupt handler says so", () => {
    const r = rig();
    const base = r.map(new Uint8Array(256));
    r.put(0, { command: INT_END | 1, next: 1, srcs: { 0: base }, dst: base + 128 });
    r.put(1, { srcs: { 0: base }, dst: base + 128 });
    const [irq] = r.unit.irqs;
    irq?.free();
    irq?.request(() => r.bus.write32(r.low + 0x20, 2));
    r.bus.write32(r.low + 0x40, EOD);
    r.start(0, IN_DESC);
    r.clock.advance(A_WHILE);
    expect([r.state(), r.current(), r.status(0), r.status(1)]).toEqual([0, 0, SUCCESS, OWNED]);
  });

  it("pauses, and goes on where it was", () => {
    const r = rig();
    const base = r.map(new Uint8Array(256));
    r.put(0, { srcs: { 0: base }, dst: base + 128 });
    r.start(0, IN_DESC);
    r.bus.write32(r.low + 0x20, 4);
    r.clock.advance(A_WHILE);
    expect([r.state(), r.cause(), r.status(0)]).toEqual([2, PAUSED, OWNED]);
    expect(r.bus.read32(r.high + 0x20)).toBe(128);
    r.bus.write32(r.low + 0x20, 8);
    r.clock.advance(A_WHILE);
    expect([r.state(), r.status(0), r.bus.read32(r.high + 0x20)]).toEqual([0, SUCCESS, 0]);
  });

  it("is gone once it is unplugged", () => {
    const r = rig();
    const bytes = noise(256, 9);
    const before = bytes.slice();
    const base = r.map(bytes);
    r.put(0, { srcs: { 0: base }, dst: base + 128 });
    r.start(0, IN_DESC);
    r.unit.unplug();
    r.clock.advance(A_WHILE);
    expect(bytes).toEqual(before);
    expect(() => r.bus.read32(r.low + 0x30)).toThrow(/no register/);
  });
});

/** What is wrong, its cause bit, and the descriptor with the address that the error is about. */
type ErrorCase = [string, number, (r: ReturnType<typeof rig>, base: number) => [Words, number]];

/** A copy of 128 bytes, but for what is wrong with it. */
function copy(src: number, dst: number, wrong: Words = {}): Words {
  return { srcs: { 0: src }, dst, ...wrong };
}

describe("errors leave the channel idle at their descriptor, and nothing written", () => {
  it.each<ErrorCase>([
    ["a source that nothing answers", MBUS, (_, base) => [copy(NOWHERE, base), NOWHERE]],
    ["a destination that nothing answers", MBUS, (_, base) => [copy(base, NOWHERE), NOWHERE]],
    ["an address outside all windows", DECODE, (_, base) => [copy(base, 0x4000_0000), 0x4000_0000]],
    ["the part of a range outside all windows", DECODE, (_, base) => [copy(base, 0x3fff_ffc0), 0x4000_0000]],
    [
      "a write through a window to read from",
      WRPROT,
      (r, base) => {
        r.bus.write32(r.high + 0x40, 0x0001_0001);
        return [copy(base, base + 128), base + 128];
      },
    ],
    ["a descriptor that is the driver's", OWN, (r, base) => [copy(base, base, { status: 0 }), r.at(0)]],
    ["a length below the least", PARITY, (r, base) => [copy(base, base, { count: 127 }), r.at(0)]],
    ["a length above the most", PARITY, (r, base) => [copy(base, base, { count: 2 ** 24 }), r.at(0)]],
    ["an XOR of nothing", PARITY, (r, base) => [copy(base, base, { command: 0 }), r.at(0)]],
    ["PQ without P and Q", PARITY, (r, base) => [copy(base, base, { command: 0x0500_0001 }), r.at(0)]],
    ["an operation that is none", PARITY, (r, base) => [copy(base, base, { command: 0x0900_0001 }), r.at(0)]],
  ])("%s", (_, cause, make) => {
    const r = rig();
    const bytes = noise(256, 11);
    const before = bytes.slice();
    const [words, addr] = make(r, r.map(bytes));
    r.put(0, { ...words, next: 1 });
    r.put(1, words);
    r.start(0, IN_DESC);
    r.clock.advance(A_WHILE);
    expect([r.state(), r.current(), r.cause()]).toEqual([0, 0, cause]);
    expect(r.error()).toEqual([Math.log2(cause), addr]);
    expect(r.status(0) & SUCCESS).toBe(0);
    expect(bytes).toEqual(before);
  });

  it.each([
    ["outside all windows", 0x5000_0000, DECODE],
    ["where nothing answers", NOWHERE, MBUS],
    ["that is not aligned", 0x20, PARITY],
  ])("a chain %s", (_, addr, cause) => {
    const r = rig();
    r.bus.write32(r.low + 0x10, IN_DESC);
    r.bus.write32(r.high, addr);
    r.bus.write32(r.low + 0x20, 1);
    expect([r.state(), r.cause(), r.error()[1]]).toEqual([0, cause, addr]);
  });

  it("a read through a window without access", () => {
    const r = rig();
    r.bus.write32(r.high + 0x40, 0x0000_0001);
    r.start(0, IN_DESC);
    expect([r.cause(), r.error()]).toEqual([RDPROT, [5, r.at(0)]]);
  });

  it("a range across two windows is none", () => {
    const r = rig();
    r.bus.write32(r.high + 0x70, 0);
    r.bus.write32(r.high + 0x54, 0x0001_0d00);
    r.bus.write32(r.high + 0x74, 0x3ffe_0000);
    r.bus.write32(r.high + 0x40, 0x000f_0003);
    const bytes = new Uint8Array(0x20000).fill(7);
    const base = r.map(bytes);
    r.put(0, { count: 0x10000, srcs: { 0: base }, dst: base + 0x10000 });
    r.start(0, IN_DESC);
    r.clock.advance(A_WHILE);
    expect([base < 0x10000, r.status(0)]).toEqual([true, SUCCESS]);
  });
});

it("is put back into the middle of its work by a snapshot, and does the same again", () => {
  const r = rig();
  const bytes = noise(4096, 2);
  const base = r.map(bytes);
  for (let i = 0; i < 8; i++) {
    r.put(i, {
      command: 3,
      next: i + 1,
      srcs: { 0: base + 128 * i, 1: base + 2048 },
      dst: base + 128 * (i + 1),
    });
  }
  r.put(8, { status: 0 });
  r.start(0, IN_DESC);
  for (let i = 0; i < 3; i++) r.clock.runNext();
  const snapshot = r.platform.snapshot();
  const goOn = () => {
    r.clock.advance(A_WHILE);
    return [bytes.slice(), r.ring.bytes.slice(), r.cause(), r.current(), r.error(), r.state()];
  };
  const first = goOn();
  snapshot.restore();
  expect(r.current()).toBe(3);
  expect(goOn()).toEqual(first);
  expect(r.cause()).toBe(OWN);
});
