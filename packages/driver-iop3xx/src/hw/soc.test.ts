// The hardware half alone: registers through the bus, descriptors as words in memory. Offsets and bits are written out as the reference
// gives them (iop3xx-adma.h, mach/adma.h of iop13xx, iopaaureg.h), not taken from datasheet/, so that this checks the constants too.

import { DmaDirection, gfMul } from "@dmaengine/core";
import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { IOP_VARIANTS, type IopSoc } from "../variant.js";
import { plugIop } from "./soc.js";

const DMA1 = 1;
const AAU = 2;
const ADMA0 = 0;
const ADMA2 = 2;
const NOTHING = 0x10;
const ACTIVE = 1 << 10;
const EOC = 1 << 8;
const EOT = 1 << 9;
const MASTER_ABORT = 1 << 5;
/** Long enough for anything in here. */
const A_WHILE = 10_000_000;

const D0 = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x10, 0xa5, 0x5a];
const D1 = [0xff, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80];
const D2 = [0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe];

/** Where a kind of unit has its registers. */
const LAYOUTS = {
  dma: { control: 0x00, status: 0x04, current: 0x0c, next: 0x10 },
  aau: { control: 0x00, status: 0x04, current: 0x08, next: 0x0c },
  adma: { control: 0x00, status: 0x04, current: 0x08, next: 0x24 },
};

function rig(soc: IopSoc, unit: number) {
  const platform = new Platform({ clock: "stepped" });
  const { bus, clock, memory } = platform;
  const plugged = plugIop(platform, "iop", IOP_VARIANTS[soc]);
  const device = plugged.devices[unit];
  if (device === undefined) throw new Error("no such unit");
  const at = LAYOUTS[IOP_VARIANTS[soc][unit]?.kind ?? "dma"];
  const interrupts: string[] = [];
  device.endOfTransfer.request(() => interrupts.push("eot"));
  device.endOfChain.request(() => interrupts.push("eoc"));
  device.error.request(() => interrupts.push("error"));
  const pool = memory.allocCoherent(4096, 4096);
  const words = new Uint32Array(pool.bytes.buffer, pool.bytes.byteOffset, 1024);
  const base = device.base;
  return {
    platform,
    bus,
    clock,
    words,
    base,
    at,
    device,
    plugged,
    interrupts,
    /** Bus address of slot `n`. */
    slot: (n: number): number => pool.dmaAddr + 32 * n,
    map: (bytes: readonly number[]): { addr: number; bytes: Uint8Array } => {
      const copy = Uint8Array.from(bytes);
      return { addr: memory.domain.map(copy, 0, copy.length, DmaDirection.BIDIRECTIONAL), bytes: copy };
    },
    /** Writes words from slot `n` on. */
    put: (n: number, values: readonly number[]): void => words.set(values, 8 * n),
    start: (addr: number): void => {
      bus.write32(base + at.next, addr);
      bus.write32(base + at.control, 1);
    },
    resume: (): void => bus.write32(base + at.control, 3),
    status: (): number => bus.read32(base + at.status),
    current: (): number => bus.read32(base + at.current),
  };
}

/** A DMA descriptor: next, source, upper half, destination, count, control. */
const copy = (next: number, src: number, dst: number, count: number, control = 0x4e): number[] => [
  next,
  src,
  0,
  dst,
  count,
  control,
];

