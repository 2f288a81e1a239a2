import { runSchedules, scheduleSeeds } from "@dmaengine/conformance";
import { FaultPlan, Platform } from "@dmaengine/sim";
import { it } from "vitest";
import { mvXor } from "./mv-xor.js";
import { MV_XOR_VARIANTS, type MvXorVariantName } from "./variant.js";

const VARIANTS = Object.keys(MV_XOR_VARIANTS) as MvXorVariantName[];
const seeds = scheduleSeeds(process.env);

it(`${seeds.count} schedules of faults from seed ${seeds.first} on`, () =>
  runSchedules(
    {
      name: "mvxor",
      machine(random) {
        const platform = new Platform({
          clock: "stepped",
          faults: FaultPlan.swarm(random.bits()),
          coherence: random.pick(["coherent", "coherent", "v5", "v7"]),
          seed: random.bits(),
        });
        const driver = mvXor({
          platform,
          variant: random.pick(VARIANTS),
          ringSize: random.pick([4, 16, 64]),
          byteOrder: random.pick(["little", "big"]),
        });
        return { platform, driver };
      },
    },
    seeds,
  ));
