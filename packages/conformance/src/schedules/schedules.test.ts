import { type DmaDriver, DmaTransResult } from "@dmaengine/core";
import type { DriverChannelControl } from "@dmaengine/core/driver";
import { describe, expect, it, test } from "vitest";
import { MUTANTS } from "../testing/mutants.js";
import { SmallChannel, small } from "../testing/small-driver.js";
import { runSchedule, runSchedules, type ScheduledMachine, scheduleSeeds } from "./schedules.js";

/** A driver without a clock, on a machine whose clock is the engine itself. */
function machineOf(original: DmaDriver, kinds: readonly string[] = []): ScheduledMachine {
  const channels: DriverChannelControl[] = [];
  const driver: DmaDriver = {
    ...original,
    async probe() {
      return (await original.probe()).map((definition) => ({
        ...definition,
        channels: definition.channels.map((create) => (host: Parameters<typeof create>[0]) => {
          const channel = create(host);
          channels.push(channel);
          return channel;
        }),
      }));
    },
  };
  const runNext = (): boolean => channels.some((channel) => channel.relax?.(1) === true);
  const struck = kinds.map((kind) => ({ kind }));
  return { driver, platform: { clock: { runNext }, faults: { struck, clear() {} } } };
}

const SEEDS = { first: 1, count: 40 };

/** Fails now and then, of its own accord. */
class Failing extends SmallChannel {
  #n = 0;
  protected override execute(tx: Parameters<SmallChannel["submit"]>[0]): DmaTransResult {
    this.#n += 1;
    return this.#n % 7 === 0 && this.#n < 30 ? DmaTransResult.READ_FAILED : super.execute(tx);
  }
}

/** Stops when it has done nine transactions, until it is terminated. */
class Stuck extends SmallChannel {
  #left = 9;
  protected override step(): void {
    if (this.#left === 0) return;
    this.#left -= 1;
    super.step();
  }
  override relax(): boolean {
    return this.#left > 0 && super.relax();
  }
  override terminateAll(): void {
    super.terminateAll();
    this.#left = Number.POSITIVE_INFINITY;
  }
}

describe("schedules", () => {
  it("find nothing wrong with an engine that works", async () => {
    await runSchedules({ name: "small", machine: () => machineOf(small()) }, SEEDS);
  });

  it("allow failures once something has gone wrong that can do harm, and not before", async () => {
    const failing = (...kinds: string[]) => ({
      name: "failing",
      machine: () => machineOf(small({ channel: Failing }), kinds),
    });
    const problems = await runSchedule(failing("lostInterrupt"), 1, null);
    expect(problems.join("\n")).toMatch(/failed with result 1, although nothing has gone wrong/);
    const allowed = await runSchedule(failing("busError"), 1, null);
    // In the end everything has to succeed, whatever has gone wrong before.
    expect(allowed.filter((problem) => !problem.includes("although nothing has gone wrong"))).toEqual([]);
  });

  it("terminate what hangs, where something was made to hang, and name it where nothing was", async () => {
    const stuck = (...kinds: string[]) => ({
      name: "stuck",
      machine: () => machineOf(small({ channel: Stuck }), kinds),
    });
    expect((await runSchedule(stuck("busError"), 3, null)).join("\n")).toMatch(/hangs/);
    await runSchedules(stuck("stuckChannel"), SEEDS);
  });

  it("replay exactly from their seed, and a failure tells which", async () => {
    const options = { name: "failing", machine: () => machineOf(small({ channel: Failing })) };
    const [first, again, other]: [string[], string[], string[]] = [[], [], []];
    expect(await runSchedule(options, 5, first)).toEqual(await runSchedule(options, 5, again));
    expect(again).toEqual(first);
    await runSchedule(options, 6, other);
    expect(other).not.toEqual(first);
    await expect(runSchedules(options, { first: 5, count: 1 })).rejects.toThrow(
      /schedule 5 failed; repeat it with DMAENGINE_SEED=5\n(.|\n)*What happened, the last [\s\S]*submits/,
    );
  });

  // What breaks a promise that only certain cases of the suite put to the test, schedules don't find.
  const found = MUTANTS.filter(({ defect }) => /byte|order|pqVal|never|twice|while it works/.test(defect));
  test.each(found)("find: $defect", async ({ driver }) => {
    let problems: readonly string[] = [];
    for (let seed = 1; seed <= 100 && problems.length === 0; seed++) {
      problems = await runSchedule({ name: "mutant", machine: () => machineOf(driver()) }, seed, null);
    }
    expect(problems).not.toEqual([]);
  });
});

describe("scheduleSeeds", () => {
  it("gives few, many, or the one that is asked for", () => {
    expect(scheduleSeeds({})).toEqual({ first: 1, count: 300 });
    expect(scheduleSeeds({ DMAENGINE_LONG: "1" })).toEqual({ first: 1, count: 100_000 });
    expect(scheduleSeeds({ DMAENGINE_LONG: "1", DMAENGINE_SEED: "77" })).toEqual({ first: 77, count: 1 });
    expect(() => scheduleSeeds({ DMAENGINE_SEED: "x" })).toThrow(/whole number as DMAENGINE_SEED, got "x"/);
  });
});
