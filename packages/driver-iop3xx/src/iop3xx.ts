import { DmaError } from "@dmaengine/core";
import type { DmaDriver, DRIVER_CONTRACT } from "@dmaengine/core/driver";
import { Platform } from "@dmaengine/sim";
import { describeUnit } from "./device.js";
import { plugIop } from "./hw/soc.js";
import type { PlatformDevice } from "./platform-device.js";
import { hasPq, IOP_VARIANTS, type IopSoc, type UnitVariant, withoutPq } from "./variant.js";

/** What is to be simulated. */
export interface Iop3xxOptions {
  /** The machine that the processor's units are part of. Default: one of its own, with a free-running clock. */
  readonly platform?: Platform;
  /** The family of processors. Default "iop33x". */
  readonly soc?: IopSoc;
  /** The devices are called this, with `.0`, `.1` and `.2` behind it. Two processors in one engine need two names. Default "iop-adma". */
  readonly name?: string;
  /**
   * By their numbers, the units that do P+Q, of those that can. Default: all of them, which are the three of iop13xx; Linux has it on the
   * third alone, `[2]`.
   */
  readonly pqUnits?: readonly number[];
}

/**
 * The driver for the DMA, XOR and RAID-6 units of an Intel I/O processor, with the simulated hardware that it drives: three devices of one
 * channel each. On iop32x and iop33x two copy and the third does xor; on iop13xx each does everything.
 *
 * Throws `ERR_DMA_LIMIT` for a processor that it does not know, and for a unit in `pqUnits` that has no P+Q.
 */
export function iop3xx(options: Iop3xxOptions = {}): DmaDriver {
  const { platform = new Platform({ name: "iop" }), soc = "iop33x", name = "iop-adma" } = options;
  const all: readonly UnitVariant[] | undefined = IOP_VARIANTS[soc];
  if (all === undefined) {
    throw new DmaError(
      "ERR_DMA_LIMIT",
      `iop3xx: expected one of ${Object.keys(IOP_VARIANTS).join(", ")} as soc, got ${soc}`,
    );
  }
  const units = options.pqUnits === undefined ? all : choosePqUnits(soc, all, options.pqUnits);
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

function choosePqUnits(
  soc: IopSoc,
  units: readonly UnitVariant[],
  pqUnits: readonly number[],
): readonly UnitVariant[] {
  const able = units.flatMap((unit, n) => (hasPq(unit) ? [n] : []));
  const unable = pqUnits.find((n) => !able.includes(n));
  if (unable !== undefined) {
    throw new DmaError(
      "ERR_DMA_LIMIT",
      `iop3xx: expected pqUnits from the units of ${soc} that have P+Q (${able.join(", ") || "none"}), got ${unable}`,
    );
  }
  return units.map((unit, n) => (pqUnits.includes(n) ? unit : withoutPq(unit)));
}
