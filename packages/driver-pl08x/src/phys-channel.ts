import { DmaError, DmaTransResult } from "@dmaengine/core";
import type { MmioAddr, MmioBus } from "@dmaengine/sim";
import {
  CH_CONTROL,
  CH_DST_ADDR,
  CH_LLI,
  CH_SRC_ADDR,
  CONFIG_ACTIVE,
  CONFIG_CH_ENABLE,
  CONFIG_ERR_IRQ_MASK,
  CONFIG_HALT,
  CONFIG_TC_IRQ_MASK,
  CONTROL_SWIDTH_SHIFT,
  CONTROL_WIDTH_MASK,
  channelBase,
  EN_CHAN,
  ERR_CLEAR,
  LLI_CONTROL,
  LLI_CONTROL2,
  LLI_DST,
  LLI_LLI,
  LLI_SRC,
  PL080S_CH_CONTROL2,
  TC_CLEAR,
} from "./datasheet.js";
import type { Txd } from "./txd.js";
import type { Pl08xVariant } from "./variant.js";
import type { VirtualChannel } from "./virtual-channel.js";

/** What a register of a device reads that was pulled out. */
export const NOBODY_ANSWERS = 0xffff_ffff;

/** A channel of the hardware, as the driver uses it (`struct pl08x_phy_chan`). */
export class PhysChannel {
  /** Who it moves data for. */
  serving: VirtualChannel | null = null;
  readonly #bus: MmioBus;
  readonly #variant: Pl08xVariant;
  readonly #device: MmioAddr;
  readonly #base: MmioAddr;
  readonly #bit: number;

  constructor(bus: MmioBus, device: MmioAddr, variant: Pl08xVariant, id: number) {
    this.#bus = bus;
    this.#variant = variant;
    this.#device = device;
    this.#base = device + channelBase(id);
    this.#bit = 1 << id;
  }

  /** Writes the first item into the registers, which the hardware does not fetch, and goes (`pl08x_start_next_txd`). */
  start(txd: Txd): void {
    this.#checkIdle();
    this.#clearStatus();
    this.#write(CH_SRC_ADDR, txd.word(LLI_SRC));
    this.#write(CH_DST_ADDR, txd.word(LLI_DST));
    this.#write(CH_LLI, txd.word(LLI_LLI));
    this.#write(CH_CONTROL, txd.word(LLI_CONTROL));
    if (this.#variant.control2) this.#write(PL080S_CH_CONTROL2, txd.word(LLI_CONTROL2));
    this.#config = txd.config;
    this.#config = txd.config | CONFIG_CH_ENABLE;
  }

  /** Stops taking requests; what is in the FIFO still gets to its end (`pl08x_pause_phy_chan`). The simulated FIFO drains at once. */
  pause(): void {
    this.#config = this.#config | CONFIG_HALT;
  }

  resume(): void {
    this.#config = this.#config & ~CONFIG_HALT;
  }

  /** Disables the channel, and forgets what it has to tell (`pl08x_terminate_phy_chan`). */
  terminate(): void {
    this.#config =
      this.#config & ~(CONFIG_CH_ENABLE | CONFIG_ERR_IRQ_MASK | CONFIG_TC_IRQ_MASK | CONFIG_HALT);
    this.#clearStatus();
  }

  /** What the transaction that runs has still to move (`pl08x_getbytes_chan`). */
  residueBytes(txd: Txd): number {
    const lli = this.#read(CH_LLI);
    return lli === NOBODY_ANSWERS ? txd.totalBytes : this.#itemBytes() + txd.bytesFrom(lli);
  }

  /**
   * What an error was, after the hardware has stopped for it. The registers do not say; but if data is in the FIFO, it could not be written, and if
   * the item is done, the next one could not be fetched.
   */
  errorResult(): DmaTransResult {
    if ((this.#config & CONFIG_ACTIVE) !== 0) return DmaTransResult.WRITE_FAILED;
    return this.#itemBytes() === 0 ? DmaTransResult.ABORTED : DmaTransResult.READ_FAILED;
  }

  /** What the current item has still to move. */
  #itemBytes(): number {
    const control = this.#read(CH_CONTROL);
    const size = this.#variant.control2
      ? this.#read(PL080S_CH_CONTROL2)
      : control & this.#variant.maxTransferSize;
    return size << ((control >>> CONTROL_SWIDTH_SHIFT) & CONTROL_WIDTH_MASK);
  }

  /** What an earlier transaction left behind must not be taken for this one's end. */
  #clearStatus(): void {
    this.#bus.write32(this.#device + ERR_CLEAR, this.#bit);
    this.#bus.write32(this.#device + TC_CLEAR, this.#bit);
  }

  /** The original waits here for as long as it takes. This hardware stops at once, and one that was pulled out is found by the next poll. */
  #checkIdle(): void {
    const enabled = this.#bus.read32(this.#device + EN_CHAN);
    if (enabled === NOBODY_ANSWERS) return;
    if ((enabled & this.#bit) === 0 && (this.#config & (CONFIG_CH_ENABLE | CONFIG_ACTIVE)) === 0) return;
    throw new DmaError("ERR_DMA_DRIVER", "pl08x: a channel is to start a transfer and has not stopped yet");
  }

  get #config(): number {
    return this.#read(this.#variant.configOffset);
  }

  /** Bit 31 is set in what a device reads that was pulled out. */
  set #config(value: number) {
    this.#write(this.#variant.configOffset, value >>> 0);
  }

  #read(register: number): number {
    return this.#bus.read32(this.#base + register);
  }

  #write(register: number, value: number): void {
    this.#bus.write32(this.#base + register, value);
  }
}
