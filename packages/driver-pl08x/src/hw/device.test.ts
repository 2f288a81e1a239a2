// The hardware half alone: registers through the bus, linked list items as bytes in memory. Offsets and bits are written out as the reference
// gives them (include/linux/amba/pl080.h), not taken from datasheet.ts, so that this checks the constants too.

import { DmaDirection } from "@dmaengine/core";
import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { PL08X_VARIANTS, type Pl08xVersion } from "../variant.js";
import { plugPl08x, type Wiring } from "./device.js";
import { BREQ, DmaRequestLine, LBREQ, LSREQ, SREQ } from "./request-line.js";

const INCREMENT_BOTH = 3 * 2 ** 26;
const SRC_INCR = 2 ** 26;
const DST_INCR = 2 ** 27;
const SRC_AHB2 = 2 ** 24;
const DST_AHB2 = 2 ** 25;
const TC_INT = 2 ** 31;
const ENABLE = 1;
const ERR_INT = 1 << 14;
const TC_MASK = 1 << 15;
const ACTIVE = 1 << 17;
const HALT = 1 << 18;
/** Memory to peripheral, peripheral to memory, and the same controlled by the peripheral. */
const flow = (code: number): number => code << 11;
/** CONTROL: widths as log2 of bytes, burst as code. */
const control = (bits: number, size: number, srcWidth: number, dstWidth: number, burst = 0): number =>
  bits + size + srcWidth * 2 ** 18 + dstWidth * 2 ** 21 + burst * 2 ** 12 + burst * 2 ** 15;
/** Long enough for anything in here. */
const A_WHILE = 1_000_000;

function rig(version: Pl08xVersion = "pl080", wiring: Partial<Wiring> = {}) {
  const platform = new Platform({ clock: "stepped" });
  const { bus, clock, memory } = platform;
  const variant = PL08X_VARIANTS[version];
  const amba = plugPl08x(platform, "dmac", variant, {
    lliBuses: variant.masters === 2 ? 3 : 1,
    memBuses: variant.masters === 2 ? 3 : 1,
    slaveChannels: [],
    ...wiring,
  });
  let interrupts = 0;
  amba.irq.request(() => {
    interrupts += 1;
  });
  const configOffset = version === "pl080s" ? 0x14 : 0x10;
  const reg = (offset: number): number => bus.read32(amba.base + offset);
  const setReg = (offset: number, value: number): void => bus.write32(amba.base + offset, value);
  const chan = (n: number): number => 0x100 + 0x20 * n;
  setReg(0x30, 1);
  return {
    platform,
    bus,
    clock,
    amba,
    memory,
    reg,
    setReg,
    chan,
    config: (n: number): number => reg(chan(n) + configOffset),
    setConfig: (n: number, value: number): void => setReg(chan(n) + configOffset, value),
    interrupts: () => interrupts,
    /** Puts a buffer where the device reaches it. */
    map: (bytes: Uint8Array): number => memory.domain.map(bytes, 0, bytes.length, DmaDirection.BIDIRECTIONAL),
    /** Linked list items, each given as its words. */
    items: (...items: number[][]): number[] => {
      const bytes = version === "pl080s" ? 32 : 16;
      const block = memory.allocCoherent(bytes * items.length, bytes);
      const view = new DataView(block.bytes.buffer, block.bytes.byteOffset);
      items.forEach((words, i) => {
        words.slice(0, bytes / 4).forEach((word, n) => {
          view.setUint32(bytes * i + 4 * n, word, true);
        });
      });
      return items.map((_, i) => block.dmaAddr + bytes * i);
    },
    /** Programs channel `n` as a driver does, and enables it. */
    start: (
      n: number,
      [src, dst, lli, ctl]: [number, number, number, number],
      config = ERR_INT | TC_MASK,
    ): void => {
      setReg(chan(n), src);
      setReg(chan(n) + 4, dst);
      setReg(chan(n) + 8, lli);
      setReg(chan(n) + 0xc, ctl);
      bus.write32(amba.base + chan(n) + configOffset, config | ENABLE);
    },
  };
}

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + 3) & 0xff);

