import { conformance } from "@dmaengine/conformance";
import { describe, expect, it } from "vitest";
import { isal } from "./index.js";
import { missing } from "./testing/library.js";

const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";

if (missing !== undefined) {
  it.skip(missing);
} else {
  conformance(
    { describe, it, expect },
    {
      name: "driver-isal",
      variant: "2 threads",
      platform: "threads",
      driver: () => isal({ threads: 2 }),
      long,
    },
  );
}
