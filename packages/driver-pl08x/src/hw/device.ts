import { ClockEvent, type IrqLine, type MmioRegister, type Platform } from "@dmaengine/sim";
import type { AmbaDevice } from "../amba-device.js";
import {
  CONFIG,
  CONFIG_ENABLE,
  EN_CHAN,
  ERR_CLEAR,
  ERR_STATUS,
  INT_STATUS,
  PERIPHID,
  RAW_ERR,
  RAW_TC,
  REGION_BYTES,
  SOFT_BREQ,
  SOFT_LBREQ,
  SOFT_LSREQ,
  SOFT_SREQ,
  SYNC,
  TC_CLEAR,
  TC_STATUS,
} from "../datasheet.js";
import type { PlatformData } from "../platform-data.js";
import type { Pl08xVariant } from "../variant.js";
import { Ahb, Burst } from "./ahb.js";
import { type ChannelEnvironment, HwChannel, NO_REQUEST } from "./channel.js";
import { BREQ, type DmaRequestLine, LBREQ, LSREQ, SREQ } from "./request-line.js";

/** How the controller is connected: the part of the board's data that is about wires. */
export type Wiring = Pick<PlatformData, "slaveChannels" | "lliBuses" | "memBuses">;

/** A controller in its place. */
interface Plugged extends AmbaDevice {
  /** Takes it off the platform. */
  unplug(): void;
}

/** Plugs a controller into a platform. From here on it is reached by bus, memory and interrupt line alone. */
export function plugPl08x(platform: Platform, name: string, variant: Pl08xVariant, wiring: Wiring): Plugged {
  const device = new HwDevice(platform, name, variant, wiring);
  const base = platform.bus.attach(name, REGION_BYTES, device.registers);
  device.onPullOut = () => platform.bus.surpriseRemove(base);
  const forget = platform.addState(() => device.capture());
  return {
    base,
    irq: device.irq,
    unplug: () => {
      forget();
      platform.bus.detach(base);
      device.unplug();
    },
  };
}

/** The controller: its channels, who of them may use the bus, and the interrupt that they share. */
class HwDevice implements ChannelEnvironment {
  readonly irq: IrqLine;
  readonly registers: readonly MmioRegister[];
  readonly variant: Pl08xVariant;
  readonly ahb: Ahb;
  readonly burst = new Burst();
  readonly lliBuses: number;
  readonly memBuses: number;
  readonly platform: Platform;
  /** What takes the registers off the bus when the device is pulled out. */
  onPullOut = (): void => {};
  readonly #wiring: Wiring;
  readonly #channels: readonly HwChannel[];
  /** By request signal: the line from its peripheral, if it has one, and what software requests. */
  readonly #lines: (DmaRequestLine | undefined)[];
  readonly #periphBuses: number[];
  readonly #softRequests: Uint8Array;
  #enabled = false;
  #sync = 0;
  /** The channel whose burst is under way. */
  #current: HwChannel | null = null;
  readonly #burstEnds = new ClockEvent(() => this.#endBurst());

  constructor(platform: Platform, name: string, variant: Pl08xVariant, wiring: Wiring) {
    this.platform = platform;
    this.variant = variant;
    this.#wiring = wiring;
    this.ahb = new Ahb(platform.bus, platform.memoryOf(name));
    this.irq = platform.irqs.line(name);
    this.lliBuses = wiring.lliBuses;
    this.memBuses = wiring.memBuses;
    this.#channels = Array.from(
      { length: variant.channels },
      (_, n) => new HwChannel(n, `${name}.${n}`, this),
    );
    this.#lines = new Array(variant.signals).fill(undefined);
    this.#periphBuses = new Array(variant.signals).fill(wiring.memBuses);
    this.#softRequests = new Uint8Array(variant.signals);
    for (const { signal, requests, periphBuses } of wiring.slaveChannels) {
      this.#lines[signal] = requests;
      this.#periphBuses[signal] = periphBuses;
      requests.connect(() => this.#arbitrate());
    }
    this.registers = this.#allRegisters();
  }

