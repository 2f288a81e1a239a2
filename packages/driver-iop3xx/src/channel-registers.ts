import type { DmaAddr } from "@dmaengine/core/driver";
import type { MmioAddr, MmioBus } from "@dmaengine/sim";
import { CONTROL_ENABLE, CONTROL_RESUME, type UnitRegisters, WORD_NEXT } from "./datasheet/unit.js";

/** A unit's registers, as the driver uses them. */
export class ChannelRegisters {
  readonly #bus: MmioBus;
  readonly #base: MmioAddr;
  readonly #registers: UnitRegisters;

  constructor(bus: MmioBus, base: MmioAddr, registers: UnitRegisters) {
    this.#bus = bus;
    this.#base = base;
    this.#registers = registers;
  }

  get status(): number {
    return this.#bus.read32(this.#base + this.#registers.status.offset);
  }

  clearStatus(bits: number): void {
    this.#bus.write32(this.#base + this.#registers.status.offset, bits);
  }

  /** Address of the current descriptor. */
  get current(): DmaAddr {
    return this.#bus.read32(this.#base + this.#registers.current.offset);
  }

  /** What the register holds that word `word` of the current descriptor was loaded into. */
  word(word: number): number {
    return this.#bus.read32(this.#base + this.#registers.nextOffset + 4 * word);
  }

  /** Begins with the chain at `addr`, from a unit that stands still. */
  start(addr: DmaAddr): void {
    this.#bus.write32(this.#base + this.#registers.nextOffset + 4 * WORD_NEXT, addr);
    this.#bus.write32(this.#base + this.#registers.control.offset, CONTROL_ENABLE);
  }

  /** Tells the unit that something was appended to the chain. One that an error has disabled is not enabled by it. */
  resume(): void {
    const control = this.#base + this.#registers.control.offset;
    this.#bus.write32(control, (this.#bus.read32(control) | CONTROL_RESUME) >>> 0);
  }

  /** Stops the unit and clears what it reports. */
  stop(): void {
    this.#bus.write32(this.#base + this.#registers.control.offset, 0);
    this.clearStatus(this.status);
  }
}
