import { conformance } from "@dmaengine/conformance";
import { describe, expect, it } from "vitest";
import { isal } from "./index.js";
import { missing } from "./testing/library.js";

const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";

if (missing !== undefined) {
  it.skip(missing);
} else {
  for (const [variant, platform, threads] of [
    ["no threads", "inline", 0],
    ["2 threads", "threads", 2],
  ] as const) {
    conformance(
      { describe, it, expect },
      { name: "driver-isal", variant, platform, driver: () => isal({ threads }), long },
    );
  }
}