  unplug(): void {
    this.#enabled = false;
    this.platform.clock.cancel(this.#burstEnds);
    this.#current = null;
    for (const channel of this.#channels) channel.reset();
    for (const { requests } of this.#wiring.slaveChannels) requests.connect(null);
    this.irq.lower();
  }

  pullOut(): void {
    this.unplug();
    this.onPullOut();
  }

  /** Assumed: the neighbour gets it. */
  misreport(channel: HwChannel): void {
    const n = (this.#channels.indexOf(channel) + 1) % this.#channels.length;
    (this.#channels[n] as HwChannel).rawTc = true;
  }

  /** Notes its state, and returns what puts it back. */
  capture(): () => void {
    const [enabled, sync, current] = [this.#enabled, this.#sync, this.#current];
    const soft = this.#softRequests.slice();
    const words = this.burst.words.slice();
    const channels = this.#channels.map((channel) => channel.capture());
    return () => {
      [this.#enabled, this.#sync, this.#current] = [enabled, sync, current];
      this.#softRequests.set(soft);
      this.burst.words.set(words);
      for (const restore of channels) restore();
      for (const { requests } of this.#wiring.slaveChannels) requests.connect(() => this.#arbitrate());
    };
  }

  periphBuses(signal: number): number {
    return this.#periphBuses[signal] ?? 0;
  }

  requests(signal: number): number {
    return (this.#lines[signal]?.levels ?? 0) | (this.#softRequests[signal] ?? 0);
  }

  served(signal: number): void {
    this.#softRequests[signal] = 0;
  }

  configured(channel: HwChannel): void {
    if (channel === this.#current && (channel.halted || !channel.enabled)) {
      this.platform.clock.cancel(this.#burstEnds);
      // Halted, the FIFO drains, assumed at once; disabled, what is in it is lost.
      if (channel.enabled) this.#endBurst();
      else this.#current = null;
    }
    this.#driveInterrupt();
    this.#arbitrate();
  }

  /** Lets the next channel use the bus: of those that are ready the one with the lowest number, which has the highest priority. */
  #arbitrate(): void {
    if (this.#current !== null || !this.#enabled) return;
    for (const channel of this.#channels) {
      const { elementsWanted } = channel;
      if (elementsWanted === NO_REQUEST) continue;
      // Reading from a peripheral changes its requests: from here on the bus is taken.
      this.#current = channel;
      this.platform.clock.schedule(channel.beginBurst(elementsWanted), this.#burstEnds);
      return;
    }
  }

  #endBurst(): void {
    this.#current?.endBurst();
    this.#current = null;
    this.#driveInterrupt();
    this.#arbitrate();
  }

  #driveInterrupt(): void {
    for (const { interrupts } of this.#channels) {
      if (!interrupts) continue;
      this.irq.raise();
      return;
    }
    this.irq.lower();
  }

  /** A bit for each channel of which something is true. */
  #mask(of: (channel: HwChannel) => boolean): number {
    return this.#channels.reduce((mask, channel, n) => (of(channel) ? mask | (1 << n) : mask), 0);
  }

  #clear(mask: number, clear: (channel: HwChannel) => void): void {
    this.#channels.forEach((channel, n) => {
      if (((mask >>> n) & 1) !== 0) clear(channel);
    });
    this.#driveInterrupt();
  }

  #allRegisters(): MmioRegister[] {
    const register = (
      name: string,
      offset: number,
      access: Pick<MmioRegister, "read" | "write">,
    ): MmioRegister => ({ name, offset, widthBytes: 4, ...access });
    const soft = (name: string, offset: number, request: number): MmioRegister =>
      register(name, offset, {
        read: () => this.#requestMask(request),
        write: (mask) => this.#requestBySoftware(mask, request),
      });
    return [
      register("IntStatus", INT_STATUS, { read: () => this.#mask(({ tc, err }) => tc || err) }),
      register("IntTCStatus", TC_STATUS, { read: () => this.#mask(({ tc }) => tc) }),
      register("IntTCClear", TC_CLEAR, {
        write: (mask) => this.#clear(mask, (channel) => channel.clearTc()),
      }),
      register("IntErrorStatus", ERR_STATUS, { read: () => this.#mask(({ err }) => err) }),
      register("IntErrClr", ERR_CLEAR, {
        write: (mask) => this.#clear(mask, (channel) => channel.clearErr()),
      }),
      register("RawIntTCStatus", RAW_TC, { read: () => this.#mask(({ rawTc }) => rawTc) }),
      register("RawIntErrorStatus", RAW_ERR, { read: () => this.#mask(({ rawErr }) => rawErr) }),
      register("EnbldChns", EN_CHAN, { read: () => this.#mask(({ enabled }) => enabled) }),
      soft("SoftBReq", SOFT_BREQ, BREQ),
      soft("SoftSReq", SOFT_SREQ, SREQ),
      soft("SoftLBReq", SOFT_LBREQ, LBREQ),
      soft("SoftLSReq", SOFT_LSREQ, LSREQ),
      register("Configuration", CONFIG, {
        read: () => (this.#enabled ? CONFIG_ENABLE : 0),
        write: (value) => {
          this.#enabled = (value & CONFIG_ENABLE) !== 0;
          this.#arbitrate();
        },
      }),
      register("Sync", SYNC, {
        read: () => this.#sync,
        write: (value) => {
          this.#sync = value;
        },
      }),
      ...[0, 1, 2, 3].map((n) =>
        register(`PeriphID${n}`, PERIPHID + 4 * n, {
          read: () => (this.variant.periphid >>> (8 * n)) & 0xff,
        }),
      ),
      ...this.#channels.flatMap(({ registers }) => registers),
    ];
  }

  #requestMask(request: number): number {
    let mask = 0;
    for (let signal = 0; signal < this.variant.signals; signal++) {
      if ((this.requests(signal) & request) !== 0) mask |= 1 << signal;
    }
    return mask >>> 0;
  }

  #requestBySoftware(mask: number, request: number): void {
    for (let signal = 0; signal < this.variant.signals; signal++) {
      if (((mask >>> signal) & 1) !== 0)
        this.#softRequests[signal] = (this.#softRequests[signal] as number) | request;
    }
    this.#arbitrate();
  }
}
