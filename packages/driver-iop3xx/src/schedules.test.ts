import { runSchedules, scheduleSeeds } from "@dmaengine/conformance";
import { FaultPlan, Platform } from "@dmaengine/sim";
import { it } from "vitest";
import { iop3xx } from "./iop3xx.js";
import type { IopSoc } from "./variant.js";

const SOCS: readonly IopSoc[] = ["iop32x", "iop33x", "iop13xx"];
const seeds = scheduleSeeds(process.env);

it(`${seeds.count} schedules of faults from seed ${seeds.first} on`, () =>
  runSchedules(
    {
      name: "iop3xx",
      machine(random) {
        const platform = new Platform({
          clock: "stepped",
          faults: FaultPlan.swarm(random.bits()),
          coherence: random.pick(["coherent", "coherent", "v5"]),
          cacheLineBytes: 32,
          seed: random.bits(),
        });
        return { platform, driver: iop3xx({ platform, soc: random.pick(SOCS) }) };
      },
    },
    seeds,
  ));
