import { conformance } from "@dmaengine/conformance";
import { Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { ioat } from "./index.js";
let seed = 1;
for (const coherence of ["v5","v7"] as const)
conformance({ describe, it, expect }, { name: "nc "+coherence, driver: () => ioat({ platform: new Platform({ coherence, seed: seed++ }) }), long: false });
conformance({ describe, it, expect }, { name: "iommu", driver: () => ioat({ platform: new Platform({ iommu: true }) }), long: false });
