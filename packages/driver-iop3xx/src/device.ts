import type { AnyDeviceDefinition } from "@dmaengine/core/driver";
import type { Platform } from "@dmaengine/sim";
import { IopChannel } from "./channel.js";
import { AauFormat } from "./formats/aau-format.js";
import { AdmaFormat } from "./formats/adma-format.js";
import { DmaFormat } from "./formats/dma-format.js";
import type { DescriptorFormat } from "./formats/format.js";
import type { PlatformDevice } from "./platform-device.js";
import { slotCount } from "./slot-pool.js";
import type { UnitVariant } from "./variant.js";

/** The streaming mask of the driver. Linux says 64 on iop13xx, where Q has no upper half of its own. */
const DMA_MASK_BITS = 32;

/** Describes a unit as a device of one channel, as `iop_adma_probe` does. */
export function describeUnit(
  platform: Platform,
  name: string,
  unit: UnitVariant,
  device: PlatformDevice,
): AnyDeviceDefinition {
  const memory = platform.memoryOf(name);
  const format = formatOf(unit);
  const capabilities = Object.fromEntries(
    unit.operations.map((operation) => [operation, format.limits[operation]]),
  );
  return {
    name,
    capabilities,
    domain: memory.domain,
    // No transaction takes less than a slot.
    ringSize: slotCount(unit.poolPages),
    dmaMaskBits: DMA_MASK_BITS,
    channels: [(host) => new IopChannel(host, platform, memory, device, format, unit.poolPages)],
  };
}

function formatOf({ kind, poolPages }: UnitVariant): DescriptorFormat {
  switch (kind) {
    case "dma":
      return new DmaFormat();
    case "aau":
      return new AauFormat(slotCount(poolPages));
    case "adma":
      return new AdmaFormat();
  }
}
