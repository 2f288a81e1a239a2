import { DmaError } from "@dmaengine/core";
import type { DmaDriver, DRIVER_CONTRACT } from "@dmaengine/core/driver";
import { Platform } from "@dmaengine/sim";
import { MAX_CHANNELS, WINDOW_UNIT_BYTES } from "./datasheet.js";
import { configureWindows, describeChannels, MAX_DRAM_BANKS } from "./device.js";
import { plugXorUnit } from "./hw/unit.js";
import { MV_XOR_VARIANTS, type MvXorVariantName } from "./variant.js";
import type { DramBank } from "./xor-unit.js";

/** What is to be simulated, and how the driver is to use it. */
export interface MvXorOptions {
  /** The machine that the unit is part of. Default: one of its own, with a free-running clock. */
  readonly platform?: Platform;
  /** Name of the unit; its channels are the devices `<name>.0` and `<name>.1`. Two in one engine need two names. Default "xor0". */
  readonly name?: string;
  /** Kind of the hardware, and of the driver that Linux has for it. Default "armada-38x". */
  readonly variant?: MvXorVariantName;
  /** Channels, 1 or 2, each a device of its own. Default 2. */
  readonly channels?: number;
  /** Descriptors of a channel, and so the most transactions at a time; 1 to 65536. Default as in Linux: 64 for "orion", else 3072. */
  readonly ringSize?: number;
  /**
   * The machine's memory: up to 4 banks, of whole 64 KiB, within 4 GiB. The unit gets a window to each, and reaches nothing else.
   * Default: 3.5 GiB from address 0 on.
   */
  readonly dram?: readonly DramBank[];
  /** Byte order of the CPU. If it is big-endian, the hardware swaps descriptors. Default "little". */
  readonly byteOrder?: "little" | "big";
}

const GIB = 2 ** 30;
const DEFAULT_DRAM: readonly DramBank[] = [
  { baseAddr: 0, sizeBytes: GIB },
  { baseAddr: GIB, sizeBytes: GIB },
  { baseAddr: 2 * GIB, sizeBytes: GIB },
  { baseAddr: 3 * GIB, sizeBytes: GIB / 2 },
];

/**
 * The driver for one Marvell XOR unit, with the simulated hardware that it drives.
 *
 * Throws `ERR_DMA_LIMIT` when an option is out of its range.
 */
export function mvXor(options: MvXorOptions = {}): DmaDriver {
  const { platform = new Platform({ name: "mvxor" }), name = "xor0", channels = MAX_CHANNELS } = options;
  const { dram = DEFAULT_DRAM, byteOrder = "little" } = options;
  const variant = MV_XOR_VARIANTS[options.variant ?? "armada-38x"];
  const ringSize = options.ringSize ?? variant.poolSize;
  checkRange("channels", channels, 1, MAX_CHANNELS);
  checkRange("ringSize", ringSize, 1, 65536);
  checkRange("the number of banks in dram", dram.length, 1, MAX_DRAM_BANKS);
  dram.forEach(checkBank);
  let unplug = (): void => {};
  return {
    name: "@dmaengine/driver-mvxor",
    contract: 1 satisfies typeof DRIVER_CONTRACT,
    probe() {
      const unit = plugXorUnit(platform, name, variant, channels);
      unplug = unit.unplug;
      configureWindows(platform, unit, dram);
      return describeChannels(platform, unit, { name, variant, ringSize, bigEndian: byteOrder === "big" });
    },
    remove: () => unplug(),
  };
}

function checkRange(option: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new DmaError("ERR_DMA_LIMIT", `mvXor: expected ${option} from ${min} to ${max}, got ${value}`);
}

function checkBank({ baseAddr, sizeBytes }: DramBank): void {
  const whole = baseAddr % WINDOW_UNIT_BYTES === 0 && sizeBytes % WINDOW_UNIT_BYTES === 0;
  if (whole && baseAddr >= 0 && sizeBytes > 0 && baseAddr + sizeBytes <= 2 ** 32) return;
  throw new DmaError(
    "ERR_DMA_LIMIT",
    `mvXor: expected banks of whole ${WINDOW_UNIT_BYTES} bytes within 4 GiB, got ${sizeBytes} bytes at ${baseAddr}`,
  );
}
