import type { DmaAddr } from "@dmaengine/core/driver";
import type { IrqLine, MmioRegister, PhysicalMemory, Platform } from "@dmaengine/sim";
import {
  CHANNEL_CAUSE,
  CHANNEL_CAUSE_BITS,
  ERROR_ADDR,
  ERROR_CAUSE,
  HIGH_AREA_BYTES,
  INIT_VALUE_HIGH,
  INIT_VALUE_LOW,
  INTR_CAUSE,
  INTR_MASK,
  LOW_AREA_BYTES,
} from "../datasheet.js";
import type { MvXorVariant } from "../variant.js";
import type { XorUnit } from "../xor-unit.js";
import { AddressDecoder } from "./address-decoder.js";
import { HwChannel } from "./channel.js";

/** A unit in its place. */
interface Plugged extends XorUnit {
  /** Takes it off the platform. */
  unplug(): void;
}

/** Puts an XOR unit into a platform. From here on it is reached by bus, memory and interrupt lines alone. */
export function plugXorUnit(
  platform: Platform,
  name: string,
  variant: MvXorVariant,
  channelCount: number,
): Plugged {
  const unit = new HwUnit(platform, name, variant, channelCount);
  const low = platform.bus.attach(`${name} low`, LOW_AREA_BYTES, unit.low);
  const high = platform.bus.attach(`${name} high`, HIGH_AREA_BYTES, unit.high);
  const forget = platform.addState(() => unit.capture());
  unit.onVanish = () => {
    platform.bus.surpriseRemove(low);
    platform.bus.surpriseRemove(high);
  };
  return {
    low,
    high,
    irqs: unit.irqs,
    unplug: () => {
      platform.bus.detach(low);
      platform.bus.detach(high);
      unit.reset();
      forget();
    },
  };
}

/** The unit: its channels, and what they share: causes, windows, the value of MEMINIT. */
export class HwUnit {
  readonly low: readonly MmioRegister[];
  readonly high: readonly MmioRegister[];
  readonly irqs: readonly IrqLine[];
  readonly memory: PhysicalMemory;
  readonly decoder = new AddressDecoder();
  /** Takes the registers away. */
  onVanish: () => void = () => {};
  initLow = 0;
  initHigh = 0;
  readonly #channels: readonly HwChannel[];
  #cause = 0;
  #mask = 0;
  #errorType = 0;
  #errorAddr: DmaAddr = 0;

  constructor(platform: Platform, name: string, variant: MvXorVariant, channelCount: number) {
    const numbers = Array.from({ length: channelCount }, (_, c) => c);
    this.memory = platform.memoryOf(name);
    this.irqs = numbers.map((c) => platform.irqs.line(`${name}-${c}`));
    this.#channels = numbers.map((c) => new HwChannel(c, `${name}.${c}`, platform, variant, this));
    this.low = [
      {
        name: "INTR_CAUSE",
        offset: INTR_CAUSE,
        widthBytes: 4,
        read: () => this.#cause,
        write: (value) => {
          this.#cause = (this.#cause & value) >>> 0;
          this.irqs.forEach((_, c) => {
            this.#driveLine(c);
          });
        },
      },
      {
        name: "INTR_MASK",
        offset: INTR_MASK,
        widthBytes: 4,
        read: () => this.#mask,
        write: (value) => {
          this.#mask = value;
          this.irqs.forEach((_, c) => {
            this.#driveLine(c);
          });
        },
      },
      { name: "ERROR_CAUSE", offset: ERROR_CAUSE, widthBytes: 4, read: () => this.#errorType },
      { name: "ERROR_ADDR", offset: ERROR_ADDR, widthBytes: 4, read: () => this.#errorAddr },
      ...this.#channels.flatMap((channel) => channel.low),
    ];
    this.high = [
      {
        name: "INIT_VALUE_LOW",
        offset: INIT_VALUE_LOW,
        widthBytes: 4,
        read: () => this.initLow,
        write: (value) => {
          this.initLow = value;
        },
      },
      {
        name: "INIT_VALUE_HIGH",
        offset: INIT_VALUE_HIGH,
        widthBytes: 4,
        read: () => this.initHigh,
        write: (value) => {
          this.initHigh = value;
        },
      },
      ...this.decoder.registers,
      ...this.#channels.flatMap((channel) => channel.high),
    ];
  }

  reset(): void {
    for (const channel of this.#channels) channel.reset();
    for (const irq of this.irqs) irq.lower();
  }

  /** The unit is gone while its driver uses it. */
  vanish(): void {
    this.onVanish();
    this.reset();
  }

  /** Something has happened on channel `c`. */
  raise(c: number, causes: number): void {
    this.#cause = (this.#cause | (causes << (CHANNEL_CAUSE_BITS * c))) >>> 0;
    this.#driveLine(c);
  }

  /** An error has. Assumed: the registers tell of the last one, its type being the number of its cause bit. */
  raiseError(c: number, error: number, addr: DmaAddr): void {
    this.#errorType = 31 - Math.clz32(error);
    this.#errorAddr = addr;
    this.raise(c, error);
  }

  /** Notes the state, and returns what puts it back. */
  capture(): () => void {
    const { initLow, initHigh } = this;
    const cause = this.#cause;
    const mask = this.#mask;
    const errorType = this.#errorType;
    const errorAddr = this.#errorAddr;
    const parts = [this.decoder.capture(), ...this.#channels.map((channel) => channel.capture())];
    return () => {
      this.initLow = initLow;
      this.initHigh = initHigh;
      this.#cause = cause;
      this.#mask = mask;
      this.#errorType = errorType;
      this.#errorAddr = errorAddr;
      for (const restore of parts) restore();
    };
  }

  /** A line is up as long as there is a cause that is not masked. A lost interrupt leaves it down until something changes. */
  #driveLine(c: number): void {
    const irq = this.irqs[c] as IrqLine;
    const active = ((this.#cause & this.#mask) >>> (CHANNEL_CAUSE_BITS * c)) & CHANNEL_CAUSE;
    if (active === 0) irq.lower();
    else if (!irq.raised && !(this.#channels[c] as HwChannel).losesInterrupt()) irq.raise();
  }
}
