import type { DmaAddr } from "@dmaengine/core/driver";
import type { MmioAddr, MmioBus } from "@dmaengine/sim";
import {
  CHAINADDR,
  CHANCMD,
  CHANCMD_RESET,
  CHANCMD_SUSPEND,
  CHANCMP,
  CHANCTRL,
  CHANCTRL_RUN,
  CHANERR,
  CHANSTS,
  CHANSTS_STATE,
  DMACOUNT,
} from "./datasheet.js";

const HIGH_HALF = 2 ** 32;

/** A channel's registers, as the driver uses them. */
export class ChannelRegisters {
  readonly #bus: MmioBus;
  readonly #base: MmioAddr;

  constructor(bus: MmioBus, base: MmioAddr) {
    this.#bus = bus;
    this.#base = base;
  }

  /** Sets the channel to run, and allows it one more interrupt. */
  run(): void {
    this.#bus.write16(this.#base + CHANCTRL, CHANCTRL_RUN);
  }

  get state(): number {
    return this.#bus.read32(this.#base + CHANSTS) & CHANSTS_STATE;
  }

  get errors(): number {
    return this.#bus.read32(this.#base + CHANERR);
  }

  clearErrors(errors: number): void {
    this.#bus.write32(this.#base + CHANERR, errors);
  }

  setCompletionAddr(addr: DmaAddr): void {
    this.#writeHalves(CHANCMP, addr);
  }

  setChainAddr(addr: DmaAddr): void {
    this.#writeHalves(CHAINADDR, addr);
  }

  /** The door bell: `count` descriptors in all, modulo 2^16. */
  setCount(count: number): void {
    this.#bus.write16(this.#base + DMACOUNT, count);
  }

  /** Stops the channel and clears its errors (`ioat_reset_hw`). This hardware is done with it at once. */
  reset(): void {
    this.#bus.write8(this.#base + CHANCMD, CHANCMD_SUSPEND);
    this.clearErrors(this.errors);
    this.#bus.write8(this.#base + CHANCMD, CHANCMD_RESET);
  }

  /** The hardware wants these as two stores, the low half first. */
  #writeHalves(register: number, addr: DmaAddr): void {
    this.#bus.write32(this.#base + register, addr % HIGH_HALF);
    this.#bus.write32(this.#base + register + 4, Math.floor(addr / HIGH_HALF));
  }
}
