import type { AnyDeviceDefinition, Capabilities } from "@dmaengine/core/driver";
import type { MmioAddr, PhysicalMemory, Platform } from "@dmaengine/sim";
import { IoatChannel } from "./channel.js";
import {
  ATTNSTATUS,
  CHANCNT,
  DMACAP,
  DMACAP_DWBES,
  DMACAP_FILL_BLOCK,
  DMACAP_PQ,
  DMACAP_RAID16SS,
  DMACAP_XOR,
  INTRCTRL,
  INTRCTRL_MASTER_INT_EN,
  INTRCTRL_MSIX_VECTOR_CONTROL,
  INTRDELAY,
  INTRDELAY_COALESCE_SUPPORT,
  INTRDELAY_MASK,
  MAX_SOURCES,
  MAX_SOURCES_16,
  PCI_CHANERR_INT,
  VER,
  VER_2_0,
  VER_3_0,
  VER_3_3,
  XFERCAP,
} from "./datasheet.js";
import type { DescriptorRules, IoatOperation } from "./descriptor-writer.js";
import type { PciFunction } from "./pci-function.js";
import { type RingOptions, ringCapacity } from "./ring.js";

/** How the driver is to use the device. */
export interface IoatDeviceOptions {
  readonly name: string;
  readonly ringSize: number;
  readonly ringOrder: number;
  readonly ringMaxOrder: number;
  readonly validate: boolean;
  readonly interruptStyle: "msix" | "intx";
  readonly coalesceMicros: number;
  readonly log: (line: string) => void;
}

/** The driver's half of a device, after drivers/dma/ioat/init.c: what it can do stands in its registers. */
export class IoatDevice {
  readonly platform: Platform;
  /** Memory as the device sees it. */
  readonly memory: PhysicalMemory;
  readonly bar0: MmioAddr;
  /** What the channels' rings are like. */
  readonly ring: RingOptions;
  /** How transactions become descriptors. */
  readonly rules: DescriptorRules;
  readonly #options: IoatDeviceOptions;
  readonly #pci: PciFunction;
  readonly #version: number;
  readonly #dmacap: number;
  /** How long interrupts are held up for each descriptor that is at work. */
  readonly #coalesceMicros: number;
  #delayMicros = 0;
  readonly #channels: IoatChannel[] = [];

  constructor(platform: Platform, pci: PciFunction, options: IoatDeviceOptions) {
    const { bus } = platform;
    const { bar0 } = pci;
    this.platform = platform;
    this.memory = platform.memoryOf(options.name);
    this.bar0 = bar0;
    this.#options = options;
    this.#pci = pci;
    this.#version = bus.read8(bar0 + VER);
    this.#dmacap = this.#version < VER_3_0 ? 0 : bus.read32(bar0 + DMACAP);
    this.#coalesceMicros =
      (bus.read16(bar0 + INTRDELAY) & INTRDELAY_COALESCE_SUPPORT) === 0 ? 0 : options.coalesceMicros;
    this.ring = {
      order: options.ringOrder,
      maxOrder: options.ringMaxOrder,
      chain: this.#version < VER_2_0 ? "list" : "ring",
    };
    this.rules = {
      xfercapBytes: 2 ** bus.read8(bar0 + XFERCAP),
      trailingNull: this.#version < VER_3_3,
      writesBack: (this.#dmacap & DMACAP_DWBES) !== 0,
    };
  }

  /** What the device offers. */
  describe(): AnyDeviceDefinition {
    const { platform } = this;
    const channelCount = platform.bus.read8(this.bar0 + CHANCNT);
    return {
      name: this.#options.name,
      domain: this.memory.domain,
      ringSize: this.#options.ringSize,
      capabilities: this.#capabilities(),
      channels: Array.from({ length: channelCount }, (_, n) => (host) => {
        const channel = new IoatChannel(host, n, this);
        this.#channels[n] = channel;
        return channel;
      }),
    };
  }

  /** Installs the interrupt handlers and lets the device interrupt. */
  enableInterrupts(): void {
    const { bus } = this.platform;
    if (this.#options.interruptStyle === "msix") {
      this.#pci.msix.forEach((vector, n) => {
        vector.request(() => this.#channel(n).interrupt());
      });
      bus.write8(this.bar0 + INTRCTRL, INTRCTRL_MASTER_INT_EN | INTRCTRL_MSIX_VECTOR_CONTROL);
    } else {
      this.#pci.intx.request(() => this.#handlePin());
      bus.write8(this.bar0 + INTRCTRL, INTRCTRL_MASTER_INT_EN);
    }
  }

  /**
   * Holds interrupts up for as long as it is worth it with so many descriptors at work on the channel that was just looked after. As in the original, the
   * channels of a device share the delay.
   */
  coalesce(active: number): void {
    if (this.#coalesceMicros === 0) return;
    const delayMicros = Math.min(this.#coalesceMicros * active, INTRDELAY_MASK);
    if (delayMicros === this.#delayMicros) return;
    this.#delayMicros = delayMicros;
    this.platform.bus.write16(this.bar0 + INTRDELAY, delayMicros);
  }

  /** Clears what a reset of a channel does not (`ioat_reset_hw`). */
  clearChanerrInt(): void {
    if (this.#version < VER_3_0 || this.#version >= VER_3_3) return;
    this.#pci.writeConfig32(PCI_CHANERR_INT, this.#pci.readConfig32(PCI_CHANERR_INT));
  }

  /** Tells of something that went wrong and was dealt with. */
  report(line: string): void {
    this.#options.log(line);
  }

  #capabilities(): Partial<Capabilities<IoatOperation>> {
    const { xfercapBytes } = this.rules;
    const entries = ringCapacity(this.ring.maxOrder);
    // A longer one would never find room in the ring. A piece of a RAID operation can need two entries, and there may be a null descriptor.
    const copy = { maxLengthBytes: entries * xfercapBytes };
    const xor = { maxSources: MAX_SOURCES, maxLengthBytes: Math.floor((entries - 1) / 2) * xfercapBytes };
    const pq = {
      ...xor,
      maxSources: this.#can(DMACAP_RAID16SS) ? MAX_SOURCES_16 : MAX_SOURCES,
      continuation: false,
    };
    const { validate } = this.#options;
    return {
      memcpy: copy,
      ...(this.#version >= VER_3_0 && { interrupt: {} }),
      ...(this.#can(DMACAP_FILL_BLOCK) && { memset: copy }),
      ...(this.#can(DMACAP_XOR) && { xor }),
      ...(this.#can(DMACAP_XOR) && validate && { xorVal: xor }),
      ...(this.#can(DMACAP_PQ) && { pq }),
      ...(this.#can(DMACAP_PQ) && validate && { pqVal: pq }),
    };
  }

  #can(capability: number): boolean {
    return (this.#dmacap & capability) !== 0;
  }

  /** The device's one interrupt, for all channels (`ioat_dma_do_interrupt`). */
  #handlePin(): void {
    const { bus } = this.platform;
    const control = bus.read8(this.bar0 + INTRCTRL);
    const attention = bus.read32(this.bar0 + ATTNSTATUS);
    for (let n = 0; attention >>> n !== 0; n++) {
      if (((attention >>> n) & 1) !== 0) this.#channel(n).interrupt();
    }
    bus.write8(this.bar0 + INTRCTRL, control);
  }

  #channel(n: number): IoatChannel {
    return this.#channels[n] as IoatChannel;
  }
}