describe("a DMA channel", () => {
  it("copies along a chain and stands at its end", () => {
    const r = rig("iop32x", DMA1);
    expect(r.base % 0x1000).toBe(0x440);
    const src = r.map(D0);
    const dst = r.map(new Array(24).fill(0));
    r.put(0, copy(r.slot(1), src.addr, dst.addr, 8));
    r.put(1, copy(0, src.addr + 2, dst.addr + 11, 3));
    r.start(r.slot(0));
    expect(r.status() & ACTIVE).toBe(ACTIVE);
    expect(r.current()).toBe(r.slot(0));
    r.clock.advance(A_WHILE);
    expect(r.status()).toBe(0);
    expect(r.current()).toBe(r.slot(1));
    expect([...dst.bytes]).toEqual([...D0, 0, 0, 0, ...D0.slice(2, 5), ...new Array(10).fill(0)]);
    expect(r.interrupts).toEqual([]);
  });

  it("goes on with what was appended, when told to", () => {
    const r = rig("iop33x", DMA1);
    const src = r.map(D0);
    const dst = r.map(new Array(8).fill(0));
    r.put(0, copy(0, src.addr, dst.addr, 2));
    r.put(1, copy(0, src.addr + 2, dst.addr + 2, 2));
    r.put(2, copy(0, src.addr + 4, dst.addr + 4, 2));
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    r.words[0] = r.slot(1);
    r.clock.advance(A_WHILE);
    expect(r.current()).toBe(r.slot(0));
    r.resume();
    expect(r.current()).toBe(r.slot(1));
    // Appended and told while the last one is at work.
    r.words[8] = r.slot(2);
    r.resume();
    r.clock.advance(A_WHILE);
    expect(r.current()).toBe(r.slot(2));
    expect([...dst.bytes]).toEqual([...D0.slice(0, 6), 0, 0]);
    // Nothing is there: it stays where it is, and the bit clears itself.
    r.resume();
    expect(r.bus.read32(r.base + r.at.control)).toBe(1);
    expect(r.status()).toBe(0);
  });

  it("interrupts at a descriptor that asks for it: end of transfer, or end of chain at the last", () => {
    const r = rig("iop33x", DMA1);
    r.put(0, copy(r.slot(1), 0, 0, 0, 0x5e));
    r.put(1, copy(r.slot(2), 0, 0, 0));
    r.put(2, copy(0, 0, 0, 0, 0x5e));
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    expect(r.interrupts).toEqual(["eot", "eoc"]);
    expect(r.status()).toBe(EOC | EOT);
    expect(r.device.endOfChain.raised).toBe(true);
    r.bus.write32(r.base + r.at.status, EOC);
    expect(r.status()).toBe(EOT);
    expect(r.device.endOfChain.raised).toBe(false);
    expect(r.device.endOfTransfer.raised).toBe(true);
  });

  it.each([
    ["a source that is not there", NOTHING, 0, 0x4e, MASTER_ABORT, true],
    ["a destination that is not there", 0, NOTHING, 0x4e, MASTER_ABORT, false],
    ["a transfer from PCI", 0, 0, 0x0e, 1 << 3, true],
    ["CRC", 0, 0, 0x1ce, 1 << 2, true],
  ])("stops at %s", (_, badSrc, badDst, control, bit, sourceStays) => {
    const r = rig("iop33x", DMA1);
    const src = r.map(D0);
    const dst = r.map(new Array(8).fill(0));
    const srcAddr = badSrc || src.addr;
    r.put(0, copy(r.slot(1), srcAddr, badDst || dst.addr, 8, control));
    r.put(1, copy(0, src.addr, dst.addr, 8));
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    expect(r.status()).toBe(bit);
    expect(r.current()).toBe(r.slot(0));
    expect(r.interrupts).toEqual(["error"]);
    expect([...dst.bytes]).toEqual(new Array(8).fill(0));
    expect(r.bus.read32(r.base + 0x14)).toBe(sourceStays ? srcAddr : srcAddr + 8);
    // Cleared and started anew, it works.
    r.bus.write32(r.base + r.at.status, 0xffff_ffff);
    expect(r.status()).toBe(0);
    r.start(r.slot(1));
    r.clock.advance(A_WHILE);
    expect([...dst.bytes]).toEqual(D0);
  });

  it.each([0x20, 0x8000_0004])("stops at a descriptor that is not there or not aligned: %i", (addr) => {
    const r = rig("iop33x", DMA1);
    r.start(addr);
    expect(r.status()).toBe(MASTER_ABORT);
    expect(r.current()).toBe(addr);
  });

  it("stops when it is disabled, and writes nothing more", () => {
    const r = rig("iop33x", DMA1);
    const src = r.map(D0);
    const dst = r.map(new Array(8).fill(0));
    r.put(0, copy(0, src.addr, dst.addr, 8));
    r.start(r.slot(0));
    r.bus.write32(r.base + r.at.control, 0);
    r.clock.advance(A_WHILE);
    expect(r.status()).toBe(0);
    expect([...dst.bytes]).toEqual(new Array(8).fill(0));
  });
});

