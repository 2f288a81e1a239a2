import { DMA_CTRL_ACK, DMA_PREP_INTERRUPT, DmaStatus } from "@dmaengine/core";
import { type Bench, statusInWords } from "../bench.js";
import type { AnyChan, Job } from "../job.js";
import { abandon, perform, prepare } from "../jobs.js";
import { plainTrials } from "../trials.js";
import type { Section } from "./section.js";

export const terminate: Section = {
  title: "terminate",
  cases: [
    {
      title: "ends what was submitted and not issued",
      run: (bench) => terminateInFlight(bench, () => {}),
    },
    {
      title: "ends what was issued this very moment",
      run: (bench) => terminateInFlight(bench, (chan) => chan.issuePending()),
    },
    {
      title: "ends what has been running for a while",
      run: (bench) =>
        terminateInFlight(bench, async (chan) => {
          chan.issuePending();
          await Promise.resolve();
          await Promise.resolve();
        }),
    },
    {
      title: "is harmless on an idle channel, twice too",
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          await bench.terminate(chan);
          await perform(bench, chan, exercise, plainTrials(device, exercise, 4), 4);
          await bench.terminate(chan);
          await bench.terminate(chan);
          await perform(bench, chan, exercise, plainTrials(device, exercise, 4), 4);
        }
      },
    },
    {
      title: "leaves other channels alone",
      async run(bench: Bench) {
        const all = bench.workloads().flatMap(({ device, exercise }) =>
          bench.requestEvery(device, exercise.definition.name).map((chan) => ({
            chan,
            prepareSome: () => prepare(bench, chan, exercise, plainTrials(device, exercise, 6, 3000)),
          })),
        );
        if (all.length < 2) bench.skip("has a single channel");
        for (const [n, { chan: other, prepareSome: prepareOther }] of all.entries()) {
          // The next one of the same device or, behind its last one, of another.
          const { chan: one, prepareSome } = all[(n + 1) % all.length]!;
          const jobs = prepareSome();
          const cut = prepareOther();
          for (const job of cut) job.submit();
          const cookies = jobs.map((job) => job.submit());
          other.issuePending();
          one.issuePending();
          await bench.terminate(other);
          abandon(bench, cut);
          const status = await bench.settle(one, cookies.at(-1)!);
          bench.equal(`${one.name}: status`, status, DmaStatus.COMPLETE);
          for (const job of jobs) bench.note(job.finish("done"));
        }
      },
    },
  ],
};

/** Cuts a channel off: everything has ended then, and nothing happens to memory any more. */
async function terminateInFlight(
  bench: Bench,
  start: (chan: AnyChan) => void | Promise<void>,
): Promise<void> {
  for (const { device, exercise } of bench.workloads()) {
    const chan = bench.request(device, exercise.definition.name);
    const trials = plainTrials(device, exercise, 8, 8000).map((trial) => ({
      ...trial,
      flags: DMA_CTRL_ACK | DMA_PREP_INTERRUPT,
    }));
    const jobs = prepare(bench, chan, exercise, trials);
    const called = new Set<Job>();
    for (const job of jobs) {
      job.tx!.callback = () => {
        called.add(job);
      };
    }
    const cookies = jobs.map((job) => job.submit());
    await start(chan);
    await bench.terminate(chan);
    const statuses = cookies.map((cookie) => chan.txStatus(cookie));
    const snapshots = jobs.map((job) => job.snapshot());
    await bench.time.letSomePass();
    for (const [i, job] of jobs.entries()) {
      const completed = statuses[i] === DmaStatus.COMPLETE;
      if (!completed && statuses[i] !== DmaStatus.ERROR) {
        bench.problem(
          `${job}: expected it to have ended after terminate, got ${statusInWords(statuses[i]!)}`,
        );
      }
      if (!completed && called.has(job)) bench.problem(`${job}: was terminated, and its callback ran`);
      // A mapping that is not coherent may change on its own, while caches are filled.
      if (device.domain.coherent !== false && job.snapshot() !== snapshots[i]) {
        bench.problem(`${job}: memory changed after terminate`);
      }
      bench.note(job.finish(completed ? "done" : "undefined"));
    }
    await perform(bench, chan, exercise, plainTrials(device, exercise, 8), 4);
  }
}
