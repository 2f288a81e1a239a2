import type { DmaAddr } from "@dmaengine/core/driver";
import type { MmioBus } from "@dmaengine/sim";
import {
  ACTIVATION,
  ACTIVATION_START,
  ACTIVATION_STATUS,
  ACTIVATION_STATUS_SHIFT,
  ACTIVATION_STOP,
  BLOCK_SIZE,
  CHANNEL_CAUSE,
  CHANNEL_CAUSE_BITS,
  CONFIG,
  CURR_DESC,
  DEST_POINTER,
  ERROR_ADDR,
  INIT_VALUE_HIGH,
  INIT_VALUE_LOW,
  INT_END_OF_CHAIN,
  INT_END_OF_DESC,
  INT_ERRORS,
  INT_STOPPED,
  INTR_CAUSE,
  INTR_MASK,
  INTR_MASK_VALUE,
  NEXT_DESC,
  STATUS_IDLE,
} from "./datasheet.js";
import type { XorUnit } from "./xor-unit.js";

/** A channel's registers, and its part of those that it shares with the other one, as the driver uses them. */
export class ChannelRegisters {
  readonly #bus: MmioBus;
  readonly #unit: XorUnit;
  readonly #index: number;

  constructor(bus: MmioBus, unit: XorUnit, index: number) {
    this.#bus = bus;
    this.#unit = unit;
    this.#index = index;
  }

  setConfig(config: number): void {
    this.#bus.write32(this.#unit.low + CONFIG(this.#index), config);
  }

  /** Whether it is at work (`mv_chan_is_busy`). */
  get busy(): boolean {
    const activation = this.#bus.read32(this.#unit.low + ACTIVATION(this.#index));
    return (activation & ACTIVATION_STATUS) >>> ACTIVATION_STATUS_SHIFT !== STATUS_IDLE;
  }

  /** Address of the descriptor that was fetched last. */
  get currentDesc(): DmaAddr {
    return this.#bus.read32(this.#unit.high + CURR_DESC(this.#index));
  }

  /** Starts a chain. */
  startChain(addr: DmaAddr): void {
    this.#bus.write32(this.#unit.high + NEXT_DESC(this.#index), addr);
    this.#activate();
  }

  /** Starts to fill memory; needs no descriptor. */
  startFill(dst: DmaAddr, value: number, lengthBytes: number): void {
    const word = value * 0x0101_0101;
    this.#bus.write32(this.#unit.high + DEST_POINTER(this.#index), dst);
    this.#bus.write32(this.#unit.high + BLOCK_SIZE(this.#index), lengthBytes);
    this.#bus.write32(this.#unit.high + INIT_VALUE_LOW, word);
    this.#bus.write32(this.#unit.high + INIT_VALUE_HIGH, word);
    this.#activate();
  }

  /** Stops whatever it is doing. */
  stop(): void {
    this.#bus.write32(this.#unit.low + ACTIVATION(this.#index), ACTIVATION_STOP);
  }

  /** The errors that have not been cleared. */
  get errors(): number {
    const cause = this.#bus.read32(this.#unit.low + INTR_CAUSE);
    return (cause >>> this.#shift) & INT_ERRORS;
  }

  /** What the last error of the unit was about. */
  get errorAddr(): DmaAddr {
    return this.#bus.read32(this.#unit.low + ERROR_ADDR);
  }

  /** Takes everything back that happened (`mv_chan_clear_err_status`). */
  clearAll(): void {
    this.#clear(CHANNEL_CAUSE);
  }

  /** Takes back what happens when all is well (`mv_chan_clear_eoc_cause`). */
  clearEnd(): void {
    this.#clear(INT_END_OF_DESC | INT_END_OF_CHAIN | INT_STOPPED);
  }

  unmaskInterrupts(): void {
    this.#setMask(INTR_MASK_VALUE);
  }

  maskInterrupts(): void {
    this.#setMask(0);
  }

  get #shift(): number {
    return CHANNEL_CAUSE_BITS * this.#index;
  }

  #activate(): void {
    this.#bus.write32(this.#unit.low + ACTIVATION(this.#index), ACTIVATION_START);
  }

  #clear(causes: number): void {
    this.#bus.write32(this.#unit.low + INTR_CAUSE, ~(causes << this.#shift) >>> 0);
  }

  #setMask(mask: number): void {
    const others = this.#bus.read32(this.#unit.low + INTR_MASK) & ~(CHANNEL_CAUSE << this.#shift);
    this.#bus.write32(this.#unit.low + INTR_MASK, (others | (mask << this.#shift)) >>> 0);
  }
}
