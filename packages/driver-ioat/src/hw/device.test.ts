// The hardware half alone: registers through the bus, descriptors as bytes in memory. Offsets and bits are written out as the reference
// gives them (drivers/dma/ioat/registers.h and hw.h), not taken from datasheet.ts, so that this checks the constants too.

import { DmaDirection, gfMul } from "@dmaengine/core";
import { FaultPlan, type PlannedFault, Platform, type PlatformOptions } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { IOAT_VARIANTS, type IoatVersion } from "../variant.js";
import { plugIoat } from "./device.js";

const CHAN0 = 0x80;
const RUN = 0x1d;
const ENTRIES = 16;
const ACTIVE = 0;
const DONE = 1;
const SUSPENDED = 2;
const HALTED = 3;
const COMPL_WRITE = 0x08;
const INT_EN = 0x01;
const NULL = 0x20;
/** Long enough for anything in here. */
const A_WHILE = 1_000_000;

const D0 = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x10, 0xa5, 0x5a];
const D1 = [0xff, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80];
const D2 = [0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe];
const D3 = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];

interface Descriptor {
  size?: number;
  control?: number;
  /** Fields 1 to 7, those that are used. */
  fields?: Record<number, number>;
  /** All of field 6, as bytes. */
  coefs?: number[];
  /** Instead of the next entry. */
  next?: number;
}

function rig(options: PlatformOptions = {}, version: IoatVersion = "3.2") {
  const platform = new Platform({ clock: "stepped", ...options });
  const { bus, clock, memory } = platform;
  const pci = plugIoat(platform, "ioat0", IOAT_VARIANTS[version], 2);
  const chan = pci.bar0 + CHAN0;
  const ring = memory.allocCoherent(64 * ENTRIES, 64);
  const word = memory.allocCoherent(8, 64);
  const ringView = new DataView(ring.bytes.buffer, ring.bytes.byteOffset, ring.bytes.length);
  const wordView = new DataView(word.bytes.buffer, word.bytes.byteOffset, 8);
  const entry = (n: number): number => ring.dmaAddr + 64 * (n % ENTRIES);

  const setField = (n: number, field: number, addr: number): void => {
    ringView.setBigUint64(64 * n + 8 * field, BigInt(addr), true);
  };
  return {
    platform,
    bus,
    clock,
    memory,
    pci,
    chan,
    entry,
    /** Puts a buffer where the device reaches it. */
    map: (bytes: Uint8Array): number => memory.domain.map(bytes, 0, bytes.length, DmaDirection.BIDIRECTIONAL),
    /** Writes descriptor `n`. */
    put: (n: number, { size = 1, control = 0, fields = {}, coefs = [], next = entry(n + 1) }: Descriptor) => {
      ring.bytes.fill(0, 64 * n, 64 * n + 64);
      ringView.setUint32(64 * n, size, true);
      ringView.setUint32(64 * n + 4, control, true);
      setField(n, 3, next);
      for (const [field, addr] of Object.entries(fields)) setField(n, Number(field), addr);
      ring.bytes.set(coefs, 64 * n + 8 * 6);
    },
    /** Makes all of field `field` of entry `n` hold an address: for extensions, whose field 0 is one. */
    setField,
    /** Programs the channel as a driver does, and starts `count` descriptors from entry `first` on. */
    start: (count: number, first = 0) => {
      bus.write16(chan + 0x00, RUN);
      bus.write32(chan + 0x18, word.dmaAddr);
      bus.write32(chan + 0x1c, 0);
      bus.write32(chan + 0x10, entry(first));
      bus.write32(chan + 0x14, 0);
      bus.write16(chan + 0x06, count);
    },
    /** The completion word as [entry, state]; entry null is address 0. */
    completion: (): [number | null, number] => {
      const value = Number(wordView.getBigUint64(0, true));
      const addr = value - (value % 64);
      return [addr === 0 ? null : (addr - ring.dmaAddr) / 64, value % 64];
    },
    state: (): number => bus.read32(chan + 0x08) & 7,
    errors: (): number => bus.read32(chan + 0x28),
  };
}

type Rig = ReturnType<typeof rig>;

/** A copy of `size` bytes in entry `n`. */
function putCopy({ put }: Rig, n: number, src: number, dst: number, size: number, control = COMPL_WRITE) {
  put(n, { size, control, fields: { 1: src, 2: dst } });
}

function putNull({ put }: Rig, n: number, control = COMPL_WRITE) {
  put(n, { control: control | NULL });
}

describe("identification", () => {
  it.each([
    ["1.2", 0x12, 15, null, 1],
    ["2.0", 0x20, 15, null, 2],
    ["3.0", 0x30, 20, 0, 2],
    ["3.2", 0x32, 20, (1 << 6) | (1 << 8) | (1 << 9), 2],
    ["3.3", 0x33, 20, (1 << 6) | (1 << 8) | (1 << 9) | (1 << 13) | (1 << 17), 2],
  ] as const)(
    "tells channels, longest transfer, version and capabilities (%s)",
    (version, ver, xfercap, dmacap, comp) => {
      const { bus, pci } = rig({}, version);
      expect(bus.read8(pci.bar0 + 0x00)).toBe(2);
      expect(bus.read8(pci.bar0 + 0x01)).toBe(xfercap);
      expect(bus.read8(pci.bar0 + 0x08)).toBe(ver);
      if (dmacap === null) expect(() => bus.read32(pci.bar0 + 0x10)).toThrow(/no register/);
      else expect(bus.read32(pci.bar0 + 0x10)).toBe(dmacap);
      expect(bus.read16(pci.bar0 + 0x82)).toBe(comp);
      expect(bus.read16(pci.bar0 + 0x102)).toBe(comp);
    },
  );

  it("refuses what the device does not have", () => {
    const { bus, pci, chan } = rig();
    expect(() => bus.read16(pci.bar0 + 0x0e)).toThrow(/ioat0\+0xe/);
    expect(() => bus.read16(pci.bar0 + 0x180)).toThrow(/ioat0\+0x180|0x/);
    expect(() => bus.write64(chan + 0x18, 0)).toThrow(/CHANCMP takes only two halves/);
    expect(() => bus.write64(chan + 0x10, 0)).toThrow(/CHAINADDR takes only two halves/);
    expect(() => bus.read8(chan + 0x06)).toThrow(/DMACOUNT takes 16 bits/);
  });

  it("is gone once it is unplugged, and does nothing more", () => {
    const r = rig();
    const dst = new Uint8Array(8);
    putCopy(r, 0, r.map(Uint8Array.from(D0)), r.map(dst), 8);
    r.start(1);
    r.pci.unplug();
    r.clock.advance(A_WHILE);
    expect([...dst]).toEqual(new Array(8).fill(0));
    expect(() => r.bus.read8(r.pci.bar0)).toThrow(/no register/);
  });
});

