import type { AnyDeviceDefinition, Capabilities } from "@dmaengine/core/driver";
import type { MmioAddr, PhysicalMemory, Platform } from "@dmaengine/sim";
import { IoatChannel } from "./channel.js";
import {
  ATTNSTATUS,
  CHANCNT,
  DMACAP,
  DMACAP_PQ,
  DMACAP_XOR,
  INTRCTRL,
  INTRCTRL_MASTER_INT_EN,
  INTRCTRL_MSIX_VECTOR_CONTROL,
  MAX_SOURCES,
  VER,
  XFERCAP,
} from "./datasheet.js";
import type { IoatOperation } from "./descriptor-writer.js";
import type { PciFunction } from "./pci-function.js";
import { ringCapacity } from "./ring.js";

/** From this version on RAID completions keep the order of the ring. */
const VERSION_3_3 = 0x33;

/** How the driver is to use the device. */
export interface IoatDeviceOptions {
  readonly name: string;
  readonly ringSize: number;
  readonly ringOrder: number;
  readonly validate: boolean;
  readonly interruptStyle: "msix" | "intx";
}

/** The driver's half of a device, after drivers/dma/ioat/init.c: what it can do stands in its registers. */
export class IoatDevice {
  readonly platform: Platform;
  /** Memory as the device sees it. */
  readonly memory: PhysicalMemory;
  readonly bar0: MmioAddr;
  /** A channel's ring has `1 << ringOrder` entries. */
  readonly ringOrder: number;
  /** The longest transfer of one descriptor. */
  readonly xfercapBytes: number;
  /** Whether RAID operations need a null descriptor behind them. */
  readonly trailingNull: boolean;
  readonly #options: IoatDeviceOptions;
  readonly #pci: PciFunction;
  readonly #channels: IoatChannel[] = [];

  constructor(platform: Platform, pci: PciFunction, options: IoatDeviceOptions) {
    this.platform = platform;
    this.memory = platform.memoryOf(options.name);
    this.bar0 = pci.bar0;
    this.ringOrder = options.ringOrder;
    this.#options = options;
    this.#pci = pci;
    this.trailingNull = platform.bus.read8(pci.bar0 + VER) < VERSION_3_3;
    this.xfercapBytes = 2 ** platform.bus.read8(pci.bar0 + XFERCAP);
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

  #capabilities(): Partial<Capabilities<IoatOperation>> {
    const { xfercapBytes } = this;
    const dmacap = this.platform.bus.read32(this.bar0 + DMACAP);
    const entries = ringCapacity(this.ringOrder);
    // A longer one would never find room in the ring. A piece of a RAID operation can need two entries, and there may be a null descriptor.
    const maxCopyBytes = entries * xfercapBytes;
    const maxRaidBytes = Math.floor((entries - 1) / 2) * xfercapBytes;
    const xor = { maxSources: MAX_SOURCES, maxLengthBytes: maxRaidBytes };
    const pq = { ...xor, continuation: false };
    const hasXor = (dmacap & DMACAP_XOR) !== 0;
    const hasPq = (dmacap & DMACAP_PQ) !== 0;
    const { validate } = this.#options;
    return {
      memcpy: { maxLengthBytes: maxCopyBytes },
      interrupt: {},
      ...(hasXor && { xor }),
      ...(hasXor && validate && { xorVal: xor }),
      ...(hasPq && { pq }),
      ...(hasPq && validate && { pqVal: pq }),
    };
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
