import { DMA_CTRL_ACK, DMA_PREP_INTERRUPT, DmaTransResult } from "@dmaengine/core";
import type { Job, Trial } from "../job.js";
import { prepare, prepareFaulty } from "../jobs.js";
import { plainTrials } from "../trials.js";
import type { Section } from "./section.js";

export const callbacks: Section = {
  title: "callbacks",
  cases: [
    {
      title: "run once each, in the order of submission, when the data is in place",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          const trials = plainTrials(device, exercise, 8, 3000).map(interrupting);
          const jobs = prepare(bench, chan, exercise, trials);
          const ran: Job[] = [];
          for (const job of jobs) {
            job.tx!.callback = (result) => {
              ran.push(job);
              bench.equal(`${job}: result`, result, DmaTransResult.NOERROR);
              bench.note(job.finish("done"));
            };
          }
          const cookies = jobs.map((job) => job.submit());
          chan.issuePending();
          await bench.time.until(() => ran.length >= jobs.length);
          await bench.settle(chan, cookies.at(-1)!);
          await bench.time.letSomePass();
          bench.equal(`${chan.name}: order of callbacks`, indices(ran, jobs), indices(jobs, jobs));
        }
      },
    },
    {
      title: "never run within prep, submit or issuePending",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          let within = "";
          let ran = 0;
          for (let round = 0; round < 4; round++) {
            within = "prep";
            const jobs = prepare(bench, chan, exercise, plainTrials(device, exercise, 4).map(interrupting));
            within = "submit";
            for (const job of jobs) {
              job.tx!.callback = () => {
                ran += 1;
                if (within !== "") bench.problem(`${job}: its callback ran within ${within}`);
              };
            }
            const cookies = jobs.map((job) => job.submit());
            within = "issuePending";
            chan.issuePending();
            within = "";
            ran = 0;
            await bench.settle(chan, cookies.at(-1)!);
            await bench.time.until(() => ran >= jobs.length);
            for (const job of jobs) bench.note(job.finish("done"));
          }
        }
      },
    },
    {
      title: "may submit new work, again and again",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          const rounds = bench.long ? 2000 : 3 * Math.min(device.ringSize, 30);
          const trials = plainTrials(device, exercise, 1, 64).map(interrupting);
          let completed = 0;
          let stuck = false;
          const next = (): void => {
            const [job] = prepare(bench, chan, exercise, trials);
            if (job === undefined) {
              stuck = true;
              return;
            }
            job.tx!.callback = () => {
              bench.note(job.finish("done"));
              completed += 1;
              if (completed < rounds) next();
            };
            job.submit();
            chan.issuePending();
          };
          next();
          await bench.time.until(() => completed >= rounds || stuck);
          bench.equal(`${chan.name}: transactions submitted from callbacks`, completed, rounds);
        }
      },
    },
    {
      title: "and `done` tell of each transaction what became of it",
      checker: false,
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          const trials = plainTrials(device, exercise, 1);
          for (const faulty of [false, true, false]) {
            const [job] = faulty
              ? prepareFaulty(bench, chan, exercise, trials, 0)
              : prepare(bench, chan, exercise, trials);
            if (job === undefined) return;
            let told: DmaTransResult | undefined;
            job.tx!.callback = (result) => {
              told = result;
            };
            const resolved = job.tx!.done.then(
              () => true,
              () => false,
            );
            const cookie = job.submit();
            await bench.settle(chan, cookie);
            await bench.time.until(() => told !== undefined);
            bench.note(job.finish(faulty ? "undefined" : "done"));
            bench.equal(`${job}: the callback tells of success`, told === DmaTransResult.NOERROR, !faulty);
            bench.equal(`${job}: "done" resolves`, await resolved, !faulty);
          }
        }
      },
    },
  ],
};

function interrupting(trial: Trial): Trial {
  return { ...trial, flags: DMA_CTRL_ACK | DMA_PREP_INTERRUPT };
}

function indices(some: readonly Job[], all: readonly Job[]): string {
  return some.map((job) => all.indexOf(job)).join(" ");
}
