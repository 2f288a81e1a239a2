import { type ConformanceOptions, conformance, onSteppedPlatforms } from "@dmaengine/conformance";
import { Platform, type PlatformOptions } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { pl08x } from "./index.js";
import { PL08X_VARIANTS, type Pl08xVersion } from "./variant.js";

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
  conformance({ describe, it, expect }, { ...options, name: "driver-pl08x", harness, long, log: () => {} });
}

for (const version of Object.keys(PL08X_VARIANTS) as Pl08xVersion[]) {
  for (const [platform, options] of Object.entries(PLATFORMS)) {
    check({
      variant: version,
      platform,
      driver: () => pl08x({ version, platform: new Platform(options) }),
    });
  }
  check({
    variant: `${version}, 16 transactions, short bursts of bytes`,
    platform: "stepped",
    ...onSteppedPlatforms(
      () => new Platform({ clock: "stepped" }),
      (platform) => pl08x({ platform, version, ringSize: 16, memcpyBurst: 16, memcpyWidthBytes: 1 }),
    ),
  });
}
