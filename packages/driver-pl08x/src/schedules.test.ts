import { runSchedules, scheduleSeeds } from "@dmaengine/conformance";
import { FaultPlan, Platform } from "@dmaengine/sim";
import { it } from "vitest";
import { pl08x } from "./pl08x.js";
import { PL08X_VARIANTS, type Pl08xVersion } from "./variant.js";

const VERSIONS = Object.keys(PL08X_VARIANTS) as Pl08xVersion[];
const seeds = scheduleSeeds(process.env);

it(`${seeds.count} schedules of faults from seed ${seeds.first} on`, () =>
  runSchedules(
    {
      name: "pl08x",
      machine(random) {
        const platform = new Platform({
          clock: "stepped",
          faults: FaultPlan.swarm(random.bits()),
          coherence: random.pick(["coherent", "coherent", "v5", "v7"]),
          seed: random.bits(),
        });
        const driver = pl08x({
          platform,
          version: random.pick(VERSIONS),
          ringSize: random.pick([2, 4, 8]),
          memcpyBurst: random.pick([16, 256]),
          memcpyWidthBytes: random.pick([1, 4]),
        });
        return { platform, driver };
      },
    },
    seeds,
  ));
