import { DmaError, DmaStatus, DmaTransResult } from "@dmaengine/core";
import { perform, prepare } from "../jobs.js";
import { plainTrials } from "../trials.js";
import type { Section } from "./section.js";

export const departure: Section = {
  title: "departure",
  cases: [
    {
      title: "what was submitted runs to its end after its channel was released",
      async run(bench) {
        const jobs = bench.workloads().flatMap(({ device, exercise }) => {
          const chan = bench.request(device, exercise.definition.name);
          const prepared = prepare(bench, chan, exercise, plainTrials(device, exercise, 8, 4000));
          for (const job of prepared) {
            job.submit();
            job.letGo();
          }
          chan.issuePending();
          bench.release(chan);
          return prepared;
        });
        await bench.unregister(bench.time.patienceMillis);
        for (const job of jobs) bench.note(job.finish("done"));
      },
    },
    {
      title: "hot removal ends everything in flight once, and refuses what comes later",
      async run(bench) {
        const held = bench.workloads().map(({ device, exercise }) => {
          const chan = bench.request(device, exercise.definition.name);
          const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 8, 4000));
          const results: DmaTransResult[][] = jobs.map(() => []);
          jobs.forEach((job, i) => {
            job.tx!.callback = (result) => {
              results[i]!.push(result);
            };
          });
          const cookies = jobs.map((job) => job.submit());
          chan.issuePending();
          return { chan, exercise, jobs, cookies, results };
        });
        const removed = bench.remove();
        await bench.time.until(() => held.every(({ results }) => results.every((calls) => calls.length > 0)));
        await bench.time.letSomePass();
        for (const { chan, exercise, jobs, cookies, results } of held) {
          for (const [i, job] of jobs.entries()) {
            const completed = chan.txStatus(cookies[i]!) === DmaStatus.COMPLETE;
            bench.note(job.finish(completed ? "done" : "undefined"));
            const expected = completed ? DmaTransResult.NOERROR : DmaTransResult.ABORTED;
            bench.equal(`${job}: results of its callback`, results[i]!.join(), `${expected}`);
          }
          try {
            prepare(bench, chan, exercise, plainTrials(chan.device, exercise, 1));
            bench.problem(`${chan.name}: expected ERR_DMA_REMOVED from a prep after removal`);
          } catch (error) {
            if (!(DmaError.isInstance(error) && error.code === "ERR_DMA_REMOVED")) throw error;
          }
          bench.release(chan);
        }
        await removed;
      },
    },
    {
      title: "hot removal of an idle driver leaves nothing behind, and it can come back",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          await perform(bench, chan, exercise, plainTrials(device, exercise, 4), 4);
          bench.release(chan);
        }
        await bench.remove();
        await bench.register();
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          await perform(bench, chan, exercise, plainTrials(device, exercise, 4), 4);
        }
      },
    },
  ],
};
