import { type ConformanceOptions, conformance, onSteppedPlatforms } from "@dmaengine/conformance";
import { Platform, type PlatformOptions } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { ioat } from "./index.js";
import { IOAT_VARIANTS, type IoatVersion } from "./variant.js";

/** x86 is coherent. The others show that the driver does not lean on it. */
const PLATFORMS: Readonly<Record<string, PlatformOptions>> = {
  coherent: {},
  v7: { coherence: "v7" },
  IOMMU: { iommu: true },
};
/** The first page is never given to anybody. Memory without a mapping is memory all the same where caches stand before it. */
const OUT_OF_REACH = 0x40;

function check(options: Omit<ConformanceOptions, "name">): void {
  const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";
  conformance({ describe, it, expect }, { ...options, name: "driver-ioat", long, log: () => {} });
}

for (const version of Object.keys(IOAT_VARIANTS) as IoatVersion[]) {
  for (const [platform, options] of Object.entries(PLATFORMS)) {
    check({
      variant: version,
      platform,
      driver: () => ioat({ version, ringSize: 64, channels: 2, platform: new Platform(options) }),
      harness: options.coherence === undefined ? {} : { faultyAddr: () => OUT_OF_REACH },
    });
  }
  check({
    variant: `${version}, small ring that grows, one interrupt for all channels`,
    platform: "stepped",
    ...onSteppedPlatforms(
      () => new Platform({ clock: "stepped" }),
      (platform) =>
        ioat({
          platform,
          version,
          channels: 2,
          ringSize: 16,
          ringOrder: 3,
          ringMaxOrder: 5,
          interruptStyle: "intx",
          interruptCoalesceMicros: 5,
        }),
    ),
  });
}
