import { conformance } from "@dmaengine/conformance";
import { describe, expect, it } from "vitest";
import { cpu } from "./index.js";

const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";

for (const kernels of ["auto", "simd", "swar"] as const) {
  conformance(
    { describe, it, expect },
    { name: `driver-cpu, ${kernels} kernels`, driver: () => cpu({ kernels }), long },
  );
}
