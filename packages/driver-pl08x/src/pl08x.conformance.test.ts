import { conformance } from "@dmaengine/conformance";
import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { pl08x } from "./index.js";
import { PL08X_VARIANTS, type Pl08xVersion } from "./variant.js";

const long = process.env["DMAENGINE_LONG"] === "1";

for (const version of Object.keys(PL08X_VARIANTS) as Pl08xVersion[]) {
  conformance(
    { describe, it, expect },
    { name: `driver-pl08x, ${version}`, driver: () => pl08x({ version }), long },
  );
}

/** The machines of the case that is running; a case has two at most. */
const platforms: Platform[] = [];

conformance(
  { describe, it, expect },
  {
    name: "driver-pl08x, pl081, stepped, small ring, short bursts of bytes",
    driver() {
      const platform = new Platform({ name: "stepped", clock: "stepped" });
      platforms.unshift(platform);
      platforms.length = Math.min(platforms.length, 2);
      return pl08x({ platform, version: "pl081", ringSize: 16, memcpyBurst: 16, memcpyWidthBytes: 1 });
    },
    harness: {
      letTimePass() {
        for (const platform of platforms) platform.clock.runNext();
      },
    },
    long,
  },
);