/** The first 32-byte slot of an AAU descriptor. */
const aau = (srcs: readonly number[], dst: number, count: number, control: number): number[] => [
  0,
  ...[0, 1, 2, 3].map((i) => srcs[i] ?? 0),
  dst,
  count,
  control >>> 0,
];

const WRITE = 1 << 31;
const ZERO_CHECK = 1 << 30;
/** Load, then xor: the commands of `count` blocks. */
const commands = (count: number, first = 7): number =>
  Array.from({ length: count }, (_, i) => (i === 0 ? first : 1) << (1 + 3 * i)).reduce((a, b) => a | b, 0);

describe("the AAU", () => {
  it("xors one to four sources with a descriptor of one slot", () => {
    for (const srcCnt of [1, 2, 3, 4]) {
      const r = rig("iop32x", AAU);
      expect(r.base % 0x1000).toBe(0x800);
      const srcs = [D0, D1, D2, D0].slice(0, srcCnt);
      const dst = r.map(new Array(8).fill(0));
      const addrs = srcs.map((bytes) => r.map(bytes).addr);
      r.put(0, aau(addrs, dst.addr, 8, commands(srcCnt) | WRITE));
      r.start(r.slot(0));
      r.clock.advance(A_WHILE);
      expect([...dst.bytes]).toEqual(
        D0.map((_, at) => srcs.reduce((sum, bytes) => sum ^ (bytes[at] as number), 0)),
      );
      expect(r.status()).toBe(0);
    }
  });

  it("xors 32 sources with a descriptor of eight slots", () => {
    const r = rig("iop33x", AAU);
    const sources = Array.from({ length: 32 }, (_, i) => r.map([i, 1 << (i & 7), i ^ 0x55, 0xff - i]));
    const dst = r.map([0, 0, 0, 0]);
    const addrs = sources.map(({ addr }) => addr);
    r.put(0, aau(addrs, dst.addr, 4, commands(8) | (3 << 25) | WRITE));
    r.put(1, [
      ...addrs.slice(4, 8),
      commands(8, 1),
      ...addrs.slice(8, 16),
      commands(8, 1),
      ...addrs.slice(16, 24),
      commands(8, 1),
      ...addrs.slice(24, 32),
    ]);
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    const expected = [0, 1, 2, 3].map((at) =>
      sources.reduce((sum, { bytes }) => sum ^ (bytes[at] as number), 0),
    );
    expect([...dst.bytes]).toEqual(expected);
    // The registers of the last sources, and of the last extended control word.
    expect(r.bus.read32(r.base + 0xa4)).toBe((addrs[31] as number) + 4);
    expect(r.bus.read32(r.base + 0x84)).toBe(commands(8, 1));
  });

  it("takes a long descriptor only where it is aligned to its length", () => {
    const r = rig("iop33x", AAU);
    r.put(1, aau([], 0, 0, 1 << 25));
    r.start(r.slot(1));
    expect(r.status()).toBe(MASTER_ABORT);
  });

  it("fills with a word", () => {
    const r = rig("iop32x", AAU);
    const dst = r.map(new Array(9).fill(0));
    r.put(0, aau([0x04030201], dst.addr, 9, (2 << 1) | WRITE));
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    expect([...dst.bytes]).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1]);
  });

  it.each([
    [0, 0],
    [1, 1 << 29],
  ])("tells in the descriptor whether a sum is zero (damage %i)", (damage, error) => {
    const r = rig("iop33x", AAU);
    const a = r.map(D0);
    const b = r.map(D0.map((byte, at) => (at === 7 ? byte ^ damage : byte)));
    const control = commands(2) | ZERO_CHECK;
    r.put(0, aau([a.addr, b.addr], 0, 8, control));
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    expect(r.words[7]).toBe((control | (1 << 28) | error) >>> 0);
  });

  it("tells of the last 1024 bytes only", () => {
    const r = rig("iop33x", AAU);
    const block = r.map(new Array(2048).fill(0));
    const check = (damagedAt: number): number => {
      block.bytes.fill(0);
      block.bytes[damagedAt] = 1;
      r.put(0, aau([block.addr], 0, 2048, commands(1) | ZERO_CHECK));
      r.start(r.slot(0));
      r.clock.advance(A_WHILE);
      r.bus.write32(r.base + r.at.control, 0);
      return (r.words[7] as number) & (1 << 29);
    };
    expect(check(1023)).toBe(0);
    expect(check(1024)).toBe(1 << 29);
    expect(check(2047)).toBe(1 << 29);
  });

  it("has no zero check on iop32x", () => {
    const r = rig("iop32x", AAU);
    r.put(0, aau([r.map(D0).addr], 0, 8, commands(1) | ZERO_CHECK));
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    expect(r.status()).toBe(MASTER_ABORT);
  });

  it("stops at a block command that the block does not have", () => {
    const r = rig("iop33x", AAU);
    const src = r.map(D0);
    r.put(0, aau([src.addr, src.addr], src.addr, 8, commands(1) | (2 << 4) | WRITE));
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    expect(r.status()).toBe(MASTER_ABORT);
  });
});

