import { conformance } from "@dmaengine/conformance";
import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { mvXor } from "./index.js";

const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";

for (const variant of ["orion", "armada-xp", "armada-38x"] as const) {
  conformance(
    { describe, it, expect },
    // Filling the 3072 descriptors that Linux takes shows nothing that 64 don't.
    { name: `driver-mvxor, ${variant}`, driver: () => mvXor({ variant, ringSize: 64 }), long },
  );
}

// Kirkwood's CPU caches without looking ahead, that of the Armada 38x looks ahead.
for (const [variant, coherence] of [
  ["orion", "v5"],
  ["armada-38x", "v7"],
] as const) {
  conformance(
    { describe, it, expect },
    {
      name: `driver-mvxor, ${variant}, non-coherent ${coherence}`,
      driver: () => mvXor({ variant, ringSize: 32, platform: new Platform({ coherence, seed: 1 }) }),
      // Memory without a mapping is memory all the same. No window leads there.
      harness: { faultyAddr: () => 0xf000_0000 },
      long,
    },
  );
}

conformance(
  { describe, it, expect },
  {
    name: "driver-mvxor, armada-xp behind an IOMMU",
    driver: () => {
      // One window to all the addresses that an IOMMU may give.
      const dram = [{ baseAddr: 0, sizeBytes: 2 ** 32 }];
      return mvXor({ variant: "armada-xp", ringSize: 32, dram, platform: new Platform({ iommu: true }) });
    },
    long,
  },
);

/** The machines of the case that is running; a case has two at most. */
const platforms: Platform[] = [];

for (const variant of ["orion", "armada-38x"] as const) {
  conformance(
    { describe, it, expect },
    {
      name: `driver-mvxor, ${variant}, stepped, big-endian, 8 descriptors`,
      driver() {
        const platform = new Platform({ name: "stepped", clock: "stepped" });
        platforms.unshift(platform);
        platforms.length = Math.min(platforms.length, 2);
        return mvXor({ platform, variant, byteOrder: "big", ringSize: 8, channels: 1 });
      },
      harness: {
        letTimePass() {
          for (const platform of platforms) platform.clock.runNext();
        },
      },
      long,
    },
  );
}