describe("copy and chains", () => {
  it("copies, then writes the completion word", () => {
    const r = rig();
    const dst = new Uint8Array(10);
    putCopy(r, 0, r.map(Uint8Array.from(D0)), r.map(dst) + 1, 8);
    r.start(1);
    expect(r.state()).toBe(ACTIVE);
    expect(r.completion()).toEqual([null, 0]);
    expect(r.bus.read64(r.chan + 0x20)).toBe(r.entry(0));
    r.clock.advance(A_WHILE);
    expect([...dst]).toEqual([0, ...D0, 0]);
    expect(r.completion()).toEqual([0, DONE]);
    expect(r.bus.read64(r.chan + 0x08)).toBe(r.entry(0) + DONE);
    expect(r.bus.read16(r.chan + 0x06)).toBe(1);
  });

  it.each([0, 1, 2, 3])(
    "copies any length to any offset, from offset %i, and not a byte more",
    (srcOffset) => {
      const src = Uint8Array.from({ length: 64 }, (_, i) => i + 1);
      for (const length of [1, 2, 3, 4, 5, 7, 8, 9, 31, 40]) {
        for (let dstOffset = 0; dstOffset < 4; dstOffset++) {
          const r = rig();
          const dst = new Uint8Array(64).fill(0xee);
          putCopy(r, 0, r.map(src) + srcOffset, r.map(dst) + dstOffset, length);
          r.start(1);
          r.clock.advance(A_WHILE);
          const expected = new Uint8Array(64).fill(0xee);
          expected.set(src.subarray(srcOffset, srcOffset + length), dstOffset);
          expect(dst).toEqual(expected);
        }
      }
    },
  );

  it("does as many descriptors as DMACOUNT tells, and goes on when it tells more", () => {
    const r = rig();
    for (let n = 0; n < 4; n++) putNull(r, n);
    r.start(2);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([1, DONE]);
    r.bus.write16(r.chan + 0x06, 4);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([3, DONE]);
  });

  it("says ACTIVE in the completion word while more is to be done", () => {
    const r = rig();
    putNull(r, 0);
    const src = new Uint8Array(1 << 20);
    putCopy(r, 1, r.map(src), r.map(new Uint8Array(1 << 20)), 1 << 20);
    r.start(2);
    r.clock.advance(10_000);
    expect(r.completion()).toEqual([0, ACTIVE]);
    expect(r.state()).toBe(ACTIVE);
  });

  it("writes no completion word unless the descriptor asks for it", () => {
    const r = rig();
    putNull(r, 0, 0);
    r.start(1);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([null, 0]);
    expect(r.bus.read64(r.chan + 0x08)).toBe(r.entry(0) + DONE);
  });

  it("follows the chain, not the order of memory", () => {
    const r = rig();
    r.put(0, { control: COMPL_WRITE | NULL, next: r.entry(9) });
    putNull(r, 9);
    r.start(2);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([9, DONE]);
  });

  it("counts modulo 65536", () => {
    const r = rig();
    for (let n = 0; n < ENTRIES; n++) putNull(r, n);
    r.start(0);
    let count = 0;
    for (let round = 0; round < 70_000 / 7; round++) {
      count += 7;
      r.bus.write16(r.chan + 0x06, count & 0xffff);
      r.clock.advance(10_000);
      if (r.completion()[0] !== (count - 1) % ENTRIES) break;
    }
    expect(count).toBe(70_000);
    expect(r.completion()).toEqual([(count - 1) % ENTRIES, DONE]);
  });

  it("keeps its channels apart", () => {
    const r = rig();
    putNull(r, 0);
    r.start(1);
    expect(r.bus.read32(r.pci.bar0 + 0x108) & 7).toBe(DONE);
    expect(r.state()).toBe(ACTIVE);
  });
});