/** An ADMA descriptor: next, control, fill data or Q, count, destination; then sources with their coefficients. */
const adma = (
  control: number,
  dst: number,
  count: number,
  sources: readonly (readonly [addr: number, coef: number])[],
  word2 = 0,
): number[] => [
  0,
  (control | (3 << 1) | (Math.max(sources.length - 1, 0) << 3)) >>> 0,
  word2 >>> 0,
  count,
  dst,
  0,
  ...sources.flatMap(([addr, coef]) => [addr, (coef << 24) >>> 0]),
];

const PQ = 1 << 18;
const P_DISABLE = 1 << 19;
const CHECK = (1 << 7) | (1 << 12);
const P_ERROR = 1 << 30;
const Q_ERROR = 1 << 29;
const COMPLETE = 1 << 31;

describe("an ADMA unit", () => {
  it("copies, xors and fills", () => {
    const r = rig("iop13xx", ADMA0);
    expect(r.base % 0x1000).toBe(0);
    const [a, b, c] = [D0, D1, D2].map((bytes) => r.map(bytes).addr) as [number, number, number];
    const dst = r.map(new Array(24).fill(0));
    r.put(0, adma(0, dst.addr, 8, [[a, 0]]));
    r.words[0] = r.slot(1);
    r.put(
      1,
      adma(0, dst.addr + 8, 8, [
        [a, 0],
        [b, 0],
        [c, 0],
      ]),
    );
    r.words[8] = r.slot(3);
    r.put(3, adma(1 << 8, dst.addr + 16, 8, [], 0x04030201));
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    const xor = D0.map((byte, i) => byte ^ (D1[i] as number) ^ (D2[i] as number));
    expect([...dst.bytes]).toEqual([...D0, ...xor, 1, 2, 3, 4, 1, 2, 3, 4]);
    expect(r.status()).toBe(0);
  });

  it.each([
    ["P and Q", 0],
    ["Q alone", P_DISABLE],
  ])("makes %s", (_, disable) => {
    const r = rig("iop13xx", ADMA2);
    const coefs = [0x8e, 1, 0xff];
    const sources = [D0, D1, D2].map((bytes, i) => [r.map(bytes).addr, coefs[i] as number] as const);
    const p = r.map(new Array(8).fill(0));
    const q = r.map(new Array(8).fill(0));
    r.put(0, adma(PQ | disable, disable === 0 ? p.addr : 0, 8, sources, q.addr));
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    const sum = (mul: (coef: number, byte: number) => number): number[] =>
      D0.map((_, at) =>
        [D0, D1, D2].reduce((s, bytes, i) => s ^ mul(coefs[i] as number, bytes[at] as number), 0),
      );
    expect([...q.bytes]).toEqual(sum(gfMul));
    expect([...p.bytes]).toEqual(disable === 0 ? sum((_, byte) => byte) : new Array(8).fill(0));
  });

  it.each([
    [0, 0, 0, 0],
    [1, 0, 0, P_ERROR],
    [0, 1, 0, Q_ERROR],
    [1, 1, 0, P_ERROR | Q_ERROR],
    [1, 1, P_DISABLE, Q_ERROR],
  ])(
    "checks P and Q, the last two sources (damage %i, %i; control %i)",
    (pDamage, qDamage, disable, errors) => {
      const r = rig("iop13xx", ADMA2);
      const q = D0.map((byte, i) => gfMul(3, byte) ^ gfMul(7, D1[i] as number));
      const p = D0.map((byte, i) => byte ^ (D1[i] as number));
      p[5]! ^= pDamage;
      q[6]! ^= qDamage;
      const sources = [D0, D1, p, q].map(
        (bytes, i) => [r.map(bytes).addr, [3, 7, 0, 0][i] as number] as const,
      );
      r.put(0, adma(PQ | CHECK | disable, 0, 8, sources));
      r.start(r.slot(0));
      r.clock.advance(A_WHILE);
      expect(r.words[3]).toBe((8 | COMPLETE | errors) >>> 0);
    },
  );

  it.each([
    [0, 0],
    [1, P_ERROR],
  ])("checks for zero (damage %i)", (damage, errors) => {
    const r = rig("iop13xx", ADMA0);
    const other = r.map(D0.map((byte, at) => (at === 0 ? byte ^ damage : byte)));
    r.put(
      0,
      adma(CHECK, 0, 8, [
        [r.map(D0).addr, 0],
        [other.addr, 0],
      ]),
    );
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    expect(r.words[3]).toBe((8 | COMPLETE | errors) >>> 0);
  });

  it.each([
    ["a source that is not there", ADMA2, 0, NOTHING, 1 << 3],
    ["PQ on a unit without", ADMA0, PQ, 0, 1 << 4],
    ["CRC", ADMA2, 1 << 9, 0, 1 << 4],
    ["P and Q that are not alike", ADMA2, PQ, 0, 1 << 4],
  ])("stops at %s", (_, unit, control, badSrc, bit) => {
    const r = rig("iop13xx", unit);
    const src = r.map(D0);
    const dst = r.map(new Array(16).fill(0));
    r.put(0, adma(control, dst.addr, 8, [[badSrc || src.addr, 1]], dst.addr + 9));
    r.start(r.slot(0));
    r.clock.advance(A_WHILE);
    expect(r.status()).toBe(bit);
    expect(r.interrupts).toEqual(["error"]);
    expect([...dst.bytes]).toEqual(new Array(16).fill(0));
  });

  it("tells of the ends of transfers and chains in its own bits", () => {
    const r = rig("iop13xx", ADMA2);
    r.put(0, adma(1, 0, 0, []));
    r.words[0] = r.slot(1);
    r.put(1, adma(1, 0, 0, []));
    r.start(r.slot(0));
    expect(r.status()).toBe(1 << 13);
    r.clock.advance(A_WHILE);
    expect(r.status()).toBe((1 << 11) | (1 << 12));
    expect(r.interrupts).toEqual(["eot", "eoc"]);
  });
});

