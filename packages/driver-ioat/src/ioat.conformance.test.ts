import { conformance } from "@dmaengine/conformance";
import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { ioat } from "./index.js";

const long = process.env["DMAENGINE_LONG"] === "1";

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
