import type { DmaAddr } from "@dmaengine/core/driver";
import type { MmioAddr, MmioBus } from "@dmaengine/sim";
import {
  CHANCMD_APPEND,
  CHANCMD_RESET,
  CHANCMD_START,
  CHANCMD_SUSPEND,
  CHANCMP,
  CHANCTRL,
  CHANCTRL_RUN,
  CHANERR,
  CHANERR_MASK,
  CHANSTS_STATE,
  type ChannelLayout,
  DMACOUNT,
  LAYOUT_V1,
  LAYOUT_V2,
} from "./datasheet.js";

const HIGH_HALF = 2 ** 32;

/** What a register says of a device that is not there any more. */
const ALL_ONES = 0xffff_ffff;

/** A channel's registers, as the driver uses them. */
export abstract class ChannelRegisters {
  protected readonly bus: MmioBus;
  protected readonly base: MmioAddr;
  readonly #layout: ChannelLayout;

  constructor(bus: MmioBus, base: MmioAddr, layout: ChannelLayout) {
    this.bus = bus;
    this.base = base;
    this.#layout = layout;
  }

  /** Begins a new chain, of which `count` descriptors may be done. */
  abstract startChain(addr: DmaAddr, count: number): void;

  /** The door bell: so many more of them. */
  abstract announce(count: number): void;

  /** Sets the channel to run, and allows it one more interrupt. */
  run(): void {
    this.bus.write16(this.base + CHANCTRL, CHANCTRL_RUN);
  }

  get state(): number {
    return this.#statusLow & CHANSTS_STATE;
  }

  /** The address of the last completed descriptor of the chain; 0 before the first. */
  get completed(): DmaAddr {
    const low = this.#statusLow;
    return low - (low % 0x40) + this.bus.read32(this.base + this.#layout.CHANSTS + 4) * HIGH_HALF;
  }

  /** Whether the device was pulled out. */
  get gone(): boolean {
    return this.#statusLow === ALL_ONES;
  }

  get errors(): number {
    return this.bus.read32(this.base + CHANERR);
  }

  clearErrors(errors: number): void {
    this.bus.write32(this.base + CHANERR, errors);
  }

  /** These errors neither halt nor interrupt from now on. */
  maskErrors(errors: number): void {
    this.bus.write32(this.base + CHANERR_MASK, errors);
  }

  setCompletionAddr(addr: DmaAddr): void {
    this.writeHalves(CHANCMP, addr);
  }

  /** Stops at the end of the descriptor at hand. This hardware is done with it at once. */
  suspend(): void {
    this.command(CHANCMD_SUSPEND);
  }

  /** Stops the channel and clears its errors (`ioat_reset_hw`). This hardware is done with it at once. */
  reset(): void {
    this.suspend();
    this.clearErrors(this.errors);
    this.command(CHANCMD_RESET);
  }

  protected command(command: number): void {
    this.bus.write8(this.base + this.#layout.CHANCMD, command);
  }

  protected setChainAddr(addr: DmaAddr): void {
    this.writeHalves(this.#layout.CHAINADDR, addr);
  }

  get #statusLow(): number {
    return this.bus.read32(this.base + this.#layout.CHANSTS);
  }

  /** The hardware wants these as two stores, the low half first. */
  protected writeHalves(register: number, addr: DmaAddr): void {
    this.bus.write32(this.base + register, addr % HIGH_HALF);
    this.bus.write32(this.base + register + 4, Math.floor(addr / HIGH_HALF));
  }
}

/** Version 1: a list, which commands begin and go on with. */
export class ListChannelRegisters extends ChannelRegisters {
  constructor(bus: MmioBus, base: MmioAddr) {
    super(bus, base, LAYOUT_V1);
  }

  startChain(addr: DmaAddr): void {
    this.setChainAddr(addr);
    this.command(CHANCMD_START);
  }

  announce(): void {
    this.command(CHANCMD_APPEND);
  }
}

/** Version 2 and later: a ring, with a count of descriptors. */
export class RingChannelRegisters extends ChannelRegisters {
  /** Descriptors that were made available since the chain was started, modulo 2^16. */
  #count = 0;

  constructor(bus: MmioBus, base: MmioAddr) {
    super(bus, base, LAYOUT_V2);
  }

  startChain(addr: DmaAddr, count: number): void {
    this.setChainAddr(addr);
    this.#count = 0;
    this.announce(count);
  }

  announce(count: number): void {
    this.#count = (this.#count + count) & 0xffff;
    this.bus.write16(this.base + DMACOUNT, this.#count);
  }
}
