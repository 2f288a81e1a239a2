import { DmaError } from "@dmaengine/core";
import type { DmaDriver, DRIVER_CONTRACT } from "@dmaengine/core/driver";
import { Platform } from "@dmaengine/sim";
import { Pl08xController } from "./controller.js";
import { BURST_ELEMENTS } from "./datasheet.js";
import { plugPl08x } from "./hw/device.js";
import type { AhbBuses, BurstElements, PlatformData, SlaveChannelData } from "./platform-data.js";
import { PL08X_VARIANTS, type Pl08xVersion } from "./variant.js";

/** What is to be simulated, how it is wired, and how the driver is to use it. */
export interface Pl08xOptions {
  /** The machine that the controller is plugged into. Default: one of its own, with a free-running clock. */
  readonly platform?: Platform;
  /** Name of the device that copies memory, and the beginning of the names of the others. Default "pl08x0". */
  readonly name?: string;
  /** Which part it is. Default "pl080". */
  readonly version?: Pl08xVersion;
  /** Most transactions of one channel at a time, 1 to 65536. Default 64. */
  readonly ringSize?: number;
  /** Length of the bursts that copy memory, in accesses (`memcpy_burst_size`). Default 256. */
  readonly memcpyBurst?: BurstElements;
  /** Width of the accesses that copy memory (`memcpy_bus_width`). Default 4. */
  readonly memcpyWidthBytes?: 1 | 2 | 4;
  /** Masters that reach linked list items (`lli_buses`). Default: all that the part has. */
  readonly lliBuses?: AhbBuses;
  /** Masters that reach memory (`mem_buses`). Default: all that the part has. */
  readonly memBuses?: AhbBuses;
  /** Connections to peripherals; each becomes a device called `<name>-<name of the connection>`. Default: none. */
  readonly slaveChannels?: readonly SlaveChannelData[];
}

/**
 * The driver for one PrimeCell DMA controller, with the simulated hardware that it drives.
 *
 * Throws `ERR_DMA_LIMIT` when an option is out of its range.
 */
export function pl08x(options: Pl08xOptions = {}): DmaDriver {
  const { platform = new Platform({ name: "pl08x" }), name = "pl08x0", version = "pl080" } = options;
  const { ringSize = 64, memcpyBurst = 256, memcpyWidthBytes = 4, slaveChannels = [] } = options;
  const variant = PL08X_VARIANTS[version];
  if (variant === undefined) throw refusal("version", Object.keys(PL08X_VARIANTS).join(", "), version);
  const allBuses: AhbBuses = variant.masters === 2 ? 3 : 1;
  const { lliBuses = allBuses, memBuses = allBuses } = options;
  if (!(Number.isInteger(ringSize) && ringSize >= 1 && ringSize <= 65536)) {
    throw refusal("ringSize", "1 to 65536", ringSize);
  }
  if (!BURST_ELEMENTS.includes(memcpyBurst)) {
    throw refusal("memcpyBurst", BURST_ELEMENTS.join(", "), memcpyBurst);
  }
  if (![1, 2, 4].includes(memcpyWidthBytes)) throw refusal("memcpyWidthBytes", "1, 2, 4", memcpyWidthBytes);
  checkBuses("lliBuses", lliBuses, allBuses);
  checkBuses("memBuses", memBuses, allBuses);
  const signals = new Set<number>();
  for (const { signal } of slaveChannels) {
    if (!(Number.isInteger(signal) && signal >= 0 && signal < variant.signals) || signals.has(signal)) {
      throw refusal("signal", `0 to ${variant.signals - 1}, each once`, signal);
    }
    signals.add(signal);
  }
  const platformData: PlatformData = {
    memcpyBurst,
    memcpyWidthBytes,
    lliBuses,
    memBuses,
    slaveChannels: slaveChannels.map((channel) => {
      const { periphBuses = allBuses } = channel;
      checkBuses("periphBuses", periphBuses, allBuses);
      return { ...channel, periphBuses };
    }),
  };
  let unplug = (): void => {};
  return {
    name: "@dmaengine/driver-pl08x",
    contract: 1 satisfies typeof DRIVER_CONTRACT,
    probe() {
      const amba = plugPl08x(platform, name, variant, platformData);
      unplug = amba.unplug;
      const controller = new Pl08xController(platform, amba, platformData, { name, ringSize });
      controller.enable();
      return controller.describe();
    },
    remove: () => unplug(),
  };
}

function checkBuses(option: string, value: number, all: number): void {
  if (Number.isInteger(value) && value >= 1 && (value & ~all) === 0) return;
  throw refusal(option, all === 3 ? "1 (AHB1), 2 (AHB2), 3 (both)" : "1: this part has one master", value);
}

function refusal(option: string, expected: string, value: unknown): DmaError {
  return new DmaError("ERR_DMA_LIMIT", `pl08x: expected ${option} from ${expected}, got ${String(value)}`);
}
