import { conformance } from "@dmaengine/conformance";
import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { ioat } from "./index.js";

const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";

conformance({ describe, it, expect }, { name: "driver-ioat", driver: () => ioat(), long });

/** The machines of the case that is running; a case has two at most. */
const platforms: Platform[] = [];

conformance(
  { describe, it, expect },
  {
    name: "driver-ioat, stepped, small ring, one interrupt for all channels",
    driver() {
      const platform = new Platform({ name: "stepped", clock: "stepped" });
      platforms.unshift(platform);
      platforms.length = Math.min(platforms.length, 2);
      return ioat({ platform, ringSize: 16, ringOrder: 5, channels: 2, interruptStyle: "intx" });
    },
    harness: {
      letTimePass() {
        for (const platform of platforms) platform.clock.runNext();
      },
    },
    long,
  },
);

/** Memory stays reachable here when it is not mapped, so that what the kit takes for out of reach has to be told: the first page. */
const harness = { faultyAddr: () => 0x40 };

conformance(
  { describe, it, expect },
  {
    name: "driver-ioat, caches that the device does not see (v5)",
    driver: () => ioat({ platform: new Platform({ coherence: "v5" }), channels: 1 }),
    harness,
    long,
  },
);

conformance(
  { describe, it, expect },
  {
    name: "driver-ioat, behind an IOMMU",
    driver: () => ioat({ platform: new Platform({ iommu: true }), channels: 1 }),
    long,
  },
);
