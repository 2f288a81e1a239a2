import { DmaError } from "@dmaengine/core";
import type { DmaDriver, DRIVER_CONTRACT } from "@dmaengine/core/driver";
import { Platform } from "@dmaengine/sim";
import { describeUnit } from "./device.js";
import { plugIop } from "./hw/soc.js";
import type { PlatformDevice } from "./platform-device.js";
import { IOP_VARIANTS, type IopSoc, type UnitVariant } from "./variant.js";

/** What is to be simulated. */
export interface Iop3xxOptions {
  /** The machine that the processor's units are part of. Default: one of its own, with a free-running clock. */
  readonly platform?: Platform;
  /** The family of processors. Default "iop33x". */
  readonly soc?: IopSoc;
  /** The devices are called this, with `.0`, `.1` and `.2` behind it. Two processors in one engine need two names. Default "iop-adma". */
  readonly name?: string;
}

/**
 * The driver for the DMA, XOR and RAID-6 units of an Intel I/O processor, with the simulated hardware that it drives: three devices of one
 * channel each. On iop32x and iop33x two copy and the third does xor; on iop13xx each does everything, and the third PQ, too.
 *
 * Throws `ERR_DMA_LIMIT` for a processor that it does not know.
 */
export function iop3xx(options: Iop3xxOptions = {}): DmaDriver {
  const { platform = new Platform({ name: "iop" }), soc = "iop33x", name = "iop-adma" } = options;
  const units: readonly UnitVariant[] | undefined = IOP_VARIANTS[soc];
  if (units === undefined) {
    throw new DmaError(
      "ERR_DMA_LIMIT",
      `iop3xx: expected one of ${Object.keys(IOP_VARIANTS).join(", ")} as soc, got ${soc}`,
    );
  }
  let unplug = (): void => {};
  return {
    name: "@dmaengine/driver-iop3xx",
    contract: 1 satisfies typeof DRIVER_CONTRACT,
    probe() {
      const plugged = plugIop(platform, name, units);
      unplug = plugged.unplug;
      return units.map((unit, n) =>
        describeUnit(platform, `${name}.${n}`, unit, plugged.devices[n] as PlatformDevice),
      );
    },
    remove: () => unplug(),
  };
}