describe("RAID", () => {
  /** Runs one RAID descriptor over 8 bytes, with an extension for more sources than the base holds. */
  function run(
    r: Rig,
    op: number,
    control: number,
    sources: number[][],
    p: Uint8Array,
    q: Uint8Array,
    coefs: number[],
  ) {
    const isXor = op < 0x89;
    const base = isXor ? [1, 4, 5, 6, 7] : [1, 4, 5];
    const ext = isXor ? [0, 1, 2] : [0, 1, 2, 4, 5];
    const addrs = sources.map((source) => r.map(Uint8Array.from(source)));
    const fields: Record<number, number> = { 2: r.map(p) };
    if (!isXor) fields[7] = r.map(q);
    for (let i = 0; i < Math.min(addrs.length, base.length); i++)
      fields[base[i] as number] = addrs[i] as number;
    r.put(0, {
      size: 8,
      control: ((op << 24) | ((sources.length - 2) << 5) | COMPL_WRITE | control) >>> 0,
      fields,
      coefs: isXor ? [] : coefs,
    });
    if (isXor) for (const [i, addr] of addrs.slice(0, 5).entries()) r.setField(0, base[i] as number, addr);
    const extended = addrs.length > base.length;
    if (extended) {
      r.put(1, {});
      for (const [i, addr] of addrs.slice(base.length).entries()) r.setField(1, ext[i] as number, addr);
    }
    r.start(extended ? 2 : 1);
    r.clock.advance(A_WHILE);
  }

  const xorOf = (sources: number[][]): number[] =>
    D0.map((_, at) => sources.reduce((sum, source) => sum ^ (source[at] as number), 0));
  const qOf = (sources: number[][], coefs: number[]): number[] =>
    D0.map((_, at) =>
      sources.reduce((sum, source, i) => sum ^ gfMul(coefs[i] as number, source[at] as number), 0),
    );
  const manySources = (count: number): number[][] =>
    Array.from({ length: count }, (_, i) => D0.map((byte, at) => (byte * 7 + 31 * i + at) & 0xff));

  it("computes P and Q of a known stripe", () => {
    const r = rig();
    const p = new Uint8Array(8);
    const q = new Uint8Array(8);
    run(r, 0x89, 0, [D0, D1, D2, D3], p, q, [1, 2, 4, 8]);
    expect(Buffer.from(p).toString("hex")).toBe("208d8000ac65928b");
    expect(Buffer.from(q).toString("hex")).toBe("b48ea714ecbed1ae");
    expect(r.completion()).toEqual([0, DONE]);
  });

  it.each([2, 3, 4, 5, 6, 7, 8])(
    "xors, checks, computes P and Q and checks them with %i sources",
    (count) => {
      const sources = manySources(count);
      const coefs = Array.from({ length: count }, (_, i) => (i * 37 + 5) & 0xff);
      const p = new Uint8Array(8);
      const q = new Uint8Array(8);
      run(rig(), 0x87, 0, sources, p, q, coefs);
      expect([...p]).toEqual(xorOf(sources));
      p.fill(0);
      run(rig(), 0x89, 0, sources, p, q, coefs);
      expect([...p]).toEqual(xorOf(sources));
      expect([...q]).toEqual(qOf(sources, coefs));

      for (const [op, mismatch] of [
        [0x88, 1 << 16],
        [0x8a, 1 << 16],
      ] as const) {
        const good = rig();
        run(good, op, 0, sources, p, q, coefs);
        expect(good.errors()).toBe(0);
        const bad = rig();
        const wrong = p.slice();
        wrong[7] = (wrong[7] as number) ^ 0x40;
        run(bad, op, 0, sources, wrong, q, coefs);
        expect(bad.errors()).toBe(mismatch);
      }
    },
  );

  it("leaves a disabled P or Q alone, and does not check it", () => {
    const sources = manySources(3);
    const coefs = [3, 5, 7];
    for (const [control, hasP, hasQ] of [
      [1 << 11, false, true],
      [1 << 12, true, false],
    ] as const) {
      const p = new Uint8Array(8).fill(0xee);
      const q = new Uint8Array(8).fill(0xee);
      const good = rig();
      run(good, 0x89, control, sources, p, q, coefs);
      expect([...p]).toEqual(hasP ? xorOf(sources) : new Array(8).fill(0xee));
      expect([...q]).toEqual(hasQ ? qOf(sources, coefs) : new Array(8).fill(0xee));
      const check = rig();
      run(check, 0x8a, control, sources, p, q, coefs);
      expect(check.errors()).toBe(0);
    }
  });

  it("tells P's and Q's mismatch apart", () => {
    const sources = manySources(4);
    const coefs = [1, 2, 4, 8];
    const p = Uint8Array.from(xorOf(sources));
    const q = Uint8Array.from(qOf(sources, coefs));
    const wrong = new Uint8Array(8);
    for (const [badP, badQ, expected] of [
      [p, q, 0],
      [wrong, q, 1 << 16],
      [p, wrong, 1 << 17],
      [wrong, wrong, (1 << 16) | (1 << 17)],
    ] as const) {
      const r = rig();
      run(r, 0x8a, 0, sources, badP, badQ, coefs);
      expect(r.errors()).toBe(expected);
    }
  });

  it("counts an extension as a descriptor, and goes on behind it", () => {
    const r = rig();
    run(r, 0x89, 0, manySources(4), new Uint8Array(8), new Uint8Array(8), [1, 2, 4, 8]);
    putNull(r, 2);
    r.bus.write16(r.chan + 0x06, 3);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([2, DONE]);
  });

  it("can have a RAID completion overtake a copy's; a null descriptor's comes last", () => {
    const r = rig();
    const src = r.map(new Uint8Array(8));
    putCopy(r, 0, src, r.map(new Uint8Array(8)), 8);
    const dst = r.map(new Uint8Array(8));
    r.put(1, { size: 8, control: ((0x87 << 24) | COMPL_WRITE) >>> 0, fields: { 1: src, 4: src, 2: dst } });
    putNull(r, 2);
    r.start(3);
    const seen: (number | null)[] = [];
    while (r.clock.runNext()) if (seen.at(-1) !== r.completion()[0]) seen.push(r.completion()[0]);
    expect(seen).toEqual([null, 1, 0, 2]);
  });
});

