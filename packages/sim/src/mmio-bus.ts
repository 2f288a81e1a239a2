import type { CostMeter } from "./costs.js";
import { SimError } from "./errors.js";

/** An address of the bus's register space. */
export type MmioAddr = number;

/** Width of an access, in bytes. */
export type MmioWidth = 1 | 2 | 4 | 8;

/**
 * A device register. A register of 8 bytes can be accessed whole, or as two halves of 4 bytes; its `read` and `write` always work on
 * one half: 0 is the low one, 1 the high one, low first. Values are unsigned.
 */
export interface MmioRegister {
  /** Its name in the datasheet, for messages. */
  readonly name: string;
  /** Offset in the device's region; a multiple of the width. */
  readonly offset: number;
  readonly widthBytes: MmioWidth;
  /** Only for 8 bytes: the hardware takes no access to the whole, only to its halves. */
  readonly halvesOnly?: true;
  /** Left out: the register can't be read. */
  readonly read?: (half: 0 | 1) => number;
  /** Left out: the register can't be written. */
  readonly write?: (value: number, half: 0 | 1) => void;
}

interface Region {
  readonly name: string;
  readonly base: MmioAddr;
  readonly sizeBytes: number;
  /** By offset: the register that starts there, and for 8 bytes also at its upper half. */
  readonly registers: readonly (MmioRegister | undefined)[];
  /** Its device was pulled out: reads give all ones and writes go nowhere. */
  gone: boolean;
}

/** Where the first region is; regions are laid out from here on. */
const FIRST_BASE: MmioAddr = 0xfe00_0000;
const REGION_ALIGN_BYTES = 0x1_0000;
const HIGH_HALF = 2 ** 32;

/**
 * The bus between drivers and device registers. An access that no register answers, with a width that the register does not have, or in a
 * direction that it does not allow, is an `ERR_SIM_MMIO` that names device, offset and width: a real machine would return all ones
 * or do nothing, and the mistake would surface much later.
 */
export class MmioBus {
  readonly #regions: Region[] = [];
  #nextBase: MmioAddr = FIRST_BASE;
  #last: Region | undefined;
  readonly #meter: CostMeter | null;

  constructor(meter: CostMeter | null = null) {
    this.#meter = meter;
  }

  /** Puts a device's registers on the bus and tells where they are. */
  attach(device: string, sizeBytes: number, registers: readonly MmioRegister[]): MmioAddr {
    const byOffset = new Array<MmioRegister | undefined>(sizeBytes).fill(undefined);
    for (const register of registers) {
      const { name, offset, widthBytes } = register;
      if (offset % widthBytes !== 0 || offset < 0 || offset + widthBytes > sizeBytes) {
        throw new SimError(
          "ERR_SIM_MMIO",
          `${device}: expected ${name} at a multiple of ${widthBytes} within ${sizeBytes} bytes, got offset ${hex(offset)}`,
        );
      }
      for (let at = offset; at < offset + widthBytes; at += 4) {
        const other = byOffset[at];
        if (other !== undefined) {
          throw new SimError(
            "ERR_SIM_MMIO",
            `${device}: ${name} and ${other.name} are both at offset ${hex(at)}`,
          );
        }
        byOffset[at] = register;
      }
    }
    const base = this.#nextBase;
    this.#nextBase += Math.ceil(sizeBytes / REGION_ALIGN_BYTES) * REGION_ALIGN_BYTES;
    this.#regions.push({ name: device, base, sizeBytes, registers: byOffset, gone: false });
    return base;
  }

  /** Takes a device off the bus. */
  detach(base: MmioAddr): void {
    this.#regions.splice(this.#regions.indexOf(this.#attached(base)), 1);
    this.#last = undefined;
  }

  /**
   * A device was pulled out while its driver still uses it. As on PCI, reads give all ones from now on and writes go nowhere, until the driver
   * has noticed and the registers are taken off the bus.
   */
  surpriseRemove(base: MmioAddr): void {
    this.#attached(base).gone = true;
  }

  read8(addr: MmioAddr): number {
    return this.#read(addr, 1);
  }

  read16(addr: MmioAddr): number {
    return this.#read(addr, 2);
  }

  read32(addr: MmioAddr): number {
    return this.#read(addr, 4);
  }

