import { DMA_CTRL_ACK, DMA_PREP_FENCE, DmaStatus, DmaTransResult } from "@dmaengine/core";
import type { Bench } from "../bench.js";
import type { Job } from "../job.js";
import { expectFailure, perform, prepare, prepareFaulty, roomFor } from "../jobs.js";
import { plainTrials } from "../trials.js";
import type { Case, Section } from "./section.js";

const BURST = 16;
/** First, middle, next to last and last find different bugs (DPDK's test_dmadev). */
const POSITIONS: readonly { title: string; isFaulty(position: number, burst: number): boolean }[] = [
  { title: "the first", isFaulty: (position) => position === 0 },
  { title: "the middle one", isFaulty: (position, burst) => position === (burst - 1) >> 1 },
  { title: "the next to last", isFaulty: (position, burst) => position === burst - 2 },
  { title: "the last", isFaulty: (position, burst) => position === burst - 1 },
  { title: "two neighbours", isFaulty: (position, burst) => position >> 1 === burst >> 2 },
  { title: "every other one", isFaulty: (position) => position % 2 === 1 },
  { title: "every one", isFaulty: () => true },
];

export const failure: Section = {
  title: "failure",
  cases: [
    ...POSITIONS.flatMap(({ title, isFaulty }) =>
      [false, true].map(
        (fenced): Case => ({
          title: `${title} of a burst of ${BURST} fails${fenced ? ", fenced" : ""}`,
          checker: false,
          run: (bench) => breakBurst(bench, isFaulty, fenced ? DMA_PREP_FENCE : 0),
        }),
      ),
    ),
    {
      title: "each operand out of reach makes a transaction fail",
      checker: false,
      run: (bench) =>
        bench.onEveryOperation(async (device, chan, exercise) => {
          const trials = plainTrials(device, exercise, 1);
          const { operands } = trials[0]!.shape;
          for (let operand = 0; operand < operands; operand++) {
            await expectFailure(bench, chan, prepareFaulty(bench, chan, exercise, trials, operand));
          }
        }),
    },
    {
      title: "a failure shrinks no room",
      checker: false,
      async run(bench) {
        for (const { device, exercise } of bench.workloads()) {
          const chan = bench.request(device, exercise.definition.name);
          const rounds = device.ringSize + 1;
          for (let round = 0; round < Math.min(rounds, 300); round++) {
            await expectFailure(
              bench,
              chan,
              prepareFaulty(bench, chan, exercise, plainTrials(device, exercise, 1, 16), 0),
            );
          }
          await perform(bench, chan, exercise, plainTrials(device, exercise, rounds, 16), rounds);
        }
      },
    },
  ],
};

/** A burst in which some transactions fail: nothing is lost, nothing is told wrong, and the channel goes on. */
async function breakBurst(
  bench: Bench,
  isFaulty: (position: number, burst: number) => boolean,
  flags: number,
): Promise<void> {
  for (const { device, exercise } of bench.workloads()) {
    const chan = bench.request(device, exercise.definition.name);
    const trials = plainTrials(device, exercise, 1).map((trial) => ({
      ...trial,
      flags: DMA_CTRL_ACK | flags,
    }));
    const burst = await roomFor(bench, chan, exercise, plainTrials(device, exercise, BURST));
    if (burst < 2) bench.skip(`has room for ${burst} transaction, which is no burst`);
    const positions = Array.from({ length: burst }, (_, i) => i);
    const faulty = positions.filter((position) => isFaulty(position, burst));
    let jobs: Job[] = [];
    for (const position of positions) {
      jobs = faulty.includes(position)
        ? prepareFaulty(bench, chan, exercise, trials, 0, jobs)
        : prepare(bench, chan, exercise, trials, jobs);
    }
    const results: (DmaTransResult | undefined)[] = jobs.map(() => undefined);
    jobs.forEach((job, i) => {
      job.tx!.callback = (result) => {
        if (results[i] !== undefined) bench.problem(`${job}: its callback ran twice`);
        results[i] = result;
      };
    });
    const cookies = jobs.map((job) => job.submit());
    const first = Math.min(...faulty);
    for (const [i, job] of jobs.entries()) {
      const status = await bench.settle(chan, cookies[i]!);
      const completed = status === DmaStatus.COMPLETE;
      bench.note(job.finish(completed ? "done" : "undefined"));
      if (faulty.includes(i) && completed) {
        bench.problem(`${job}: number ${i} of the burst can't reach its memory, and it ended as complete`);
      }
      if (i < first && !completed) {
        bench.problem(
          `${job}: number ${i} of the burst failed, where the first that must fail was number ${first}`,
        );
      }
    }
    await bench.time.until(() => results.every((result) => result !== undefined));
    for (const [i, result] of results.entries()) tellsTheTruth(bench, jobs[i]!, i, result, faulty);
    await perform(bench, chan, exercise, plainTrials(device, exercise, BURST), BURST);
  }
}

/** Behind the first failure an engine may go on, or abort the rest; in front of it, it may not. */
function tellsTheTruth(
  bench: Bench,
  job: Job,
  position: number,
  result: DmaTransResult | undefined,
  faulty: readonly number[],
): void {
  const first = Math.min(...faulty);
  const failed: (DmaTransResult | undefined)[] = [DmaTransResult.READ_FAILED, DmaTransResult.WRITE_FAILED];
  const allowed: (DmaTransResult | undefined)[] = faulty.includes(position)
    ? failed
    : [DmaTransResult.NOERROR];
  if (position > first) allowed.push(DmaTransResult.ABORTED);
  if (allowed.includes(result)) return;
  bench.problem(
    `${job}: expected the result ${allowed.join(" or ")} at position ${position}, got ${result ?? "no callback"}`,
  );
}