describe("errors", () => {
  const goodNull = COMPL_WRITE | NULL;
  const copyOf = (fields: Record<number, number>, size = 8): Descriptor => ({
    size,
    control: COMPL_WRITE,
    fields,
  });
  /** Each makes entry 1 fail, behind a good entry 0. */
  const cases: [string, number, (r: Rig) => Descriptor][] = [
    ["source not mapped", 8, (r) => copyOf({ 1: 0x10, 2: r.map(new Uint8Array(8)) })],
    ["source mapped in part", 8, (r) => copyOf({ 1: r.map(new Uint8Array(7)), 2: r.map(new Uint8Array(8)) })],
    ["destination not mapped", 9, (r) => copyOf({ 1: r.map(new Uint8Array(8)), 2: 0x10 })],
    ["size 0", 11, () => ({ control: goodNull, size: 0 })],
    ["longer than XFERCAP", 11, () => ({ control: goodNull, size: (1 << 20) + 1 })],
    ["unknown operation", 10, () => ({ control: (0x02 << 24) | COMPL_WRITE })],
    ["fill destination not mapped", 9, () => ({ control: (0x01 << 24) | COMPL_WRITE, fields: { 2: 0x10 } })],
    ["16 source operation, which 3.2 does not have", 10, () => ({ control: (0xa0 << 24) >>> 0 })],
    ["nine sources", 10, () => ({ control: ((0x87 << 24) | (7 << 5)) >>> 0 })],
    ["extension beyond DMACOUNT", 18, () => ({ control: ((0x87 << 24) | (6 << 5)) >>> 0 })],
    [
      "XOR source not mapped",
      8,
      (r) => ({ control: (0x87 << 24) >>> 0, fields: { 2: r.map(new Uint8Array(8)) } }),
    ],
    [
      "XOR destination not mapped",
      9,
      (r) => {
        const src = r.map(new Uint8Array(8));
        return { control: (0x87 << 24) >>> 0, fields: { 1: src, 4: src } };
      },
    ],
    [
      "PQ with a disabled Q that has no valid address",
      9,
      (r) => {
        const src = r.map(new Uint8Array(8));
        return { control: ((0x89 << 24) | (1 << 12)) >>> 0, fields: { 1: src, 4: src, 2: src } };
      },
    ],
    [
      "what a check compares with not mapped",
      8,
      (r) => {
        const src = r.map(new Uint8Array(8));
        return { control: (0x88 << 24) >>> 0, fields: { 1: src, 4: src } };
      },
    ],
  ];

  it.each(cases)("%s: CHANERR bit %i, halted, last good descriptor told", (_name, bit, describeBad) => {
    const r = rig();
    putNull(r, 0);
    r.put(1, describeBad(r));
    r.start(2);
    r.clock.advance(A_WHILE);
    expect(r.errors()).toBe(2 ** bit);
    expect(r.state()).toBe(HALTED);
    expect(r.completion()).toEqual([0, HALTED]);
    r.bus.write16(r.chan + 0x06, 3);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([0, HALTED]);
  });

  it.each([
    ["not aligned", 3, 0x11],
    ["not mapped", 2, 0x40],
  ])("next descriptor %s: CHANERR bit %i", (_name, bit, next) => {
    const r = rig();
    r.put(0, { control: goodNull, next });
    r.start(2);
    r.clock.advance(A_WHILE);
    expect(r.errors()).toBe(2 ** bit);
    expect(r.completion()).toEqual([0, HALTED]);
  });

  it("says address 0 when the first descriptor of a chain fails", () => {
    const r = rig();
    r.put(0, { size: 0 });
    r.start(1);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([null, HALTED]);
  });

  it("starts again, once the error is cleared, with a new chain and no sooner", () => {
    const r = rig();
    r.put(0, { size: 0 });
    putNull(r, 1);
    r.start(2);
    r.clock.advance(A_WHILE);
    r.start(1, 1);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([null, HALTED]);
    r.bus.write32(r.chan + 0x28, 0xffff_ffff);
    expect(r.errors()).toBe(0);
    r.start(1, 1);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([1, DONE]);
  });

  it("goes on in spite of a masked error, and notes it", () => {
    const r = rig();
    const src = r.map(new Uint8Array(8));
    r.put(0, {
      size: 8,
      control: ((0x88 << 24) | COMPL_WRITE) >>> 0,
      fields: { 1: src, 4: src, 2: r.map(Uint8Array.from(D0)) },
    });
    r.bus.write32(r.chan + 0x2c, 1 << 16);
    expect(r.bus.read32(r.chan + 0x2c)).toBe(1 << 16);
    r.start(1);
    r.clock.advance(A_WHILE);
    expect(r.errors()).toBe(1 << 16);
    expect(r.completion()).toEqual([0, DONE]);
  });

  it("halts at a descriptor that it can't work on, masked or not", () => {
    const r = rig();
    r.put(0, { size: 0 });
    r.bus.write32(r.chan + 0x2c, 0xffff_ffff);
    r.start(1);
    r.clock.advance(A_WHILE);
    expect(r.errors()).toBe(1 << 11);
    expect(r.state()).toBe(HALTED);
  });

  it("tells nothing in memory without ERR_COMPLETION_EN", () => {
    const r = rig();
    r.put(0, { size: 0 });
    r.start(0);
    r.bus.write16(r.chan + 0x00, 0x01);
    expect(r.bus.read16(r.chan + 0x00)).toBe(0);
    r.bus.write16(r.chan + 0x06, 1);
    r.clock.advance(A_WHILE);
    expect(r.state()).toBe(HALTED);
    expect(r.completion()).toEqual([null, 0]);
  });

  it("halts when there is nothing at CHANCMP", () => {
    const r = rig();
    putNull(r, 0);
    r.start(0);
    r.bus.write32(r.chan + 0x18, 0x40);
    r.bus.write16(r.chan + 0x06, 1);
    r.clock.advance(A_WHILE);
    expect(r.errors()).toBe(1 << 12);
    expect(r.state()).toBe(HALTED);
  });

  it("halts at a command that it does not know", () => {
    const r = rig();
    r.start(0);
    r.bus.write8(r.chan + 0x04, 0x02);
    expect(r.errors()).toBe(1 << 5);
    expect(r.state()).toBe(HALTED);
  });
});

describe("commands", () => {
  it("suspends, and resumes with the descriptor that it was at", () => {
    const r = rig();
    const dst = new Uint8Array(8);
    putCopy(r, 0, r.map(Uint8Array.from(D0)), r.map(dst), 8);
    r.start(1);
    r.bus.write8(r.chan + 0x04, 0x04);
    r.clock.advance(A_WHILE);
    expect(r.state()).toBe(SUSPENDED);
    expect(dst[1]).toBe(0);
    r.bus.write8(r.chan + 0x04, 0x10);
    expect(r.state()).toBe(ACTIVE);
    r.clock.advance(A_WHILE);
    expect([...dst]).toEqual(D0);
    expect(r.completion()).toEqual([0, DONE]);
    r.bus.write8(r.chan + 0x04, 0x10);
    expect(r.state()).toBe(DONE);
  });

  it("does not start when it is suspended, until it gets a new chain", () => {
    const r = rig();
    putNull(r, 0);
    r.start(0);
    r.bus.write8(r.chan + 0x04, 0x04);
    r.bus.write16(r.chan + 0x06, 1);
    r.clock.advance(A_WHILE);
    expect(r.state()).toBe(SUSPENDED);
    r.start(1);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([0, DONE]);
  });

  it("does nothing more after RESET, not even write a completion that was on its way", () => {
    const r = rig();
    putNull(r, 0);
    putNull(r, 1);
    r.start(2);
    // The first has ended, its completion word has not arrived.
    r.clock.advance(150);
    expect(r.bus.read64(r.chan + 0x08)).toBe(r.entry(0) + ACTIVE);
    r.bus.write8(r.chan + 0x04, 0x20);
    expect(r.bus.read8(r.chan + 0x04) & 0x20).toBe(0);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([null, 0]);
    expect(r.state()).toBe(DONE);
    r.start(2);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([1, DONE]);
  });

  it("stays halted when it is suspended", () => {
    const r = rig();
    r.put(0, { size: 0 });
    r.start(1);
    r.bus.write8(r.chan + 0x04, 0x04);
    expect(r.state()).toBe(HALTED);
    expect(r.errors()).toBe(1 << 11);
  });
});

