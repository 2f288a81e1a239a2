import { scheduleSeeds } from "@dmaengine/conformance";
import { describe, expect, it } from "vitest";
import { runSchedule } from "./run.js";
import { Schedule } from "./schedule.js";

const seeds = scheduleSeeds(process.env);

describe("arrays on simulated machines", () => {
  it(`${seeds.count} schedules from seed ${seeds.first} on: nothing is lost, nothing is wrong, everything ends`, async () => {
    for (let seed = seeds.first; seed < seeds.first + seeds.count; seed++) {
      const failure = await runSchedule(seed);
      expect(failure?.report).toBeUndefined();
    }
  });

  it("happen again exactly as their seed has it", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const [first, again]: [string[], string[]] = [[], []];
      await new Schedule(seed, first).run();
      await new Schedule(seed, again).run();
      expect(again).toEqual(first);
      expect(first.length).toBeGreaterThan(3);
    }
  });
});
