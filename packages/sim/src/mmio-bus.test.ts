import { describe, expect, it } from "vitest";
import { MmioBus, type MmioRegister } from "./mmio-bus.js";

/** A register that holds what is written to it. */
function plain(name: string, offset: number, widthBytes: MmioRegister["widthBytes"]): MmioRegister {
  const halves: [number, number] = [0, 0];
  return {
    name,
    offset,
    widthBytes,
    read: (half) => halves[half],
    write: (value, half) => {
      halves[half] = value;
    },
  };
}

function refusal(message: RegExp): unknown {
  return expect.objectContaining({ code: "ERR_SIM_MMIO", message: expect.stringMatching(message) });
}

describe("MmioBus", () => {
  it("reaches each register with its width", () => {
    const bus = new MmioBus();
    const base = bus.attach("dev0", 0x40, [
      plain("A", 0x00, 1),
      plain("B", 0x02, 2),
      plain("C", 0x04, 4),
      plain("D", 0x08, 8),
    ]);
    bus.write8(base + 0x00, 0xfe);
    bus.write16(base + 0x02, 0xfedc);
    bus.write32(base + 0x04, 0xfedc_ba98);
    bus.write64(base + 0x08, 0x1f_edcb_a987_6543);
    expect(bus.read8(base + 0x00)).toBe(0xfe);
    expect(bus.read16(base + 0x02)).toBe(0xfedc);
    expect(bus.read32(base + 0x04)).toBe(0xfedc_ba98);
    expect(bus.read64(base + 0x08)).toBe(0x1f_edcb_a987_6543);
    expect(bus.read32(base + 0x08)).toBe(0xa987_6543);
    expect(bus.read32(base + 0x0c)).toBe(0x1f_edcb);
  });

  it("writes the low half of 64 bits first, and takes halves in any order", () => {
    const bus = new MmioBus();
    const writes: [number, number][] = [];
    const base = bus.attach("dev0", 8, [
      { name: "D", offset: 0, widthBytes: 8, write: (value, half) => writes.push([half, value]) },
    ]);
    bus.write64(base, 0x1_0000_0002);
    bus.write32(base + 4, 7);
    bus.write32(base, 8);
    expect(writes).toEqual([
      [0, 2],
      [1, 1],
      [1, 7],
      [0, 8],
    ]);
  });

  it("keeps devices apart, and forgets the ones that are detached", () => {
    const bus = new MmioBus();
    const first = bus.attach("dev0", 0x1_0004, [plain("A", 0x1_0000, 4)]);
    const second = bus.attach("dev1", 4, [plain("A", 0, 4)]);
    bus.write32(first + 0x1_0000, 1);
    bus.write32(second, 2);
    expect([bus.read32(first + 0x1_0000), bus.read32(second)]).toEqual([1, 2]);
    bus.detach(second);
    expect(() => bus.read32(second)).toThrow(refusal(/no register/));
    expect(() => bus.detach(second)).toThrow(refusal(/no device/));
    expect(bus.read32(first + 0x1_0000)).toBe(1);
  });

  describe("refuses, naming device, offset and width,", () => {
    const bus = new MmioBus();
    const base = bus.attach("dev0", 0x40, [
      plain("BYTE", 0x00, 1),
      plain("WORD", 0x04, 4),
      plain("QUAD", 0x08, 8),
      { ...plain("PAIR", 0x10, 8), halvesOnly: true },
      { name: "RO", offset: 0x18, widthBytes: 2, read: () => 0 },
      { name: "WO", offset: 0x1c, widthBytes: 4, write: () => {} },
      { name: "RO64", offset: 0x20, widthBytes: 8, read: () => 0xffff_ffff },
      { name: "WO64", offset: 0x28, widthBytes: 8, write: () => {} },
    ]);
    const cases: [string, () => unknown, RegExp][] = [
      [
        "an offset without register",
        () => bus.read32(base + 0x30),
        /read of 32 bits at dev0\+0x30.*no register/,
      ],
      ["an address without device", () => bus.write8(0x10, 0), /write of 8 bits at 0x10.*no register/],
      ["an access past the end of a device", () => bus.read8(base + 0x40), /no register/],
      ["the middle of a register", () => bus.read8(base + 0x05), /no register/],
      ["a width that is too small", () => bus.read16(base + 0x04), /dev0\+0x4: WORD takes 32 bits/],
      ["a width that is too large", () => bus.write32(base, 0), /BYTE takes 8 bits/],
      ["64 bits of 32", () => bus.read64(base + 0x04), /WORD takes 32 bits/],
      ["64 bits from the upper half on", () => bus.read64(base + 0x0c), /QUAD takes 64 bits, or two halves/],
      ["16 bits of 64", () => bus.read16(base + 0x08), /QUAD takes 64 bits, or two halves/],
      [
        "a whole write where halves are wanted",
        () => bus.write64(base + 0x10, 0),
        /PAIR takes only two halves/,
      ],
      ["writing what can only be read", () => bus.write16(base + 0x18, 0), /RO can't be written/],
      ["reading what can only be written", () => bus.read32(base + 0x1c), /WO can't be read/],
      ["the same in 64 bits", () => bus.write64(base + 0x20, 0), /RO64 can't be written/],
      ["the same in 64 bits, reading", () => bus.read64(base + 0x28), /WO64 can't be read/],
      ["64 bits that no number holds", () => bus.read64(base + 0x20), /more than 53 bits/],
      ["a value that does not fit", () => bus.write8(base, 0x100), /from 0 to 0xff, got 256/],
      ["a negative value", () => bus.write32(base + 0x04, -1), /got -1/],
      ["a fraction", () => bus.write64(base + 0x08, 0.5), /got 0.5/],
    ];
    it.each(cases)("%s", (_name, access, message) => {
      expect(access).toThrow(refusal(message));
    });
  });

  it("refuses registers that overlap, are not aligned, or lie outside the device", () => {
    const bus = new MmioBus();
    expect(() => bus.attach("dev0", 8, [plain("A", 4, 4), plain("B", 0, 8)])).toThrow(
      refusal(/B and A are both at offset 0x4/),
    );
    expect(() => bus.attach("dev0", 8, [plain("A", 2, 4)])).toThrow(refusal(/multiple of 4/));
    expect(() => bus.attach("dev0", 8, [plain("A", 8, 4)])).toThrow(refusal(/within 8 bytes/));
  });

  it("answers ones for a device that was pulled out, until it is taken off", () => {
    const bus = new MmioBus();
    const base = bus.attach("dev0", 0x10, [plain("A", 0x00, 1), plain("C", 0x04, 4), plain("D", 0x08, 8)]);
    const other = bus.attach("dev1", 0x4, [plain("E", 0x00, 4)]);
    bus.surpriseRemove(base);
    bus.write32(base + 4, 5);
    bus.write64(base + 8, 5);
    expect([bus.read8(base), bus.read32(base + 4), bus.read64(base + 8)]).toEqual([
      0xff,
      0xffff_ffff,
      Number.MAX_SAFE_INTEGER,
    ]);
    bus.write32(other, 7);
    expect(bus.read32(other)).toBe(7);
    bus.detach(base);
    expect(() => bus.read8(base)).toThrow(refusal(/there is no register/));
    expect(() => bus.surpriseRemove(base)).toThrow(refusal(/no device is at/));
  });
});