describe("interrupts", () => {
  const MASTER_INT_EN = 0x01;
  const INT_STATUS = 0x02;
  const INT = 0x04;
  const MSIX = 0x08;

  it("MSI-X: raises the channel's vector behind the completion word, and once for each re-arming", () => {
    const r = rig();
    const seen: unknown[] = [];
    r.pci.msix[0]?.request(() => seen.push(r.completion()));
    r.bus.write8(r.pci.bar0 + 0x03, MASTER_INT_EN | MSIX);
    putNull(r, 0, COMPL_WRITE);
    putNull(r, 1, COMPL_WRITE | INT_EN);
    putNull(r, 2, COMPL_WRITE | INT_EN);
    r.start(3);
    r.clock.advance(A_WHILE);
    expect(seen).toEqual([[1, ACTIVE]]);
    // The second was held back, and comes with the re-arming.
    r.bus.write16(r.chan + 0x00, RUN);
    expect(seen).toEqual([
      [1, ACTIVE],
      [2, DONE],
    ]);
    r.bus.write16(r.chan + 0x00, RUN);
    expect(seen.length).toBe(2);
    expect(r.pci.msix[0]?.raised).toBe(false);
  });

  it("raises nothing unless INTRCTRL enables it", () => {
    const r = rig();
    putNull(r, 0, INT_EN);
    r.start(1);
    r.clock.advance(A_WHILE);
    expect(r.platform.irqs.hardIrqs).toBe(0);
    expect(r.bus.read8(r.pci.bar0 + 0x03)).toBe(INT_STATUS);
    expect(r.bus.read32(r.pci.bar0 + 0x04)).toBe(1);
    const msix = rig();
    msix.bus.write8(msix.pci.bar0 + 0x03, MSIX);
    putNull(msix, 0, INT_EN);
    msix.start(1);
    msix.clock.advance(A_WHILE);
    expect(msix.platform.irqs.hardIrqs).toBe(0);
  });

  it("INTx: holds the pin up until the handler has read what it is about", () => {
    const r = rig();
    const seen: number[][] = [];
    r.pci.intx.request(() => {
      const control = r.bus.read8(r.pci.bar0 + 0x03);
      expect(r.bus.read8(r.pci.bar0 + 0x03)).toBe(INT_STATUS);
      const attention = r.bus.read32(r.pci.bar0 + 0x04);
      r.bus.write8(r.pci.bar0 + 0x03, control);
      seen.push([control, attention]);
    });
    r.bus.write8(r.pci.bar0 + 0x03, MASTER_INT_EN);
    putNull(r, 0, COMPL_WRITE | INT_EN);
    putNull(r, 1, COMPL_WRITE | INT_EN);
    r.start(2);
    r.clock.advance(A_WHILE);
    expect(seen).toEqual([[MASTER_INT_EN | INT_STATUS | INT, 1]]);
    expect(r.pci.intx.raised).toBe(false);
    r.bus.write16(r.chan + 0x00, RUN);
    expect(seen.length).toBe(2);
    expect(r.bus.read32(r.pci.bar0 + 0x04)).toBe(0);
  });

  it("interrupts when an error halts the channel, if ERR_INT_EN is set", () => {
    for (const [control, interrupts] of [
      [0x1d, 1],
      [0x0d, 0],
    ] as const) {
      const r = rig();
      let count = 0;
      r.pci.msix[0]?.request(() => count++);
      r.bus.write8(r.pci.bar0 + 0x03, MASTER_INT_EN | MSIX);
      r.put(0, { size: 0 });
      r.start(0);
      r.bus.write16(r.chan + 0x00, control);
      r.bus.write16(r.chan + 0x06, 1);
      r.clock.advance(A_WHILE);
      expect(count).toBe(interrupts);
    }
  });

  it("interrupts when not even the completion word can be written", () => {
    const r = rig();
    let count = 0;
    r.pci.msix[0]?.request(() => count++);
    r.bus.write8(r.pci.bar0 + 0x03, MASTER_INT_EN | MSIX);
    putNull(r, 0);
    r.start(0);
    r.bus.write32(r.chan + 0x18, 0x40);
    r.bus.write16(r.chan + 0x06, 1);
    r.clock.advance(A_WHILE);
    expect(count).toBe(1);
  });
});

describe("planned faults", () => {
  /** Four null descriptors that interrupt, with a fault at number 2; how it looks after a while. */
  function burst(kind: PlannedFault["kind"]) {
    const faults = new FaultPlan([{ kind, unit: "ioat0.0", at: kind === "lostInterrupt" ? 0 : 2 }]);
    const r = rig({ faults });
    let interrupts = 0;
    r.pci.msix[0]?.request(() => {
      interrupts += 1;
    });
    r.bus.write8(r.pci.bar0 + 0x03, 0x01 | 0x08);
    for (let n = 0; n < 4; n++) putNull(r, n, COMPL_WRITE | INT_EN);
    r.start(4);
    const seen: (number | null)[] = [];
    while (r.clock.nowNanos < 50_000) {
      r.clock.advance(10);
      const [n] = r.completion();
      if (seen.at(-1) !== n) seen.push(n);
    }
    expect(faults.struck.length).toBe(1);
    return { ...r, seen, interrupts };
  }

  it("busError: halts with a read error", () => {
    const r = burst("busError");
    expect([r.errors(), r.state()]).toEqual([2 ** 8, HALTED]);
    expect(r.completion()).toEqual([1, HALTED]);
  });

  it("badDescriptor: halts at what it can't make sense of", () => {
    const r = burst("badDescriptor");
    expect([r.errors(), r.state()]).toEqual([2 ** 10, HALTED]);
    expect(r.completion()).toEqual([1, HALTED]);
  });

  it("stuckChannel: stays active and does nothing, until it is reset", () => {
    const r = burst("stuckChannel");
    expect([r.errors(), r.state()]).toEqual([0, ACTIVE]);
    expect(r.clock.pendingEvents).toBe(0);
    expect(r.completion()[0]).toBe(1);
    r.bus.write8(r.chan + 0x04, 0x20);
    r.start(4);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([3, DONE]);
  });

  it("lostInterrupt: tells in memory alone", () => {
    const r = burst("lostInterrupt");
    expect(r.interrupts).toBe(0);
    expect(r.completion()).toEqual([3, DONE]);
  });

  it("wrongCompletion: names a descriptor that is not there", () => {
    expect(burst("wrongCompletion").seen).toEqual([null, 0, 1, 2 + 2 ** 40 / 64, 3]);
  });

  it("lateCompletion: comes after all the others would have, and holds them up", () => {
    const r = burst("lateCompletion");
    expect(r.completion()[0]).toBe(1);
    r.clock.advance(A_WHILE);
    expect(r.completion()).toEqual([3, DONE]);
  });

  it("unplug: answers nothing but ones, and does nothing more", () => {
    const r = burst("unplug");
    expect(r.bus.read32(r.chan + 0x28)).toBe(0xffff_ffff);
    expect(r.bus.read8(r.pci.bar0)).toBe(0xff);
    r.bus.write16(r.chan + 0x06, 5);
    expect(r.clock.pendingEvents).toBe(0);
    expect(r.completion()[0]).toBe(null);
  });
});

