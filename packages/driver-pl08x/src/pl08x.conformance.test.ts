import { conformance } from "@dmaengine/conformance";
import { Platform, type PlatformOptions } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { type Pl08xOptions, pl08x } from "./index.js";

const long = process.env["DMAENGINE_LONG_CONFORMANCE"] === "1";
/** Below every mapping. */
const NEVER_MAPPED = 0x10;

const MACHINES: readonly { title: string; machine: PlatformOptions; options: Pl08xOptions }[] = [
  { title: "pl080", machine: {}, options: { version: "pl080" } },
  { title: "pl080s", machine: {}, options: { version: "pl080s" } },
  { title: "pl081", machine: {}, options: { version: "pl081" } },
  {
    title: "pl081, stepped, small ring, short bursts of bytes",
    machine: { clock: "stepped" },
    options: { version: "pl081", ringSize: 16, memcpyBurst: 16, memcpyWidthBytes: 1 },
  },
  { title: "pl080, not coherent, v5", machine: { coherence: "v5" }, options: { version: "pl080" } },
  { title: "pl080s, not coherent, v7", machine: { coherence: "v7" }, options: { version: "pl080s" } },
  { title: "pl081, not coherent, v7", machine: { coherence: "v7" }, options: { version: "pl081" } },
  { title: "pl080, behind an IOMMU", machine: { iommu: true }, options: { version: "pl080" } },
];

for (const { title, machine, options } of MACHINES) {
  /** The machines of the case that is running; a case has two at most. */
  const platforms: Platform[] = [];
  const stepped = machine.clock === "stepped";
  conformance(
    { describe, it, expect },
    {
      name: `driver-pl08x, ${title}`,
      driver() {
        const platform = new Platform(machine);
        platforms.unshift(platform);
        platforms.length = Math.min(platforms.length, 2);
        return pl08x({ ...options, platform });
      },
      harness: {
        ...(stepped && {
          letTimePass() {
            for (const platform of platforms) platform.clock.runNext();
          },
        }),
        faultyAddr: () => NEVER_MAPPED,
      },
      long,
    },
  );
}