describe("identification", () => {
  it.each([
    ["pl080", [0x80, 0x10, 0x04, 0x00]],
    ["pl081", [0x81, 0x10, 0x04, 0x00]],
    ["pl080s", [0x80, 0x10, 0x14, 0x0a]],
  ] as const)("of a %s", (version, id) => {
    const { reg } = rig(version);
    expect([0xfe0, 0xfe4, 0xfe8, 0xfec].map(reg)).toEqual(id);
  });

  it("has as many channels as the part, and refuses what it does not have", () => {
    expect(() => rig("pl080").reg(0x1e0)).not.toThrow();
    const { reg, setReg, bus, amba } = rig("pl081");
    expect(() => reg(0x120)).not.toThrow();
    expect(() => reg(0x140)).toThrow(/dmac\+0x140: there is no register/);
    expect(() => reg(0x08)).toThrow(/IntTCClear can't be read/);
    expect(() => setReg(0x1c, 1)).toThrow(/EnbldChns can't be written/);
    expect(() => bus.read8(amba.base)).toThrow(/IntStatus takes 32 bits/);
    expect(() => reg(0x114)).toThrow(/there is no register/);
  });

  it("is gone once it is unplugged, and does nothing more", () => {
    const r = rig();
    const dst = new Uint8Array(4);
    r.start(0, [r.map(pattern(4)), r.map(dst), 0, control(INCREMENT_BOTH + TC_INT, 4, 0, 0)]);
    r.amba.unplug();
    r.clock.advance(A_WHILE);
    expect([...dst]).toEqual([0, 0, 0, 0]);
    expect(r.interrupts()).toBe(0);
    expect(() => r.reg(0)).toThrow(/no register/);
  });
});

describe("a transfer between memory", () => {
  it("moves the bytes, interrupts, and disables its channel", () => {
    const r = rig();
    const dst = new Uint8Array(100);
    r.start(3, [r.map(pattern(100)), r.map(dst), 0, control(INCREMENT_BOTH + TC_INT, 100, 0, 0, 7)]);
    expect(r.reg(0x1c)).toBe(1 << 3);
    r.clock.advance(A_WHILE);
    expect(dst).toEqual(pattern(100));
    expect(r.reg(0x1c)).toBe(0);
    expect(r.config(3) & ENABLE).toBe(0);
    expect([0x00, 0x04, 0x0c, 0x14, 0x18].map(r.reg)).toEqual([8, 8, 0, 8, 0]);
    expect(r.interrupts()).toBe(1);
    expect(r.amba.irq.raised).toBe(true);
    r.setReg(0x08, 4);
    expect(r.amba.irq.raised).toBe(true);
    r.setReg(0x08, 8);
    expect(r.amba.irq.raised).toBe(false);
    expect(r.reg(0x14)).toBe(0);
  });

  it("keeps its terminal count to itself where it is masked, or not asked for", () => {
    const r = rig();
    const at = r.map(new Uint8Array(8));
    r.start(0, [at, at + 4, 0, control(INCREMENT_BOTH + TC_INT, 4, 0, 0)], ERR_INT);
    r.start(1, [at, at + 4, 0, control(INCREMENT_BOTH, 4, 0, 0)]);
    r.clock.advance(A_WHILE);
    expect([0x00, 0x14].map(r.reg)).toEqual([0, 1]);
    expect(r.interrupts()).toBe(0);
    r.setConfig(0, TC_MASK);
    expect(r.interrupts()).toBe(1);
  });

  it.each([
    ["bytes to words", 0, 2, 16],
    ["words to bytes", 2, 0, 4],
    ["half words to words", 1, 2, 8],
    ["words to words", 2, 2, 4],
  ])("packs %s", (_title, srcWidth, dstWidth, size) => {
    for (const burst of [0, 1, 7]) {
      const r = rig();
      const dst = new Uint8Array(20);
      r.start(0, [
        r.map(pattern(16)),
        r.map(dst),
        0,
        control(INCREMENT_BOTH, size, srcWidth, dstWidth, burst),
      ]);
      r.clock.advance(A_WHILE);
      expect([...dst]).toEqual([...pattern(16), 0, 0, 0, 0]);
    }
  });

  it("stays at an address that does not increment", () => {
    const r = rig();
    const [one, many] = [new Uint8Array(4), new Uint8Array(16)];
    r.start(0, [r.map(pattern(16)), r.map(one), 0, control(SRC_INCR, 4, 2, 2, 1)]);
    r.start(1, [r.map(pattern(4)), r.map(many), 0, control(DST_INCR, 4, 2, 2, 1)]);
    r.clock.advance(A_WHILE);
    expect(one).toEqual(pattern(16).subarray(12));
    expect([...many]).toEqual([...pattern(4), ...pattern(4), ...pattern(4), ...pattern(4)]);
  });

  it("counts its size down, and moves its addresses on, burst by burst", () => {
    const r = rig();
    const [src, dst] = [r.map(pattern(64)), r.map(new Uint8Array(64))];
    r.start(0, [src, dst, 0, control(INCREMENT_BOTH, 16, 2, 2, 1)]);
    const seen: number[][] = [];
    while (r.reg(0x1c) !== 0) {
      r.clock.runNext();
      seen.push([r.reg(0x10c) & 0xfff, r.reg(0x104) - dst]);
    }
    expect(seen).toEqual([
      [12, 16],
      [8, 32],
      [4, 48],
      [0, 64],
    ]);
  });

  it("does nothing while the controller is off", () => {
    const r = rig();
    const dst = new Uint8Array(4);
    r.setReg(0x30, 0);
    r.start(0, [r.map(pattern(4)), r.map(dst), 0, control(INCREMENT_BOTH, 4, 0, 0)]);
    r.clock.advance(A_WHILE);
    expect([...dst]).toEqual([0, 0, 0, 0]);
    r.setReg(0x30, 1);
    r.clock.advance(A_WHILE);
    expect(dst).toEqual(pattern(4));
  });

  it("goes on with the lowest channel at every burst", () => {
    const r = rig();
    const at = r.map(new Uint8Array(64));
    const order: number[] = [];
    for (const n of [5, 2]) r.start(n, [at, at + 32, 0, control(INCREMENT_BOTH, 8, 0, 0, 1)]);
    for (let i = 0; i < 4; i++) {
      r.clock.runNext();
      const left = [2, 5].map((n) => r.reg(r.chan(n) + 0xc) & 0xfff);
      order.push(...left);
    }
    // Channel 5 had the bus when channel 2 was enabled.
    expect(order).toEqual([8, 4, 4, 4, 0, 4, 0, 0]);
  });

  it("takes less time with a master for each side", () => {
    const nanos = (bits: number): number => {
      const r = rig();
      const at = r.map(new Uint8Array(64));
      r.start(0, [at, at + 32, 0, control(INCREMENT_BOTH + bits, 8, 2, 2, 7)]);
      while (r.reg(0x1c) !== 0) r.clock.runNext();
      return r.clock.nowNanos;
    };
    expect(nanos(SRC_AHB2 + DST_AHB2)).toBe(nanos(0));
    expect(nanos(DST_AHB2)).toBeLessThan(nanos(0));
    expect(nanos(SRC_AHB2)).toBe(nanos(DST_AHB2));
  });
});

describe("linked list items", () => {
  it.each(["pl080", "pl081", "pl080s"] as const)("are done one after the other by a %s", (version) => {
    const r = rig(version);
    const [src, dst] = [pattern(48), new Uint8Array(48)];
    const [from, to] = [r.map(src), r.map(dst)];
    const s = version === "pl080s";
    const ctl = (bits: number): number => control(INCREMENT_BOTH + bits, s ? 0 : 4, 2, 2);
    const [second, third] = r.items(
      [from + 16, to + 16, 0, ctl(TC_INT), 4],
      [from + 32, to + 32, 0, ctl(TC_INT), 4],
    );
    new DataView(r.memory.locate(second!, 16)!.bytes.buffer).setUint32(8, third!, true);
    if (s) r.setReg(r.chan(0) + 0x10, 4);
    r.start(0, [from, to, second!, ctl(0)]);
    const lli: number[] = [];
    while (r.reg(0x1c) !== 0) {
      lli.push(r.reg(r.chan(0) + 8));
      r.clock.runNext();
    }
    expect(dst).toEqual(src);
    expect(lli.filter((value, i) => value !== lli[i - 1])).toEqual([second, third, 0]);
    // The handler here clears nothing, so the second terminal count finds the line up.
    expect(r.interrupts()).toBe(1);
    expect(r.reg(0x14)).toBe(1);
  });

  it("has 25 bits of size in a PL080S, in a register of its own", () => {
    const r = rig("pl080s");
    r.setReg(r.chan(0) + 0x10, 0xffff_ffff);
    expect(r.reg(r.chan(0) + 0x10)).toBe(0x1ff_ffff);
    r.setReg(r.chan(0) + 0x0c, 0x8c00_0fff);
    expect(r.reg(r.chan(0) + 0x0c)).toBe(0x8c00_0fff);
  });
});

describe("error responses", () => {
  const NOWHERE = 0x10;

  it.each([
    ["a source that is not there", (at: number) => [NOWHERE, at], 0],
    ["a destination that is not there", (at: number) => [at, NOWHERE], ACTIVE],
    ["a source that ends too early", (at: number) => [at + 60, at], 0],
    ["a destination that ends too early", (at: number) => [at, at + 60], ACTIVE],
    ["a source that is not aligned", (at: number) => [at + 2, at + 32], 0],
    ["a destination that is not aligned", (at: number) => [at, at + 33], ACTIVE],
  ])("%s", (_title, place, active) => {
    const r = rig();
    const bytes = pattern(64);
    const [src, dst] = place(r.map(bytes)) as [number, number];
    const [next] = r.items([src, dst, 0, control(INCREMENT_BOTH + TC_INT, 4, 2, 2)]);
    r.start(1, [src, dst, next!, control(INCREMENT_BOTH + TC_INT, 8, 2, 2, 7)]);
    r.clock.advance(A_WHILE);
    expect([0x00, 0x04, 0x0c, 0x14, 0x18].map(r.reg)).toEqual([2, 0, 2, 0, 2]);
    expect(r.reg(0x1c)).toBe(0);
    expect(r.config(1) & (ENABLE | ACTIVE)).toBe(active);
    expect(bytes).toEqual(pattern(64));
    expect(r.interrupts()).toBe(1);
    r.setReg(0x10, 2);
    expect(r.amba.irq.raised).toBe(false);
    // What was in the FIFO goes when software disables the channel, and it works again.
    r.setConfig(1, 0);
    expect(r.config(1)).toBe(0);
    const dst2 = new Uint8Array(8);
    r.start(1, [r.map(pattern(8)), r.map(dst2), 0, control(INCREMENT_BOTH, 2, 2, 2)]);
    r.clock.advance(A_WHILE);
    expect(dst2).toEqual(pattern(8));
  });

  it("an item that is not there, behind one that is done", () => {
    const r = rig();
    const dst = new Uint8Array(4);
    r.start(0, [r.map(pattern(4)), r.map(dst), NOWHERE, control(INCREMENT_BOTH + TC_INT, 1, 2, 2)]);
    r.clock.advance(A_WHILE);
    expect(dst).toEqual(pattern(4));
    expect([0x14, 0x18, 0x1c].map(r.reg)).toEqual([1, 1, 0]);
  });

  it("a master that does not reach memory, or items", () => {
    for (const bits of [SRC_AHB2, DST_AHB2]) {
      const r = rig("pl080", { memBuses: 1 });
      const at = r.map(new Uint8Array(8));
      r.start(0, [at, at + 4, 0, control(INCREMENT_BOTH + bits, 1, 2, 2)]);
      r.clock.advance(A_WHILE);
      expect(r.reg(0x18)).toBe(1);
    }
    const r = rig("pl080", { lliBuses: 2 });
    const at = r.map(new Uint8Array(8));
    const words: [number, number, number, number] = [at, at + 4, 0, control(INCREMENT_BOTH, 1, 2, 2)];
    const [next] = r.items(words);
    r.start(0, [at, at + 4, next!, words[3]]);
    r.start(1, [at, at + 4, next! + 1, words[3]]);
    r.clock.advance(A_WHILE);
    expect(r.reg(0x18)).toBe(1);
  });

  it("the bits that choose a master mean nothing where there is one", () => {
    const r = rig("pl081");
    const at = r.map(new Uint8Array(8));
    r.start(0, [at, at + 4, 0, control(INCREMENT_BOTH + SRC_AHB2 + DST_AHB2, 1, 2, 2)]);
    r.clock.advance(A_WHILE);
    expect(r.reg(0x18)).toBe(0);
  });

  it("half a destination access at the end", () => {
    const r = rig();
    const at = r.map(new Uint8Array(16));
    r.start(0, [at, at + 8, 0, control(INCREMENT_BOTH, 3, 0, 2)]);
    r.clock.advance(A_WHILE);
    expect(r.reg(0x18)).toBe(1);
  });
});

describe("halt and disable, in the middle of a burst", () => {
  function underWay() {
    const r = rig();
    const dst = new Uint8Array(32);
    r.start(0, [r.map(pattern(32)), r.map(dst), 0, control(INCREMENT_BOTH + TC_INT, 8, 2, 2, 1)]);
    r.clock.advance(1);
    expect(r.config(0) & ACTIVE).toBe(ACTIVE);
    return { ...r, dst };
  }

  it("halt lets the FIFO drain and nothing follow, until it is taken back", () => {
    const { dst, config, setConfig, clock, reg } = underWay();
    setConfig(0, config(0) | HALT);
    expect(config(0) & (ENABLE | ACTIVE)).toBe(ENABLE);
    clock.advance(A_WHILE);
    expect([...dst]).toEqual([...pattern(16), ...new Array(16).fill(0)]);
    setConfig(0, config(0) & ~HALT);
    clock.advance(A_WHILE);
    expect(dst).toEqual(pattern(32));
    expect(reg(0x04)).toBe(1);
  });

  it("disabling loses what is in the FIFO", () => {
    const { dst, config, setConfig, clock, reg } = underWay();
    setConfig(0, config(0) & ~ENABLE);
    expect(config(0) & (ENABLE | ACTIVE)).toBe(0);
    clock.advance(A_WHILE);
    expect([...dst]).toEqual(new Array(32).fill(0));
    expect(reg(0x14)).toBe(0);
  });

  it("writing the configuration otherwise does not disturb it", () => {
    const { dst, config, setConfig, clock } = underWay();
    setConfig(0, config(0) | (1 << 16));
    clock.advance(A_WHILE);
    expect(dst).toEqual(pattern(32));
  });
});

describe("peripherals", () => {
  const SIGNAL = 5;

  function withPeripheral(code: number, ctl: number, version: Pl08xVersion = "pl080") {
    const requests = new DmaRequestLine();
    const r = rig(version, { slaveChannels: [{ name: "p", signal: SIGNAL, requests, periphBuses: 1 }] });
    const dst = new Uint8Array(64);
    r.start(
      0,
      [r.map(pattern(64)), r.map(dst), 0, ctl],
      ERR_INT | TC_MASK | flow(code) | (SIGNAL << 1) | (SIGNAL << 6),
    );
    const left = (): number => r.reg(0x10c) & 0xfff;
    /** One request, which is taken back as soon as its burst has begun. */
    const request = (levels: number): void => {
      requests.drive(levels);
      requests.drive(0);
      r.clock.advance(A_WHILE);
    };
    return { ...r, dst, left, request, requests };
  }

  it.each([
    ["to", 1],
    ["from", 2],
  ])(
    "%s a peripheral: a burst or one access for each request, and no further than the size",
    (_title, code) => {
      const { clock, left, request, reg, dst } = withPeripheral(
        code,
        control(INCREMENT_BOTH + TC_INT, 11, 0, 0, 1),
      );
      clock.advance(A_WHILE);
      expect(left()).toBe(11);
      request(BREQ);
      expect(left()).toBe(7);
      request(SREQ);
      expect(left()).toBe(6);
      request(LBREQ);
      expect(left()).toBe(2);
      request(LSREQ);
      expect(left()).toBe(1);
      expect(reg(0x14)).toBe(0);
      request(BREQ);
      expect(reg(0x14)).toBe(1);
      expect([...dst.subarray(0, 12)]).toEqual([...pattern(11), 0]);
    },
  );

  it.each([
    ["to", 5],
    ["from", 6],
  ])(
    "%s a peripheral that controls the flow: the last request ends the item, whatever the size",
    (_title, code) => {
      const { request, reg, dst } = withPeripheral(code, control(INCREMENT_BOTH + TC_INT, 1, 0, 0, 1));
      request(BREQ);
      request(SREQ);
      expect(reg(0x14)).toBe(0);
      request(LBREQ);
      expect(reg(0x14)).toBe(1);
      expect([...dst.subarray(0, 10)]).toEqual([...pattern(9), 0]);
    },
  );

  it("controls the flow with a last single request as well", () => {
    const { request, reg, dst } = withPeripheral(5, control(INCREMENT_BOTH + TC_INT, 1, 0, 0, 1));
    request(LSREQ);
    expect(reg(0x14)).toBe(1);
    expect([...dst.subarray(0, 2)]).toEqual([pattern(1)[0], 0]);
  });

  it("between two peripherals moves what both want", () => {
    const requests = new DmaRequestLine();
    const others = new DmaRequestLine();
    const r = rig("pl080", {
      slaveChannels: [
        { name: "p", signal: 1, requests, periphBuses: 1 },
        { name: "q", signal: 2, requests: others, periphBuses: 1 },
      ],
    });
    const dst = new Uint8Array(8);
    const ctl = control(INCREMENT_BOTH, 8, 0, 0, 1);
    r.start(0, [r.map(pattern(8)), r.map(dst), 0, ctl], flow(3) | (1 << 1) | (2 << 6));
    requests.drive(BREQ);
    r.clock.advance(A_WHILE);
    expect(r.reg(0x10c) & 0xfff).toBe(8);
    others.drive(SREQ);
    r.clock.runNext();
    others.drive(0);
    expect(r.reg(0x10c) & 0xfff).toBe(7);
  });

  it("serves requests by software, once each, and tells of them", () => {
    const { clock, left, setReg, reg } = withPeripheral(1, control(INCREMENT_BOTH, 11, 0, 0, 1));
    setReg(0x20, 1 << SIGNAL);
    expect([0x20, 0x24, 0x28, 0x2c].map(reg)).toEqual([1 << SIGNAL, 0, 0, 0]);
    clock.advance(A_WHILE);
    expect(left()).toBe(7);
    expect(reg(0x20)).toBe(0);
    setReg(0x2c, 1 << SIGNAL);
    clock.advance(A_WHILE);
    expect(left()).toBe(6);
  });

  it("tells of requests by a peripheral", () => {
    const { requests, reg } = withPeripheral(0, 0);
    requests.drive(SREQ);
    expect([0x20, 0x24].map(reg)).toEqual([0, 1 << SIGNAL]);
  });

  it("is not reached by a master that has no way to it", () => {
    const { request, reg } = withPeripheral(1, control(INCREMENT_BOTH + DST_AHB2, 4, 0, 0, 1));
    request(BREQ);
    expect(reg(0x18)).toBe(1);
  });

  it("answers with an error where it has no register", () => {
    const r = rig();
    const at = r.map(pattern(4));
    r.start(0, [at, 0xfff0_0000, 0, control(INCREMENT_BOTH, 4, 0, 0)]);
    r.start(1, [r.amba.base + 1, at, 0, control(INCREMENT_BOTH, 4, 0, 0)]);
    r.clock.advance(A_WHILE);
    expect(r.reg(0x18)).toBe(3);
  });

  it("is a register like any other to the controller: of 16 and 32 bits, too", () => {
    const r = rig();
    const dst = new Uint8Array(4);
    r.setReg(0x34, 0x1234_5678);
    r.start(0, [r.amba.base + 0x34, r.map(dst), 0, control(DST_INCR, 1, 2, 2)]);
    r.start(1, [r.map(pattern(4)), r.amba.base + 0x34, 0, control(SRC_INCR, 1, 2, 2)]);
    r.clock.advance(A_WHILE);
    expect([...dst]).toEqual([0x78, 0x56, 0x34, 0x12]);
    expect(r.reg(0x34)).toBe(new DataView(pattern(4).buffer).getUint32(0, true));
  });
});