describe("fill", () => {
  it("repeats eight bytes from the destination on, whatever its offset", () => {
    for (const size of [1, 7, 8, 30]) {
      const r = rig();
      const dst = new Uint8Array(40);
      r.put(0, { size, control: (0x01 << 24) | COMPL_WRITE, fields: { 2: r.map(dst) + 3 } });
      r.setField(0, 1, 0x0005_0403_0201_0099);
      r.start(1);
      r.clock.advance(A_WHILE);
      const pattern = [0x99, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x00];
      const expected = Array.from({ length: 40 }, (_, i) =>
        i >= 3 && i < 3 + size ? pattern[(i - 3) % 8] : 0,
      );
      expect([...dst]).toEqual(expected);
      expect(r.completion()).toEqual([0, DONE]);
    }
  });

  it.each(["2.0", "3.0"] as const)("is unknown to version %s", (version) => {
    const r = rig({}, version);
    r.put(0, { size: 8, control: 0x01 << 24, fields: { 2: r.map(new Uint8Array(8)) } });
    r.start(1);
    r.clock.advance(A_WHILE);
    expect(r.errors()).toBe(1 << 10);
  });
});

describe("version 1", () => {
  const START = 0x01;
  const APPEND = 0x02;

  /** Programs the channel as a driver of version 1 does. */
  function listRig() {
    const r = rig({}, "1.2");
    const word = r.memory.allocCoherent(8, 64);
    const command = (value: number): void => r.bus.write8(r.chan + 0x14, value);
    return {
      ...r,
      command,
      start: () => {
        r.bus.write16(r.chan + 0x00, RUN);
        r.bus.write32(r.chan + 0x18, word.dmaAddr);
        r.bus.write32(r.chan + 0x1c, 0);
        r.bus.write32(r.chan + 0x0c, r.entry(0));
        r.bus.write32(r.chan + 0x10, 0);
        command(START);
      },
      putEnd: (n: number) => r.put(n, { control: COMPL_WRITE | NULL, next: 0 }),
      /** CHANSTS as [entry, state]; entry null is address 0. */
      status: (): [number | null, number] => {
        const low = r.bus.read32(r.chan + 0x04);
        expect(r.bus.read32(r.chan + 0x08)).toBe(0);
        const addr = low - (low % 64);
        return [addr === 0 ? null : (addr - r.entry(0)) / 64, low % 64];
      },
      told: (): number =>
        Number(new DataView(word.bytes.buffer, word.bytes.byteOffset).getBigUint64(0, true)),
    };
  }

  it("follows a list from START to its end", () => {
    const r = listRig();
    putNull(r, 0);
    putNull(r, 1);
    r.putEnd(2);
    r.bus.write32(r.chan + 0x0c, r.entry(0));
    r.bus.write32(r.chan + 0x10, 0);
    r.clock.advance(A_WHILE);
    expect(r.status()).toEqual([null, DONE]);
    r.start();
    expect(r.status()).toEqual([null, ACTIVE]);
    r.clock.advance(A_WHILE);
    expect(r.status()).toEqual([2, DONE]);
    expect(r.told()).toBe(r.entry(2) + DONE);
  });

  it("looks again for a next descriptor at APPEND, once the list is at its end", () => {
    const r = listRig();
    r.putEnd(0);
    r.start();
    r.clock.advance(A_WHILE);
    r.putEnd(1);
    r.setField(0, 3, r.entry(1));
    r.clock.advance(A_WHILE);
    expect(r.status()).toEqual([0, DONE]);
    r.command(APPEND);
    r.clock.advance(A_WHILE);
    expect(r.status()).toEqual([1, DONE]);
    // Nothing was appended.
    r.command(APPEND);
    r.clock.advance(A_WHILE);
    expect(r.status()).toEqual([1, DONE]);
  });

  it("looks again also when APPEND came while the last descriptor was at work", () => {
    const r = listRig();
    r.putEnd(0);
    r.start();
    r.putEnd(1);
    r.setField(0, 3, r.entry(1));
    r.command(APPEND);
    r.clock.advance(A_WHILE);
    expect(r.status()).toEqual([1, DONE]);
  });

  it("does not look without APPEND, as the last descriptor was fetched before", () => {
    const r = listRig();
    r.putEnd(0);
    r.start();
    r.putEnd(1);
    r.setField(0, 3, r.entry(1));
    r.clock.advance(A_WHILE);
    expect(r.status()).toEqual([0, DONE]);
  });

  it("has commands of later versions, too, and no others", () => {
    const r = listRig();
    r.putEnd(0);
    r.start();
    r.command(0x04);
    r.clock.advance(A_WHILE);
    expect(r.status()).toEqual([null, SUSPENDED]);
    r.command(0x10);
    r.clock.advance(A_WHILE);
    expect(r.status()).toEqual([0, DONE]);
    r.command(0x20);
    expect(r.status()).toEqual([null, DONE]);
    r.command(APPEND);
    r.clock.advance(A_WHILE);
    expect(r.status()).toEqual([null, DONE]);
    r.command(0x40);
    expect(r.errors()).toBe(1 << 5);
    expect(r.status()[1]).toBe(HALTED);
    expect(() => r.bus.write16(r.chan + 0x06, 1)).toThrow(/no register/);
  });

  it("knows no RAID operation", () => {
    const r = listRig();
    r.put(0, { control: (0x87 << 24) >>> 0, next: 0 });
    r.start();
    r.clock.advance(A_WHILE);
    expect(r.errors()).toBe(1 << 10);
  });
});

