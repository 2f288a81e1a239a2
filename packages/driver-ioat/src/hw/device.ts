import type { IrqLine, MmioRegister, Platform } from "@dmaengine/sim";
import {
  ATTNSTATUS,
  CHANCNT,
  CHANNEL_BLOCK_BYTES,
  channelBase,
  DMACAP,
  INTRCTRL,
  INTRCTRL_INT,
  INTRCTRL_INT_STATUS,
  INTRCTRL_MASTER_INT_EN,
  INTRCTRL_MSIX_VECTOR_CONTROL,
  INTRDELAY,
  INTRDELAY_COALESCE_SUPPORT,
  INTRDELAY_MASK,
  PCI_CHANERR_INT,
  VER,
  XFERCAP,
} from "../datasheet.js";
import type { PciFunction } from "../pci-function.js";
import type { IoatVariant } from "../variant.js";
import { HwChannel } from "./channel.js";

/** A device in its place. */
interface Plugged extends PciFunction {
  /** Takes it off the platform. */
  unplug(): void;
}

/** Plugs an I/OAT device into a platform. From here on it is reached by bus, memory and interrupt lines alone. */
export function plugIoat(
  platform: Platform,
  name: string,
  variant: IoatVariant,
  channelCount: number,
): Plugged {
  const device = new HwDevice(platform, name, variant, channelCount, () => platform.bus.surpriseRemove(bar0));
  const bar0 = platform.bus.attach(
    name,
    channelBase(channelCount - 1) + CHANNEL_BLOCK_BYTES,
    device.registers,
  );
  const forget = platform.addState(() => device.capture());
  return {
    bar0,
    intx: device.intx,
    msix: device.msix,
    readConfig32: (offset) => device.readConfig32(offset),
    writeConfig32: (offset, value) => device.writeConfig32(offset, value),
    unplug: () => {
      forget();
      platform.bus.detach(bar0);
      device.reset();
    },
  };
}

/** The device: its channels, and the interrupts that they share. */
class HwDevice {
  readonly intx: IrqLine;
  readonly msix: readonly IrqLine[];
  readonly registers: readonly MmioRegister[];
  readonly #hasChanerrInt: boolean;
  readonly #channels: readonly HwChannel[];
  /** INTRCTRL, without the bits that follow from ATTNSTATUS. */
  #control = 0;
  #attention = 0;
  /** The INTRDELAY register, without the bit that says that there is one. */
  #delayMicros = 0;
  /** The CHANERR_INT register. */
  #errors = 0;
  /** Whether it was pulled out. */
  #gone = false;

  /** `onPulled`: the device leaves the bus without asking. */
  constructor(
    platform: Platform,
    name: string,
    variant: IoatVariant,
    channelCount: number,
    onPulled: () => void,
  ) {
    const numbers = Array.from({ length: channelCount }, (_, n) => n);
    this.intx = platform.irqs.line(name);
    this.msix = numbers.map((n) => platform.irqs.line(`${name}-msix-${n}`));
    this.#hasChanerrInt = variant.hasChanerrInt;
    this.#channels = numbers.map(
      (n) =>
        new HwChannel(n, name, platform, variant, {
          attention: () => this.#attend(n),
          interruptDelayNanos: () => 1000 * this.#delayMicros,
          note: (errors) => {
            this.#errors |= errors;
          },
          unplug: () => {
            this.reset();
            this.#gone = true;
            onPulled();
          },
        }),
    );
    this.registers = [
      { name: "CHANCNT", offset: CHANCNT, widthBytes: 1, read: () => channelCount },
      { name: "XFERCAP", offset: XFERCAP, widthBytes: 1, read: () => variant.xfercapLog2 },
      {
        name: "INTRCTRL",
        offset: INTRCTRL,
        widthBytes: 1,
        read: () => this.#readControl(),
        write: (value) => this.#writeControl(value),
      },
      { name: "ATTNSTATUS", offset: ATTNSTATUS, widthBytes: 4, read: () => this.#readAttention() },
      { name: "VER", offset: VER, widthBytes: 1, read: () => variant.version },
      {
        name: "INTRDELAY",
        offset: INTRDELAY,
        widthBytes: 2,
        read: () => (variant.coalescesInterrupts ? INTRDELAY_COALESCE_SUPPORT | this.#delayMicros : 0),
        write: (value) => {
          if (variant.coalescesInterrupts) this.#delayMicros = value & INTRDELAY_MASK;
        },
      },
      ...capabilityRegister(variant),
      ...this.#channels.flatMap((channel) => channel.registers),
    ];
  }

  reset(): void {
    for (const channel of this.#channels) channel.reset();
    this.intx.lower();
  }

  /** Notes the device's state, and returns what puts it back. */
  capture(): () => void {
    const control = this.#control;
    const attention = this.#attention;
    const delayMicros = this.#delayMicros;
    const errors = this.#errors;
    const gone = this.#gone;
    const channels = this.#channels.map((channel) => channel.capture());
    return () => {
      this.#control = control;
      this.#attention = attention;
      this.#delayMicros = delayMicros;
      this.#errors = errors;
      this.#gone = gone;
      for (const restore of channels) restore();
    };
  }

  readConfig32(offset: number): number {
    return this.#hasConfig(offset) ? this.#errors : 0xffff_ffff;
  }

  writeConfig32(offset: number, value: number): void {
    if (this.#hasConfig(offset)) this.#errors &= ~value;
  }

  #hasConfig(offset: number): boolean {
    return !this.#gone && this.#hasChanerrInt && offset === PCI_CHANERR_INT;
  }

  #attend(n: number): void {
    if ((this.#control & INTRCTRL_MSIX_VECTOR_CONTROL) !== 0) {
      if ((this.#control & INTRCTRL_MASTER_INT_EN) === 0) return;
      const vector = this.msix[n] as IrqLine;
      vector.raise();
      vector.lower();
      return;
    }
    this.#attention |= 1 << n;
    this.#drivePin();
  }

  /**
   * Assumed from what the handler does (ioat_dma_do_interrupt reads INTRCTRL first and writes it back last): reading it takes the enable bit
   * back, so that the pin can rise again once the handler has restored it.
   */
  #readControl(): number {
    const value = this.#control | this.#status();
    this.#control &= ~INTRCTRL_MASTER_INT_EN;
    this.#drivePin();
    return value;
  }

  #writeControl(value: number): void {
    this.#control = value & (INTRCTRL_MASTER_INT_EN | INTRCTRL_MSIX_VECTOR_CONTROL);
    this.#drivePin();
  }

  /** Assumed, for the same reason: reading tells and clears. */
  #readAttention(): number {
    const value = this.#attention;
    this.#attention = 0;
    this.#drivePin();
    return value;
  }

  #status(): number {
    if (this.#attention === 0) return 0;
    return (this.#control & INTRCTRL_MASTER_INT_EN) === 0
      ? INTRCTRL_INT_STATUS
      : INTRCTRL_INT_STATUS | INTRCTRL_INT;
  }

  #drivePin(): void {
    if ((this.#status() & INTRCTRL_INT) !== 0) this.intx.raise();
    else this.intx.lower();
  }
}

function capabilityRegister({ capabilities }: IoatVariant): MmioRegister[] {
  if (capabilities === null) return [];
  return [{ name: "DMACAP", offset: DMACAP, widthBytes: 4, read: () => capabilities }];
}
