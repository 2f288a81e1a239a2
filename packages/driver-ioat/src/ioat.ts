import { DmaError } from "@dmaengine/core";
import type { DmaDriver, DRIVER_CONTRACT } from "@dmaengine/core/driver";
import { Platform } from "@dmaengine/sim";
import { INTRDELAY_MASK } from "./datasheet.js";
import { IoatDevice } from "./device.js";
import { plugIoat } from "./hw/device.js";
import { IOAT_VARIANTS, type IoatVariant, type IoatVersion } from "./variant.js";

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
   * A channel's ring begins with `2 ** ringOrder` descriptors, 3 to 16 (`ioat_ring_alloc_order`), and doubles when it is full, until it has
   * `2 ** ringMaxOrder` (`ioat_ring_max_alloc_order`). A transaction takes one for each XFERCAP of its length (32 KiB before version 3.0, else
   * 1 MiB); twice as many with more than five XOR or three PQ sources; and before version 3.3 XOR and PQ one more. Default 8.
   */
  readonly ringOrder?: number;
  /** `ringOrder` or more, up to 16. Default 16. */
  readonly ringMaxOrder?: number;
  /** Offer xorVal and pqVal, too, where the hardware can. Linux 3.10 does not on the Xeons that have version 3.2. Default true. */
  readonly validate?: boolean;
  /** One interrupt for each channel, or one for all (`ioat_interrupt_style`). Default "msix". */
  readonly interruptStyle?: "msix" | "intx";
  /**
   * Holds interrupts up, where the hardware can, by so many microseconds for each descriptor that is still at work, so that one tells of several
   * completions (`intr_coalesce`). 0 to 16383; Linux 3.10 has 5, 4.x has the default: 0.
   */
  readonly interruptCoalesceMicros?: number;
  /** Gets a line for everything that went wrong in the hardware and was dealt with: what Linux prints. Default: none. */
  readonly log?: (line: string) => void;
}

/**
 * The driver for one Intel I/OAT device, with the simulated hardware that it drives.
 *
 * Throws `ERR_DMA_LIMIT` when an option is out of its range.
 */
export function ioat(options: IoatOptions = {}): DmaDriver {
  const { platform = new Platform({ name: "ioat" }), name = "ioat0", version = "3.2" } = options;
  const { channels = 4, ringSize = 256, ringOrder = 8, ringMaxOrder = 16 } = options;
  const { validate = true, interruptStyle = "msix", interruptCoalesceMicros = 0, log = () => {} } = options;
  const variant: IoatVariant | undefined = IOAT_VARIANTS[version];
  if (variant === undefined) {
    const known = Object.keys(IOAT_VARIANTS).join(", ");
    throw new DmaError("ERR_DMA_LIMIT", `ioat: expected one of ${known} as version, got ${version}`);
  }
  checkRange("channels", channels, 1, 4);
  checkRange("ringSize", ringSize, 1, 65536);
  checkRange("ringOrder", ringOrder, 3, 16);
  checkRange("ringMaxOrder", ringMaxOrder, ringOrder, 16);
  checkRange("interruptCoalesceMicros", interruptCoalesceMicros, 0, INTRDELAY_MASK);
  let unplug = (): void => {};
  return {
    name: "@dmaengine/driver-ioat",
    contract: 1 satisfies typeof DRIVER_CONTRACT,
    probe() {
      const pci = plugIoat(platform, name, variant, channels);
      const device = new IoatDevice(platform, pci, {
        name,
        ringSize,
        ringOrder,
        ringMaxOrder,
        validate,
        interruptStyle,
        coalesceMicros: interruptCoalesceMicros,
        log,
      });
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
