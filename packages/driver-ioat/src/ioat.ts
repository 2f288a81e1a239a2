import { DmaError } from "@dmaengine/core";
import type { DmaDriver, DRIVER_CONTRACT } from "@dmaengine/core/driver";
import { Platform } from "@dmaengine/sim";
import { IoatDevice } from "./device.js";
import { plugIoat } from "./hw/device.js";
import { IOAT_VARIANTS, type IoatVersion } from "./variant.js";

/** What is to be simulated, and how the driver is to use it. */
export interface IoatOptions {
  /** The machine that the device is plugged into. Default: one of its own, with a free-running clock. */
  readonly platform?: Platform;
  /** Name of the device. Two devices in one engine need two names. Default "ioat0". */
  readonly name?: string;
  /** Version of the hardware. Default "3.2". */
  readonly version?: IoatVersion;
  /** Channels, 1 to 4 (`IOAT_MAX_CHANS`). Default 4. */
  readonly channels?: number;
  /** Most transactions of one channel at a time, 1 to 65536. Default 256. */
  readonly ringSize?: number;
  /**
   * A channel's ring has `2 ** ringOrder` descriptors, 3 to 16 (`ioat_ring_alloc_order`; 8 in Linux 3.10, 16 in 4.x). A transaction takes one for
   * each MiB; twice as many with more than five XOR or three PQ sources; and XOR and PQ one more. Default 8.
   */
  readonly ringOrder?: number;
  /** Offer xorVal and pqVal, too. Linux 3.10 does not on the Xeons that have this version. Default true. */
  readonly validate?: boolean;
  /** One interrupt for each channel, or one for all (`ioat_interrupt_style`). Default "msix". */
  readonly interruptStyle?: "msix" | "intx";
}

/**
 * The driver for one Intel I/OAT device, with the simulated hardware that it drives.
 *
 * Throws `ERR_DMA_LIMIT` when an option is out of its range.
 */
export function ioat(options: IoatOptions = {}): DmaDriver {
  const { platform = new Platform({ name: "ioat" }), name = "ioat0", version = "3.2" } = options;
  const { channels = 4, ringSize = 256, ringOrder = 8 } = options;
  const { validate = true, interruptStyle = "msix" } = options;
  checkRange("channels", channels, 1, 4);
  checkRange("ringSize", ringSize, 1, 65536);
  checkRange("ringOrder", ringOrder, 3, 16);
  let unplug = (): void => {};
  return {
    name: "@dmaengine/driver-ioat",
    contract: 1 satisfies typeof DRIVER_CONTRACT,
    probe() {
      const pci = plugIoat(platform, name, IOAT_VARIANTS[version], channels);
      const device = new IoatDevice(platform, pci, { name, ringSize, ringOrder, validate, interruptStyle });
      device.enableInterrupts();
      unplug = pci.unplug;
      return [device.describe()];
    },
    remove: () => unplug(),
  };
}

function checkRange(option: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new DmaError("ERR_DMA_LIMIT", `ioat: expected ${option} from ${min} to ${max}, got ${value}`);
}
