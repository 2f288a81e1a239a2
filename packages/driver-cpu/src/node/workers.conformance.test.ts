import { conformance } from "@dmaengine/conformance";
import { describe, expect, it } from "vitest";
import { cpu } from "./index.js";

const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";
// Threads take their time to start, so the second round is for long runs; Node 20 has plain SIMD in any case.
const kernelsToTry =
  process.env["DMAENGINE_LONG"] === "1" || long ? (["auto", "simd"] as const) : (["auto"] as const);

for (const kernels of kernelsToTry) {
  conformance(
    { describe, it, expect },
    {
      name: `driver-cpu, 2 workers, ${kernels} kernels`,
      driver: () => cpu({ kernels, workers: 2, maxMemoryBytes: 256 * 1024 * 1024 }),
      long,
    },
  );
}
