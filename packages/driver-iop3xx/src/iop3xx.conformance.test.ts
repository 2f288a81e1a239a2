import { conformance } from "@dmaengine/conformance";
import { Platform, type PlatformOptions } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { iop3xx } from "./index.js";

const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";

/** No memory is ever mapped here. Where caches stand before it, memory stays in its place when it is unmapped. */
const NEVER_MAPPED = 0x10;

const platforms: Record<string, PlatformOptions> = {
  coherent: {},
  // XScale and XSC3: no speculation, lines of 32 bytes.
  "not coherent": { coherence: "v5", cacheLineBytes: 32 },
};

for (const soc of ["iop32x", "iop33x", "iop13xx"] as const) {
  for (const [title, options] of Object.entries(platforms)) {
    conformance(
      { describe, it, expect },
      {
        name: `driver-iop3xx, ${soc}, ${title}`,
        driver: () => iop3xx({ soc, platform: new Platform(options) }),
        harness: { faultyAddr: () => NEVER_MAPPED },
        long,
      },
    );
  }

  /** The machines of the case that is running; a case has two at most. */
  const machines: Platform[] = [];

  conformance(
    { describe, it, expect },
    {
      name: `driver-iop3xx, ${soc}, stepped`,
      driver() {
        const platform = new Platform({ clock: "stepped" });
        machines.unshift(platform);
        machines.length = Math.min(machines.length, 2);
        return iop3xx({ platform, soc });
      },
      harness: {
        letTimePass() {
          for (const platform of machines) platform.clock.runNext();
        },
      },
      long,
    },
  );
}