describe("the window", () => {
  it("has registers where the units have them, and refuses the rest", () => {
    const r = rig("iop33x", AAU);
    const window = r.base - 0x800;
    expect(() => r.bus.read32(window + 0x400)).not.toThrow();
    expect(() => r.bus.read32(window + 0x480)).toThrow(/no register/);
    expect(() => r.bus.write32(r.base + 0x10, 1)).toThrow(/SAR1 can't be written/);
    expect(() => r.bus.read16(r.base)).toThrow(/ACR takes 32 bits/);
    r.plugged.unplug();
    expect(() => r.bus.read32(r.base)).toThrow(/no register/);
  });

  it("goes back to where a snapshot was taken, in the middle of a chain", () => {
    const r = rig("iop33x", DMA1);
    const src = r.map(D0);
    const dst = r.map(new Array(16).fill(0));
    r.put(0, copy(r.slot(1), src.addr, dst.addr, 8));
    r.put(1, copy(0, src.addr, dst.addr + 8, 8, 0x5e));
    r.start(r.slot(0));
    r.clock.runNext();
    const snapshot = r.platform.snapshot();
    const goOn = (): unknown => {
      r.clock.advance(A_WHILE);
      return [[...dst.bytes], r.status(), r.current(), r.interrupts.splice(0)];
    };
    const once = goOn();
    snapshot.restore();
    expect(r.current()).toBe(r.slot(1));
    expect([...dst.bytes.subarray(8)]).toEqual(new Array(8).fill(0));
    expect(goOn()).toEqual(once);
  });
});