  /**
   * Low half first. Throws `ERR_SIM_MMIO` for a value from 2^53 on, which a number can't hold: read its halves instead. Of a device that was
   * pulled out it is 2^53 - 1, as near to all ones as a number comes.
   */
  read64(addr: MmioAddr): number {
    const register = this.#at(addr, 8, "read");
    const { read } = register;
    if (read === undefined) throw this.#refusal(addr, 8, "read", `${register.name} can't be read`);
    this.#meter?.charge("mmioRead", 1);
    if (this.#isGone()) return Number.MAX_SAFE_INTEGER;
    const low = read(0);
    const value = read(1) * HIGH_HALF + low;
    if (value > Number.MAX_SAFE_INTEGER) {
      throw this.#refusal(addr, 8, "read", `${register.name} holds more than 53 bits, read its halves`);
    }
    return value;
  }

  write8(addr: MmioAddr, value: number): void {
    this.#write(addr, 1, value, 0xff);
  }

  write16(addr: MmioAddr, value: number): void {
    this.#write(addr, 2, value, 0xffff);
  }

  write32(addr: MmioAddr, value: number): void {
    this.#write(addr, 4, value, 0xffff_ffff);
  }

  /** Low half first. `value` is below 2^53. */
  write64(addr: MmioAddr, value: number): void {
    const register = this.#at(addr, 8, "write");
    const { write } = register;
    if (write === undefined) throw this.#refusal(addr, 8, "write", `${register.name} can't be written`);
    this.#checkValue(addr, 8, value, Number.MAX_SAFE_INTEGER);
    this.#meter?.charge("mmioWrite", 1);
    if (this.#isGone()) return;
    write(value % HIGH_HALF, 0);
    write(Math.floor(value / HIGH_HALF), 1);
  }

  #read(addr: MmioAddr, widthBytes: MmioWidth): number {
    const register = this.#at(addr, widthBytes, "read");
    const { read } = register;
    if (read === undefined) throw this.#refusal(addr, widthBytes, "read", `${register.name} can't be read`);
    this.#meter?.charge("mmioRead", 1);
    if (this.#isGone()) return 2 ** (8 * widthBytes) - 1;
    return read(this.#half(register, addr));
  }

  #write(addr: MmioAddr, widthBytes: MmioWidth, value: number, max: number): void {
    const register = this.#at(addr, widthBytes, "write");
    const { write } = register;
    if (write === undefined)
      throw this.#refusal(addr, widthBytes, "write", `${register.name} can't be written`);
    this.#checkValue(addr, widthBytes, value, max);
    this.#meter?.charge("mmioWrite", 1);
    if (this.#isGone()) return;
    write(value, this.#half(register, addr));
  }

  /** Of the device whose register was looked up last. */
  #isGone(): boolean {
    return this.#last?.gone === true;
  }

  #attached(base: MmioAddr): Region {
    const region = this.#regions.find((other) => other.base === base);
    if (region === undefined) throw new SimError("ERR_SIM_MMIO", `no device is at ${hex(base)}`);
    return region;
  }

  /** Notes which devices are gone, and returns what puts that back. */
  capture(): () => void {
    const before = this.#regions.map((region) => [region, region.gone] as const);
    return () => {
      for (const [region, gone] of before) region.gone = gone;
    };
  }

  #checkValue(addr: MmioAddr, widthBytes: MmioWidth, value: number, max: number): void {
    if (Number.isInteger(value) && value >= 0 && value <= max) return;
    throw this.#refusal(addr, widthBytes, "write", `expected a value from 0 to ${hex(max)}, got ${value}`);
  }

  #half(register: MmioRegister, addr: MmioAddr): 0 | 1 {
    return register.widthBytes === 8 && addr % 8 === 4 ? 1 : 0;
  }

  #regionOf(addr: MmioAddr): Region | undefined {
    const last = this.#last;
    if (last !== undefined && addr >= last.base && addr < last.base + last.sizeBytes) return last;
    this.#last = this.#regions.find(({ base, sizeBytes }) => addr >= base && addr < base + sizeBytes);
    return this.#last;
  }

  /** The register behind an access that it takes. */
  #at(addr: MmioAddr, widthBytes: MmioWidth, access: "read" | "write"): MmioRegister {
    const region = this.#regionOf(addr);
    const register = region?.registers[addr - region.base];
    if (register === undefined) {
      throw this.#refusal(addr, widthBytes, access, "there is no register");
    }
    if (register.widthBytes !== 8) {
      if (widthBytes === register.widthBytes) return register;
      throw this.#refusal(addr, widthBytes, access, `${register.name} takes ${8 * register.widthBytes} bits`);
    }
    if (widthBytes === 4) return register;
    if (widthBytes === 8 && addr % 8 === 0 && register.halvesOnly === undefined) return register;
    throw this.#refusal(
      addr,
      widthBytes,
      access,
      `${register.name} takes ${register.halvesOnly === undefined ? "64 bits, or" : "only"} two halves of 32 bits`,
    );
  }

  #refusal(addr: MmioAddr, widthBytes: MmioWidth, access: "read" | "write", why: string): SimError {
    const region = this.#regionOf(addr);
    const where = region === undefined ? hex(addr) : `${region.name}+${hex(addr - region.base)}`;
    return new SimError("ERR_SIM_MMIO", `${access} of ${8 * widthBytes} bits at ${where}: ${why}`);
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
