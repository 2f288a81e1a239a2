import { DmaError, DmaResidueGranularity, DmaTransferDirection, DmaTransResult } from "@dmaengine/core";
import { type AnyDeviceDefinition, defineDevice } from "@dmaengine/core/driver";
import type { MmioAddr, PhysicalMemory, Platform } from "@dmaengine/sim";
import type { AmbaDevice } from "./amba-device.js";
import {
  CONFIG,
  CONFIG_ENABLE,
  EN_CHAN,
  ERR_CLEAR,
  ERR_STATUS,
  MAX_BURST_ELEMENTS,
  MAX_WIDTH_BYTES,
  PERIPHID,
  TC_CLEAR,
  TC_STATUS,
} from "./datasheet.js";
import { MemcpyChannel } from "./memcpy-channel.js";
import { NOBODY_ANSWERS, PhysChannel } from "./phys-channel.js";
import type { PlatformData } from "./platform-data.js";
import { SLAVE_WIDTHS, SlaveChannel } from "./slave-channel.js";
import { maxSegmentBytes, maxSegments } from "./transfer-template.js";
import { PL08X_VARIANTS, type Pl08xVariant } from "./variant.js";
import type { VirtualChannel } from "./virtual-channel.js";

/** Addresses have 32 bits. */
const DMA_MASK_BITS = 32;
/** Longest segment or period: `max_segment_size` of a device that does not say. */
const MAX_SEGMENT_BYTES = 65536;

/** The driver's half of a controller, after drivers/dma/amba-pl08x.c: it shares the hardware's channels out, and serves their interrupt. */
export class Pl08xController {
  readonly platform: Platform;
  /** Memory as the controller sees it. */
  readonly memory: PhysicalMemory;
  readonly variant: Pl08xVariant;
  readonly platformData: PlatformData;
  readonly #name: string;
  readonly #ringSize: number;
  readonly #amba: AmbaDevice;
  readonly #phys: readonly PhysChannel[];
  readonly #memcpy: VirtualChannel[] = [];
  readonly #slave: VirtualChannel[] = [];
  /** Whether interrupts have to wait, and whether one does. */
  #masked = false;
  #interrupted = false;
  readonly #serveInterrupt = (): void => this.#serve(true);
  readonly #servePoll = (): void => this.#serve(false);

