import { conformance } from "@dmaengine/conformance";
import { describe, expect, it } from "vitest";
import { cpu } from "./index.js";

conformance(
  { describe, it, expect },
  {
    name: "driver-cpu, 2 workers",
    driver: () => cpu({ workers: 2, maxMemoryBytes: 256 * 1024 * 1024 }),
    long: process.env["DMAENGINE_LONG_CONFORMANCE"] === "1",
  },
);
