import { runSchedules, scheduleSeeds } from "@dmaengine/conformance";
import { FaultPlan, Platform } from "@dmaengine/sim";
import { it } from "vitest";
import { ioat } from "./ioat.js";
import { IOAT_VARIANTS, type IoatVersion } from "./variant.js";

const VERSIONS = Object.keys(IOAT_VARIANTS) as IoatVersion[];
const seeds = scheduleSeeds(process.env);

it(`${seeds.count} schedules of faults from seed ${seeds.first} on`, () =>
  runSchedules(
    {
      name: "ioat",
      machine(random) {
        const channels = random.int(1, 2);
        // Registration starts each channel with a descriptor of the driver's. Where that fails, there is no channel.
        const faults = FaultPlan.swarm(random.bits()).pending.map(({ kind, at }) => ({
          kind,
          at: at + channels,
        }));
        const platform = new Platform({
          clock: "stepped",
          faults: new FaultPlan(faults),
          coherence: random.pick(["coherent", "coherent", "v5", "v7"]),
          seed: random.bits(),
        });
        const ringOrder = random.pick([3, 4, 6]);
        const driver = ioat({
          platform,
          version: random.pick(VERSIONS),
          channels,
          ringSize: random.pick([4, 16, 64]),
          ringOrder,
          ringMaxOrder: ringOrder + random.int(0, 2),
          interruptStyle: random.pick(["msix", "intx"]),
          interruptCoalesceMicros: random.pick([0, 0, 1, 5]),
        });
        return { platform, driver };
      },
    },
    seeds,
  ));
