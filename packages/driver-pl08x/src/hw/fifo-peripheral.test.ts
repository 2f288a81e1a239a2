import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { FifoPeripheral, type FifoPeripheralOptions } from "./fifo-peripheral.js";
import { BREQ, LBREQ, LSREQ, SREQ } from "./request-line.js";

function rig(options: Partial<FifoPeripheralOptions> = {}) {
  const platform = new Platform({ clock: "stepped" });
  const fifo = new FifoPeripheral(platform, { name: "uart0", depth: 8, burst: 4, ...options });
  return { ...platform, clock: platform.clock, bus: platform.bus, fifo };
}

describe("a peripheral with FIFOs", () => {
  it("sends what is written to it, one access after the other", () => {
    const { bus, clock, fifo } = rig();
    for (let i = 0; i < 3; i++) bus.write8(fifo.addr, 10 + i);
    clock.advance(2000);
    expect([...fifo.sent]).toEqual([10, 11]);
    clock.advance(2000);
    expect([...fifo.sent]).toEqual([10, 11, 12]);
  });

  it("hands out what it received, and asks for what is possible", () => {
    const { bus, clock, fifo } = rig();
    fifo.receive(Uint8Array.from([1, 2, 3, 4, 5]));
    expect(fifo.rxRequests.levels).toBe(0);
    clock.advance(1000);
    expect(fifo.rxRequests.levels).toBe(SREQ);
    clock.advance(3000);
    expect(fifo.rxRequests.levels).toBe(BREQ);
    clock.advance(1000);
    expect([0, 0, 0, 0, 0].map(() => bus.read8(fifo.addr))).toEqual([1, 2, 3, 4, 5]);
    expect(fifo.rxRequests.levels).toBe(0);
    expect(fifo.underruns).toBe(0);
    expect(bus.read8(fifo.addr)).toBe(0);
    expect(fifo.underruns).toBe(1);
  });

  it("asks for less as it fills, and loses what is written to it when it is full", () => {
    const { bus, fifo } = rig();
    const levels = Array.from({ length: 9 }, (_, i) => {
      bus.write8(fifo.addr, i);
      return fifo.txRequests.levels;
    });
    expect(levels).toEqual([BREQ, BREQ, BREQ, BREQ, SREQ, SREQ, SREQ, 0, 0]);
    expect(fifo.overruns).toBe(1);
  });

  it("lets what arrives wait while it is full", () => {
    const { bus, clock, fifo } = rig({ depth: 2, burst: 2 });
    fifo.receive(Uint8Array.from([1, 2, 3]));
    clock.advance(10_000);
    expect([bus.read8(fifo.addr), bus.read8(fifo.addr)]).toEqual([1, 2]);
    clock.advance(10_000);
    expect(bus.read8(fifo.addr)).toBe(3);
  });

  it("marks the last request of a message", () => {
    const { bus, clock, fifo } = rig({ messageAccesses: 5 });
    fifo.receive(Uint8Array.from([1, 2, 3, 4, 5, 6]));
    clock.advance(10_000);
    const levels = Array.from({ length: 6 }, () => {
      const before = fifo.rxRequests.levels;
      bus.read8(fifo.addr);
      return before;
    });
    expect(levels).toEqual([BREQ, LBREQ, SREQ, SREQ, LSREQ, SREQ]);
  });

  it("is as wide as it was made", () => {
    const { bus, clock, fifo } = rig({ widthBytes: 4 });
    bus.write32(fifo.addr, 0xfedc_ba98);
    fifo.receive(Uint8Array.from([0x78, 0x56, 0x34, 0xf2]));
    clock.advance(10_000);
    expect([...fifo.sent]).toEqual([0x98, 0xba, 0xdc, 0xfe]);
    expect(bus.read32(fifo.addr)).toBe(0xf234_5678);
    expect(() => bus.write8(fifo.addr, 1)).toThrow(/DR takes 32 bits/);
  });
});
