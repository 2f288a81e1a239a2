import { conformance } from "@dmaengine/conformance";
import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { iop3xx } from "./index.js";

const long = process.env["DMAENGINE_LONG"] === "1";

for (const soc of ["iop32x", "iop33x", "iop13xx"] as const) {
  conformance(
    { describe, it, expect },
    { name: `driver-iop3xx, ${soc}`, driver: () => iop3xx({ soc }), long },
  );

  /** The machines of the case that is running; a case has two at most. */
  const platforms: Platform[] = [];

  conformance(
    { describe, it, expect },
    {
      name: `driver-iop3xx, ${soc}, stepped`,
      driver() {
        const platform = new Platform({ name: "stepped", clock: "stepped" });
        platforms.unshift(platform);
        platforms.length = Math.min(platforms.length, 2);
        return iop3xx({ platform, soc });
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
