import { type ConformanceOptions, conformance, onSteppedPlatforms } from "@dmaengine/conformance";
import { Platform, type PlatformOptions } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { iop3xx } from "./index.js";
import { IOP_VARIANTS, type IopSoc } from "./variant.js";

/** XScale and XSC3 are v5, without speculation, and have lines of 32 bytes. */
const PLATFORMS: Readonly<Record<string, PlatformOptions>> = {
  coherent: {},
  v5: { coherence: "v5", cacheLineBytes: 32 },
  v7: { coherence: "v7" },
  IOMMU: { iommu: true },
};
/** Below every mapping. Memory without a mapping is memory all the same where caches stand before it. */
const NEVER_MAPPED = 0x10;

function check(options: Omit<ConformanceOptions, "name">): void {
  const harness = { ...options.harness, faultyAddr: () => NEVER_MAPPED };
  const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";
  conformance({ describe, it, expect }, { ...options, name: "driver-iop3xx", harness, long, log: () => {} });
}

for (const soc of Object.keys(IOP_VARIANTS) as IopSoc[]) {
  for (const [platform, options] of Object.entries(PLATFORMS)) {
    check({ variant: soc, platform, driver: () => iop3xx({ soc, platform: new Platform(options) }) });
  }
  check({
    variant: soc,
    platform: "stepped",
    ...onSteppedPlatforms(
      () => new Platform({ clock: "stepped" }),
      (platform) => iop3xx({ platform, soc }),
    ),
  });
}

check({
  variant: "iop13xx, P+Q on the third unit as in Linux",
  platform: "v5",
  driver: () => iop3xx({ soc: "iop13xx", pqUnits: [2], platform: new Platform(PLATFORMS["v5"]) }),
});
