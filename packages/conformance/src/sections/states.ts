import { DmaError } from "@dmaengine/core";
import { prepName } from "@dmaengine/core/driver";
import type { Exercise } from "../exercises/exercise.js";
import { abandon, carryOut, expectFailure, perform, prepare, prepareFaulty } from "../jobs.js";
import { plainTrials, touchesMemory } from "../trials.js";
import type { Case, Section } from "./section.js";

/** Each operation in each state that a channel can be in. */
export function states(exercises: readonly Exercise[]): Section {
  return {
    title: "states of a channel",
    cases: exercises.flatMap((exercise) => inEveryState(exercise)),
  };
}

function inEveryState(exercise: Exercise): Case[] {
  const { name } = exercise.definition;
  return [
    {
      title: `${name} between transactions of other operations`,
      needs: name,
      async run(bench) {
        for (const device of bench.devicesWith(name)) {
          const all = bench.exercisesOf(device);
          const chan = bench.request(device, ...all.map(({ definition }) => definition.name));
          for (const other of all) {
            const before = prepare(bench, chan, other, plainTrials(device, other, 2, 1500));
            const between = prepare(bench, chan, exercise, plainTrials(device, exercise, 1), before);
            const after = prepare(bench, chan, other, plainTrials(device, other, 1), between);
            await carryOut(bench, chan, after);
          }
        }
      },
    },
    {
      title: `${name} after the channel was terminated with work in flight`,
      needs: name,
      async run(bench) {
        for (const device of bench.devicesWith(name)) {
          const chan = bench.request(device, name);
          const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 4, 1500));
          for (const job of jobs) job.submit();
          chan.issuePending();
          await bench.terminate(chan);
          abandon(bench, jobs);
          await perform(bench, chan, exercise, plainTrials(device, exercise, 6), 3);
        }
      },
    },
    {
      title: `${name} after a transaction failed`,
      needs: name,
      checker: false,
      async run(bench) {
        for (const device of bench.devicesWith(name)) {
          const failing = touchesMemory(device, exercise) ? exercise : bench.workloadOf(device);
          if (failing === undefined) return;
          const chan = bench.request(device, name, failing.definition.name);
          const trials = plainTrials(device, failing, 1);
          await expectFailure(bench, chan, prepareFaulty(bench, chan, failing, trials, 0));
          await perform(bench, chan, exercise, plainTrials(device, exercise, 6), 3);
        }
      },
    },
    {
      title: `${name} after the channel was released and requested again`,
      needs: name,
      async run(bench) {
        for (const device of bench.devicesWith(name)) {
          for (let holder = 0; holder < 3; holder++) {
            const chan = bench.request(device, name);
            await perform(bench, chan, exercise, plainTrials(device, exercise, 3), 3);
            bench.release(chan);
          }
        }
      },
    },
    {
      title: `${name} is refused on a released channel`,
      needs: name,
      run(bench) {
        for (const device of bench.devicesWith(name)) {
          const chan = bench.request(device, name);
          bench.release(chan);
          try {
            (chan as unknown as Record<string, () => void>)[prepName(name)]!();
            bench.problem(`${chan.name}: expected ERR_DMA_STATE from a prep on a released channel`);
          } catch (error) {
            bench.equal("the error's code", DmaError.isInstance(error) ? error.code : error, "ERR_DMA_STATE");
          }
        }
      },
    },
  ];
}
