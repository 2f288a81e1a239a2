import { type ConformanceOptions, conformance, onSteppedPlatforms } from "@dmaengine/conformance";
import { Platform, type PlatformOptions } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { type MvXorOptions, mvXor } from "./index.js";
import { MV_XOR_VARIANTS, type MvXorVariantName } from "./variant.js";

/** Kirkwood's CPU caches without looking ahead, that of the Armada 38x looks ahead. */
const PLATFORMS: Readonly<Record<string, PlatformOptions>> = {
  coherent: {},
  v5: { coherence: "v5", cacheLineBytes: 32 },
  v7: { coherence: "v7", cacheLineBytes: 32 },
  IOMMU: { iommu: true },
};
/** Filling the 3072 descriptors that Linux takes shows nothing that 64 don't. */
const FEW: MvXorOptions = { ringSize: 64 };
/** One window to all the addresses that an IOMMU may give. */
const EVERYTHING: MvXorOptions = { ...FEW, dram: [{ baseAddr: 0, sizeBytes: 2 ** 32 }] };
/** No window leads there. Memory without a mapping is memory all the same where caches stand before it. */
const OUT_OF_REACH = 0xf000_0000;

function check(options: Omit<ConformanceOptions, "name">): void {
  const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";
  conformance({ describe, it, expect }, { ...options, name: "driver-mvxor", long, log: () => {} });
}

for (const variant of Object.keys(MV_XOR_VARIANTS) as MvXorVariantName[]) {
  for (const [platform, options] of Object.entries(PLATFORMS)) {
    const own = options.iommu === true ? EVERYTHING : FEW;
    check({
      variant,
      platform,
      driver: () => mvXor({ ...own, variant, platform: new Platform(options) }),
      harness: options.coherence === undefined ? {} : { faultyAddr: () => OUT_OF_REACH },
    });
  }
  check({
    variant: `${variant}, big-endian, 8 descriptors`,
    platform: "stepped",
    ...onSteppedPlatforms(
      () => new Platform({ clock: "stepped" }),
      (platform) => mvXor({ platform, variant, byteOrder: "big", ringSize: 8, channels: 1 }),
    ),
  });
}
