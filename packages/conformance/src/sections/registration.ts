import { BUILT_IN_OPERATIONS } from "@dmaengine/core/driver";
import type { Bench } from "../bench.js";
import { perform } from "../jobs.js";
import { plainTrials } from "../trials.js";
import type { Section } from "./section.js";

export const registration: Section = {
  title: "registration",
  cases: [
    {
      title: "names itself and its devices",
      run(bench) {
        const { driver, devices } = bench;
        if (driver.name === "")
          bench.problem("expected the driver's name to be its package's, got an empty one");
        if (devices.length === 0) bench.problem("expected probe() to find a device, got none");
        const names = devices.map(({ name }) => name);
        if (new Set(names).size < names.length || names.includes("")) {
          bench.problem(`expected each device to have a name of its own, got ${names.join(", ")}`);
        }
      },
    },
    {
      title: "brings an exercise for each operation of its own",
      run(bench) {
        for (const { name, capabilities } of bench.devices) {
          for (const operation of Object.keys(capabilities)) {
            const isBuiltIn = BUILT_IN_OPERATIONS.some((definition) => definition.name === operation);
            if (isBuiltIn || bench.exercises.some(({ definition }) => definition.name === operation))
              continue;
            bench.problem(
              `${name} claims "${operation}", an operation of its own: hand an exercise for it to the suite in "exercises"`,
            );
          }
        }
      },
    },
    {
      title: "can be unregistered and registered again",
      async run(bench) {
        await exerciseAll(bench);
        await bench.unregister();
        await bench.register();
        await exerciseAll(bench);
      },
    },
    {
      title: "keeps apart from a second driver of its kind",
      async run(bench) {
        const other = await bench.another();
        await exerciseAll(other);
        await exerciseAll(bench);
        await other.close();
        await exerciseAll(bench);
      },
    },
  ],
};

/** A transaction of every operation on every device. */
async function exerciseAll(bench: Bench): Promise<void> {
  for (const device of bench.devices) {
    for (const exercise of bench.exercisesOf(device)) {
      const chan = bench.request(device, exercise.definition.name);
      await perform(bench, chan, exercise, plainTrials(device, exercise, 1), 1);
      bench.release(chan);
    }
  }
}