  constructor(
    platform: Platform,
    amba: AmbaDevice,
    platformData: PlatformData,
    options: { readonly name: string; readonly ringSize: number },
  ) {
    this.platform = platform;
    this.memory = platform.memoryOf(options.name);
    this.platformData = platformData;
    this.#amba = amba;
    this.#name = options.name;
    this.#ringSize = options.ringSize;
    const variant = identify(platform, amba.base);
    this.variant = variant;
    this.#phys = Array.from(
      { length: variant.channels },
      (_, id) => new PhysChannel(platform.bus, amba.base, variant, id),
    );
  }

  /** Installs the interrupt handler and turns the controller on. */
  enable(): void {
    const { bus } = this.platform;
    bus.write32(this.#amba.base + CONFIG, CONFIG_ENABLE);
    const all = 2 ** this.variant.channels - 1;
    bus.write32(this.#amba.base + ERR_CLEAR, all);
    bus.write32(this.#amba.base + TC_CLEAR, all);
    this.#amba.irq.request(() => {
      if (this.#masked) this.#interrupted = true;
      else this.withoutInterrupts(this.#serveInterrupt);
    });
  }

  /** One device that copies memory, and one for each connection of a peripheral. */
  describe(): AnyDeviceDefinition[] {
    return [this.#memcpyDevice(), ...this.platformData.slaveChannels.map((data) => this.#slaveDevice(data))];
  }

  /** A free channel of the hardware, or null. */
  takePhys(channel: VirtualChannel): PhysChannel | null {
    for (const phys of this.#phys) {
      if (phys.serving !== null) continue;
      phys.serving = channel;
      return phys;
    }
    return null;
  }

  /** Passes it on to a channel that waits, those that copy memory first (`pl08x_phy_free`). */
  freePhys(phys: PhysChannel): void {
    phys.terminate();
    const isWaiting = ({ waiting }: VirtualChannel): boolean => waiting;
    const next = this.#memcpy.find(isWaiting) ?? this.#slave.find(isWaiting) ?? null;
    phys.serving = next;
    next?.takeOver(phys);
  }

  /**
   * Lets the driver look at the hardware and change its own state accordingly, with no interrupt in between that would do the same: the
   * original holds a spinlock. An interrupt that comes meanwhile is served then.
   */
  withoutInterrupts(work: () => void): void {
    if (this.#masked) {
      work();
      return;
    }
    this.#masked = true;
    try {
      work();
      while (this.#interrupted) {
        this.#interrupted = false;
        this.#serve(true);
      }
    } finally {
      this.#masked = false;
    }
  }

  /** Finds what an interrupt that was lost would have told. */
  poll(): void {
    this.withoutInterrupts(this.#servePoll);
  }

  /**
   * Looks what the hardware has to tell, and tells those whom it concerns (`pl08x_irq`). Beyond the original, it looks at which channels are
   * enabled: terminal count of one that goes on is somebody else's mistake, and one that has stopped has ended, whether it says so or not.
   */
  #serve(fromInterrupt: boolean): void {
    const { bus } = this.platform;
    const { base } = this.#amba;
    const err = bus.read32(base + ERR_STATUS);
    if (err === NOBODY_ANSWERS) {
      for (const channel of [...this.#memcpy, ...this.#slave]) channel.serveRemoval();
      return;
    }
    if (err !== 0) bus.write32(base + ERR_CLEAR, err);
    const tc = bus.read32(base + TC_STATUS);
    if (tc !== 0) bus.write32(base + TC_CLEAR, tc);
    const enabled = bus.read32(base + EN_CHAN);
    for (let id = 0; id < this.#phys.length; id++) {
      const bit = 1 << id;
      const phys = this.#phys[id] as PhysChannel;
      const { serving } = phys;
      if (serving === null) continue;
      if (fromInterrupt && ((err | tc) & bit) !== 0) serving.countInterrupt();
      // The original reports an error as success.
      if ((err & bit) !== 0) serving.serveEnd(phys.errorResult());
      else if (serving.endless) {
        if ((tc & bit) !== 0) serving.servePeriod();
      } else if ((enabled & bit) === 0) serving.serveEnd(DmaTransResult.NOERROR);
    }
  }

  #memcpyDevice(): AnyDeviceDefinition {
    const { variant } = this;
    const { memcpyWidthBytes } = this.platformData;
    return defineDevice({
      name: this.#name,
      domain: this.memory.domain,
      ringSize: this.#ringSize,
      dmaMaskBits: DMA_MASK_BITS,
      capabilities: { memcpy: { maxLengthBytes: maxSegmentBytes(variant, memcpyWidthBytes) } },
      residueGranularity: DmaResidueGranularity.SEGMENT,
      // As many as the hardware has: so with nobody else, none ever waits.
      channels: this.#phys.map(() => (host) => {
        const channel = new MemcpyChannel(host, this);
        this.#memcpy.push(channel);
        return channel;
      }),
    });
  }

  #slaveDevice(data: PlatformData["slaveChannels"][number]): AnyDeviceDefinition {
    const segments = maxSegments(this.variant, MAX_WIDTH_BYTES, MAX_SEGMENT_BYTES);
    return defineDevice({
      name: `${this.#name}-${data.name}`,
      domain: this.memory.domain,
      ringSize: this.#ringSize,
      private: true,
      dmaMaskBits: DMA_MASK_BITS,
      maxSegmentBytes: MAX_SEGMENT_BYTES,
      capabilities: {
        slaveSg: { maxSegments: segments, maxLengthBytes: MAX_SEGMENT_BYTES },
        cyclic: { maxPeriods: segments, maxLengthBytes: MAX_SEGMENT_BYTES },
      },
      residueGranularity: DmaResidueGranularity.SEGMENT,
      slave: {
        directions: [DmaTransferDirection.MEM_TO_DEV, DmaTransferDirection.DEV_TO_MEM],
        srcAddrWidths: SLAVE_WIDTHS,
        dstAddrWidths: SLAVE_WIDTHS,
        maxBurst: MAX_BURST_ELEMENTS,
      },
      channels: [
        (host) => {
          const channel = new SlaveChannel(host, this, data);
          this.#slave.push(channel);
          return channel;
        },
      ],
    });
  }
}

/** Which part it is, by its identification registers. */
function identify({ bus }: Platform, base: MmioAddr): Pl08xVariant {
  let periphid = 0;
  for (let n = 0; n < 4; n++) periphid |= bus.read32(base + PERIPHID + 4 * n) << (8 * n);
  const known: readonly Pl08xVariant[] = Object.values(PL08X_VARIANTS);
  const variant = known.find((candidate) => ((periphid ^ candidate.periphid) & candidate.periphidMask) === 0);
  if (variant !== undefined) return variant;
  throw new DmaError(
    "ERR_DMA_DRIVER",
    `pl08x: expected a PL080, PL080S or PL081, found a part with the identification 0x${(periphid >>> 0).toString(16)}`,
  );
}