describe("P+Q of 16 sources", () => {
  /** Runs a descriptor over 8 bytes with a super extended descriptor. */
  function run(
    r: Rig,
    op: number,
    control: number,
    sources: number[][],
    p: Uint8Array,
    q: Uint8Array,
    coefs: number[],
  ) {
    const sed = r.memory.allocCoherent(128, 64);
    const view = new DataView(sed.bytes.buffer, sed.bytes.byteOffset, 128);
    const addrs = sources.map((source) => r.map(Uint8Array.from(source)));
    // Block a has sources 2 to 8 in its fields 1 to 7, block b sources 9 to 15 in its fields 0 to 6.
    addrs.slice(2, 9).forEach((addr, i) => {
      view.setBigUint64(8 * (1 + i), BigInt(addr), true);
    });
    addrs.slice(9).forEach((addr, i) => {
      view.setBigUint64(64 + 8 * i, BigInt(addr), true);
    });
    sed.bytes.set(coefs.slice(8), 0);
    r.put(0, {
      size: 8,
      control: ((op << 24) | ((sources.length - 9) << 5) | COMPL_WRITE | control) >>> 0,
      fields: { 1: addrs[0] as number, 2: r.map(p), 4: addrs[1] as number, 5: sed.dmaAddr, 7: r.map(q) },
      coefs: coefs.slice(0, 8),
    });
    r.start(1);
    r.clock.advance(A_WHILE);
  }
  const sourcesOf = (count: number): number[][] =>
    Array.from({ length: count }, (_, i) => D0.map((byte, at) => (byte * 5 + 17 * i + at) & 0xff));

  it.each([9, 10, 15, 16])("computes and checks with %i", (count) => {
    const sources = sourcesOf(count);
    const coefs = Array.from({ length: count }, (_, i) => (i * 29 + 3) & 0xff);
    const p = new Uint8Array(8);
    const q = new Uint8Array(8);
    run(rig({}, "3.3"), 0xa0, 0, sources, p, q, coefs);
    expect([...p]).toEqual(
      D0.map((_, at) => sources.reduce((sum, source) => sum ^ (source[at] as number), 0)),
    );
    expect([...q]).toEqual(
      D0.map((_, at) =>
        sources.reduce((sum, source, i) => sum ^ gfMul(coefs[i] as number, source[at] as number), 0),
      ),
    );
    const good = rig({}, "3.3");
    run(good, 0xa1, 0, sources, p, q, coefs);
    expect(good.errors()).toBe(0);
    q[3] = (q[3] as number) ^ 1;
    const bad = rig({}, "3.3");
    run(bad, 0xa1, 0, sources, p, q, coefs);
    expect(bad.errors()).toBe(1 << 17);
  });

  it.each([
    ["not aligned", 0x1020],
    ["not mapped", 0x40],
  ])("halts with CHANERR bit 14 when the super extended descriptor is %s", (_name, addr) => {
    const r = rig({}, "3.3");
    const field = r.map(new Uint8Array(8));
    r.put(0, {
      size: 8,
      control: (0xa0 << 24) >>> 0,
      fields: { 1: field, 2: field, 4: field, 5: addr, 7: field },
    });
    r.start(1);
    r.clock.advance(A_WHILE);
    expect(r.errors()).toBe(1 << 14);
  });

  it.each([0x89, 0xa0].flatMap((op) => [false, true].map((masked) => [op, masked] as const)))(
    "leaves the verdict of a check in the descriptor, if it is to (operation 0x%s, masked: %s)",
    (op, masked) => {
      const check = op + 1;
      const WB_EN = 1 << 15;
      const count = op === 0xa0 ? 9 : 2;
      const sources = sourcesOf(count);
      const coefs = sources.map(() => 1);
      const sum = Uint8Array.from(
        D0.map((_, at) => sources.reduce((xor, source) => xor ^ (source[at] as number), 0)),
      );
      const wrong = new Uint8Array(8);
      for (const [badP, badQ] of [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ] as const) {
        const r = rig({}, "3.3");
        if (masked) r.bus.write32(r.chan + 0x2c, (1 << 16) | (1 << 17));
        const [p, q] = [badP ? wrong : sum, badQ ? wrong : sum];
        if (op === 0xa0) run(r, check, WB_EN, sources, p, q, coefs);
        else {
          const [a, b] = sources.map((source) => r.map(Uint8Array.from(source))) as [number, number];
          const fields = { 1: a, 2: r.map(p), 4: b, 7: r.map(q) };
          r.put(0, { size: 8, control: ((check << 24) | COMPL_WRITE | WB_EN) >>> 0, fields, coefs });
          r.start(1);
          r.clock.advance(A_WHILE);
        }
        const words = new Uint32Array(16);
        r.memory.readBlock(r.entry(0), words);
        const verdict = (2 ** 31 + (badP ? 2 ** 25 : 0) + (badQ ? 2 ** 26 : 0)) >>> 0;
        expect(new DataView(words.buffer).getUint32(0, true)).toBe(verdict);
        expect(r.errors()).toBe((badP ? 1 << 16 : 0) | (badQ ? 1 << 17 : 0));
        expect(r.completion()).toEqual(badP || badQ ? (masked ? [0, DONE] : [null, HALTED]) : [0, DONE]);
      }
    },
  );

  it("leaves none where the version has no such thing", () => {
    const r = rig();
    const field = r.map(new Uint8Array(8));
    const control = ((0x8a << 24) | COMPL_WRITE | (1 << 15)) >>> 0;
    r.put(0, { size: 8, control, fields: { 1: field, 2: field, 4: field, 7: field } });
    r.start(1);
    r.clock.advance(A_WHILE);
    const words = new Uint32Array(16);
    r.memory.readBlock(r.entry(0), words);
    expect(new DataView(words.buffer).getUint32(0, true)).toBe(8);
  });
});

