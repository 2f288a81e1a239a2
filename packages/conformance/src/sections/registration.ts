import type { BlockLimits } from "@dmaengine/core";
import type { Bench } from "../bench.js";
import { plainTrials } from "../trials.js";
import type { Section } from "./section.js";

export const registration: Section = {
  title: "registration",
  cases: [
    {
      title: "names itself and its devices",
      run(bench) {
        const { driver, devices } = bench;
        if (driver.name === "") bench.problem("expected the driver's name to be its package's, got an empty one");
        if (devices.length === 0) bench.problem("expected probe() to find a device, got none");
        const names = devices.map(({ name }) => name);
        if (new Set(names).size < names.length || names.includes("")) {
          bench.problem(`expected each device to have a name of its own, got ${names.join(", ")}`);
        }
      },
    },
    {
      title: "claims operations with limits that make sense",
      run(bench) {
        for (const { name, capabilities } of bench.devices) {
          const claims = Object.entries(capabilities);
          if (claims.length === 0) bench.problem(`${name} claims no operation`);
          for (const [operation, limits] of claims) {
            for (const problem of oddities(limits)) bench.problem(`${name} ${operation}: ${problem}`);
          }
        }
      },
    },
    {
      title: "claims nothing that the suite can't exercise",
      run(bench) {
        for (const { name, capabilities } of bench.devices) {
          for (const operation of Object.keys(capabilities)) {
            if (bench.exercises.some(({ definition }) => definition.name === operation)) continue;
            bench.problem(
              `${name} claims "${operation}", for which there is no exercise: hand one to the suite in "exercises"`,
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
      await bench.perform(device, chan, exercise, plainTrials(device, exercise, 1), 1);
      bench.release(chan);
    }
  }
}

/** What is strange about a record of limits. */
function oddities(limits: BlockLimits & { readonly maxSources?: number }): string[] {
  const { alignBytes = 1, minLengthBytes = 1, maxLengthBytes = Number.MAX_SAFE_INTEGER, maxSources = 1 } = limits;
  const found: string[] = [];
  if (!Number.isInteger(Math.log2(alignBytes))) {
    found.push(`expected alignBytes to be a power of two, got ${alignBytes}`);
  }
  if (!(minLengthBytes >= 1 && minLengthBytes <= maxLengthBytes)) {
    found.push(`expected 1 <= minLengthBytes <= maxLengthBytes, got ${minLengthBytes} and ${maxLengthBytes}`);
  }
  if (Math.ceil(minLengthBytes / alignBytes) * alignBytes > maxLengthBytes) {
    found.push(`no multiple of ${alignBytes} is between ${minLengthBytes} and ${maxLengthBytes} bytes`);
  }
  if (!(Number.isInteger(maxSources) && maxSources >= 1)) {
    found.push(`expected maxSources to be a positive integer, got ${maxSources}`);
  }
  return found;
}
