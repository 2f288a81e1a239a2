import { DmaError, DmaStatus } from "@dmaengine/core";
import type { Bench } from "../bench.js";
import type { AnyChan } from "../job.js";
import { abandon, perform, prepare } from "../jobs.js";
import { plainTrials } from "../trials.js";
import type { Section } from "./section.js";

export const pause: Section = {
  title: "pause",
  cases: [
    {
      title: "holds up each operation, and loses none",
      async run(bench) {
        bench.workloads();
        await bench.onEveryOperation(async (device, chan, exercise) => {
          pauseOrSkip(bench, chan);
          const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 4));
          const cookies = jobs.map((job) => job.submit());
          chan.issuePending();
          await bench.time.letSomePass();
          for (const [i, job] of jobs.entries()) {
            bench.equal(`${job}: status while paused`, chan.txStatus(cookies[i]!), DmaStatus.PAUSED);
          }
          chan.resume();
          await bench.settle(chan, cookies.at(-1)!);
          for (const job of jobs) bench.note(job.finish("done"));
        });
      },
    },
    {
      title: "in the middle of work loses nothing, however often",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 8, 4000));
          const cookies = jobs.map((job) => job.submit());
          chan.issuePending();
          for (let round = 0; round < 4; round++) {
            pauseOrSkip(bench, chan);
            await Promise.resolve();
            chan.resume();
            await Promise.resolve();
          }
          await bench.settle(chan, cookies.at(-1)!);
          for (const job of jobs) bench.note(job.finish("done"));
        }
      },
    },
    {
      title: "ends with terminate",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          pauseOrSkip(bench, chan);
          const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 4));
          for (const job of jobs) job.submit();
          chan.issuePending();
          await bench.terminate(chan);
          abandon(bench, jobs);
          await perform(bench, chan, exercise, plainTrials(device, exercise, 4), 4);
        }
      },
    },
  ],
};

function pauseOrSkip(bench: Bench, chan: AnyChan): void {
  try {
    chan.pause();
  } catch (error) {
    if (DmaError.isInstance(error) && error.code === "ERR_DMA_CAPABILITY") {
      bench.skip("can't be paused");
    }
    throw error;
  }
}