describe("INTRDELAY", () => {
  it("makes one interrupt of several", () => {
    const r = rig();
    const seen: [number, unknown][] = [];
    r.pci.msix[0]?.request(() => seen.push([r.clock.nowNanos, r.completion()]));
    r.bus.write8(r.pci.bar0 + 0x03, 0x01 | 0x08);
    expect(r.bus.read16(r.pci.bar0 + 0x0c)).toBe(0x8000);
    r.bus.write16(r.pci.bar0 + 0x0c, 3);
    expect(r.bus.read16(r.pci.bar0 + 0x0c)).toBe(0x8003);
    for (let n = 0; n < 8; n++) putNull(r, n, COMPL_WRITE | INT_EN);
    r.start(8);
    r.clock.advance(A_WHILE);
    // The first was done after 100 ns and told after 500 more.
    expect(seen).toEqual([[3600, [7, DONE]]]);
    r.bus.write16(r.chan + 0x00, RUN);
    r.clock.advance(A_WHILE);
    expect(seen).toEqual([[3600, [7, DONE]]]);
  });

  it("has nothing to tell after a reset", () => {
    const r = rig();
    r.bus.write8(r.pci.bar0 + 0x03, 0x01 | 0x08);
    r.bus.write16(r.pci.bar0 + 0x0c, 3);
    putNull(r, 0, COMPL_WRITE | INT_EN);
    r.start(1);
    r.clock.advance(1000);
    r.bus.write8(r.chan + 0x04, 0x20);
    r.clock.advance(A_WHILE);
    expect(r.platform.irqs.hardIrqs).toBe(0);
  });

  it.each(["1.2", "2.0"] as const)("is not there in version %s", (version) => {
    const r = rig({}, version);
    r.bus.write16(r.pci.bar0 + 0x0c, 3);
    expect(r.bus.read16(r.pci.bar0 + 0x0c)).toBe(0);
  });
});

describe("CHANERR_INT, in configuration space", () => {
  it("keeps errors through a reset, until ones are written", () => {
    const r = rig();
    r.put(0, { size: 0 });
    r.start(1);
    r.clock.advance(A_WHILE);
    r.bus.write8(r.chan + 0x04, 0x20);
    expect(r.errors()).toBe(0);
    expect(r.pci.readConfig32(0x180)).toBe(1 << 11);
    r.pci.writeConfig32(0x180, 1 << 10);
    expect(r.pci.readConfig32(0x180)).toBe(1 << 11);
    r.pci.writeConfig32(0x180, 1 << 11);
    expect(r.pci.readConfig32(0x180)).toBe(0);
  });

  it("is in versions 3.0 and 3.2 alone, and nothing else is there", () => {
    for (const [version, value] of [
      ["1.2", 0xffff_ffff],
      ["2.0", 0xffff_ffff],
      ["3.0", 0],
      ["3.2", 0],
      ["3.3", 0xffff_ffff],
    ] as const) {
      expect(rig({}, version).pci.readConfig32(0x180)).toBe(value);
    }
    expect(rig().pci.readConfig32(0x184)).toBe(0xffff_ffff);
  });
});

describe("a snapshot", () => {
  it.each([
    ["3.2", "coherent", 0],
    ["3.2", "v7", 0],
    ["3.3", "coherent", 1],
  ] as const)("continues as the machine did, at any time (%s, %s)", (version, coherence, delayMicros) => {
    const build = () => {
      const r = rig({ coherence, seed: 5 }, version);
      r.bus.write16(r.pci.bar0 + 0x0c, delayMicros);
      r.pci.msix[0]?.request(() => r.bus.write16(r.chan + 0x00, RUN));
      r.bus.write8(r.pci.bar0 + 0x03, 0x01 | 0x08);
      const memory = Uint8Array.from({ length: 4096 }, (_, i) => (i * 31) & 0xff);
      const addr = r.map(memory);
      for (let n = 0; n < 8; n++) {
        putCopy(r, 2 * n, addr + 256 * n, addr + 256 * (n + 1) + 5, 300);
        r.put(2 * n + 1, {
          size: 64,
          control: ((0x87 << 24) | COMPL_WRITE | INT_EN) >>> 0,
          fields: { 1: addr + n, 4: addr + 1024, 2: addr + 3000 + 64 * n },
        });
      }
      r.start(16);
      /** Everything that can be seen of the machine from here to the end, event by event. */
      const story = () => {
        const lines: string[] = [];
        do {
          const window = r.memory.locate(addr, 4096);
          const seen = [r.clock.nowNanos, r.state(), r.errors(), ...r.completion(), r.platform.irqs.hardIrqs];
          lines.push(`${seen.join()} ${Buffer.from(window?.bytes ?? []).toString("base64")}`);
          lines.push(Buffer.from(memory).toString("base64"));
        } while (r.clock.runNext());
        return lines;
      };
      return { ...r, story };
    };
    const whole = build().story().length / 2;
    expect(whole).toBeGreaterThan(20);
    for (let at = 0; at < whole; at++) {
      const r = build();
      for (let n = 0; n < at; n++) r.clock.runNext();
      const snapshot = r.platform.snapshot();
      const first = r.story();
      snapshot.restore();
      expect(r.story()).toEqual(first);
      snapshot.restore();
      expect(r.story()).toEqual(first);
    }
  });

  it("holds a list that is at its end, and where it goes on", () => {
    const r = rig({}, "1.2");
    const end: Descriptor = { control: COMPL_WRITE | NULL, next: 0 };
    r.put(0, end);
    r.put(1, end);
    r.bus.write32(r.chan + 0x18, r.memory.allocCoherent(8, 64).dmaAddr);
    r.bus.write32(r.chan + 0x1c, 0);
    r.bus.write32(r.chan + 0x0c, r.entry(0));
    r.bus.write32(r.chan + 0x10, 0);
    const before = r.platform.snapshot();
    const status = (): number => r.bus.read32(r.chan + 0x04);
    const runFromStart = (): void => {
      r.bus.write8(r.chan + 0x14, 0x01);
      r.clock.advance(A_WHILE);
      expect(status()).toBe(r.entry(0) + DONE);
    };
    runFromStart();
    const atEnd = r.platform.snapshot();
    for (let round = 0; round < 2; round++) {
      atEnd.restore();
      r.setField(0, 3, r.entry(1));
      r.bus.write8(r.chan + 0x14, 0x02);
      r.clock.advance(A_WHILE);
      expect(status()).toBe(r.entry(1) + DONE);
      before.restore();
      expect(status()).toBe(DONE);
      runFromStart();
    }
  });
});
