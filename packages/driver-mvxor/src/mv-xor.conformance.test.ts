import { conformance } from "@dmaengine/conformance";
import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { mvXor } from "./index.js";

const long = process.env["DMAENGINE_LONG"] === "1";

for (const variant of ["orion", "armada-xp", "armada-38x"] as const) {
  conformance(
    { describe, it, expect },
    // Filling the 3072 descriptors that Linux takes shows nothing that 200 don't.
    {
      name: `driver-mvxor, ${variant}`,
      driver: () => mvXor({ variant, ringSize: variant === "orion" ? 64 : 200 }),
      long,
    },
  );
}

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
