import type { AnyDeviceDefinition, Capabilities } from "@dmaengine/core/driver";
import type { IrqLine, Platform } from "@dmaengine/sim";
import { MvXorChannel } from "./channel.js";
import {
  MAX_BYTE_COUNT,
  MAX_SOURCES,
  MIN_BYTE_COUNT,
  PQ_SLOT_COEFS,
  REMAP_WINDOW_COUNT,
  WINDOW_ACCESS_FULL,
  WINDOW_ACCESS_SHIFT,
  WINDOW_BAR_ENABLE,
  WINDOW_BASE,
  WINDOW_COUNT,
  WINDOW_OVERRIDE_CTRL,
  WINDOW_REMAP_HIGH,
  WINDOW_SIZE,
  WINDOW_UNIT_BYTES,
} from "./datasheet.js";
import type { MvXorOperation, MvXorVariant } from "./variant.js";
import type { DramBank, XorUnit } from "./xor-unit.js";

/** Attributes of the DRAM chip selects on the internal bus; the target is 0. */
const DRAM_ATTRIBUTES: readonly number[] = [0x0e, 0x0d, 0x0b, 0x07];
const BASE_MASK = ~(WINDOW_UNIT_BYTES - 1);

/** How the driver is to use the unit. */
export interface MvXorDeviceOptions {
  readonly name: string;
  readonly variant: MvXorVariant;
  readonly ringSize: number;
  readonly bigEndian: boolean;
}

/** The most banks that there are windows for. */
export const MAX_DRAM_BANKS = DRAM_ATTRIBUTES.length;

/** Lets all channels of a unit reach all of the memory, and nothing else (`mv_xor_conf_mbus_windows`). */
export function configureWindows(
  { bus }: Platform,
  { high, irqs }: XorUnit,
  dram: readonly DramBank[],
): void {
  for (let w = 0; w < WINDOW_COUNT; w++) {
    bus.write32(high + WINDOW_BASE(w), 0);
    bus.write32(high + WINDOW_SIZE(w), 0);
    if (w < REMAP_WINDOW_COUNT) bus.write32(high + WINDOW_REMAP_HIGH(w), 0);
  }
  let enable = 0;
  dram.forEach(({ baseAddr, sizeBytes }, w) => {
    const base = (baseAddr & BASE_MASK) | ((DRAM_ATTRIBUTES[w] as number) << 8);
    bus.write32(high + WINDOW_BASE(w), base >>> 0);
    bus.write32(high + WINDOW_SIZE(w), ((sizeBytes - 1) & BASE_MASK) >>> 0);
    enable |= (1 << w) | (WINDOW_ACCESS_FULL << (WINDOW_ACCESS_SHIFT + 2 * w));
  });
  for (let c = 0; c < irqs.length; c++) {
    bus.write32(high + WINDOW_BAR_ENABLE(c), enable);
    bus.write32(high + WINDOW_OVERRIDE_CTRL(c), 0);
  }
}

/** What a unit offers: a device for each of its channels (`mv_xor_channel_add`). */
export function describeChannels(
  platform: Platform,
  unit: XorUnit,
  options: MvXorDeviceOptions,
): AnyDeviceDefinition[] {
  const memory = platform.memoryOf(options.name);
  return unit.irqs.map((irq, n) => ({
    name: `${options.name}.${n}`,
    domain: memory.domain,
    dmaMaskBits: 32,
    ringSize: options.ringSize,
    capabilities: capabilitiesOf(options.variant),
    channels: [
      (host) => {
        const channel = new MvXorChannel(host, platform, unit, n, { ...options, memory });
        requestIrq(irq, channel);
        return channel;
      },
    ],
  }));
}

function requestIrq(irq: IrqLine, channel: MvXorChannel): void {
  irq.request(() => channel.interrupt());
}

function capabilitiesOf({ operations }: MvXorVariant): Partial<Capabilities<MvXorOperation>> {
  const block = { minLengthBytes: MIN_BYTE_COUNT, maxLengthBytes: MAX_BYTE_COUNT };
  const xor = { ...block, maxSources: MAX_SOURCES };
  const all: Capabilities<MvXorOperation> = {
    memcpy: block,
    memset: block,
    xor,
    pq: { ...xor, continuation: false, fixedCoefs: PQ_SLOT_COEFS },
    interrupt: {},
  };
  return Object.fromEntries(operations.map((operation) => [operation, all[operation]]));
}
