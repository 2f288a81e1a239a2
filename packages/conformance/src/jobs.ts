import { type DmaAddr, type DmaCookie, DmaStatus } from "@dmaengine/core";
import { type Bench, statusInWords } from "./bench.js";
import type { Exercise } from "./exercises/exercise.js";
import { type AnyChan, Job, type Trial } from "./job.js";

/**
 * Prepares transactions behind those in `before`, as many as there is room for. No room for even the first is a problem.
 */
export function prepare(
  bench: Bench,
  chan: AnyChan,
  exercise: Exercise,
  trials: Iterable<Trial>,
  before: readonly Job[] = [],
): Job[] {
  return prepareEach(bench, before, trials, (trial) => new Job(chan, exercise, trial, bench.random));
}

/** The same with transactions that must fail, because the device can't reach operand `operand`. Only without the checker. */
export function prepareFaulty(
  bench: Bench,
  chan: AnyChan,
  exercise: Exercise,
  trials: Iterable<Trial>,
  operand: number,
  before: readonly Job[] = [],
): Job[] {
  return prepareEach(bench, before, trials, (trial) => {
    const faulty = bench.faultyAddr(chan.device, trial.lengthBytes);
    const substitute = (i: number, addr: DmaAddr): DmaAddr => (i === operand ? faulty : addr);
    return new Job(chan, exercise, trial, bench.random, substitute);
  });
}

function prepareEach(
  bench: Bench,
  before: readonly Job[],
  trials: Iterable<Trial>,
  make: (trial: Trial) => Job,
): Job[] {
  const jobs = [...before];
  for (const trial of trials) {
    const job = make(trial);
    if (job.tx !== null) {
      jobs.push(job);
      continue;
    }
    bench.note(job.finish("undefined"));
    if (jobs.length === 0) bench.problem(`${job}: prep returned null although nothing is in flight`);
    break;
  }
  return jobs;
}

/** How many transactions like these there is room for on an idle channel. */
export async function roomFor(
  bench: Bench,
  chan: AnyChan,
  exercise: Exercise,
  trials: readonly Trial[],
): Promise<number> {
  const jobs = prepare(bench, chan, exercise, trials);
  await bench.terminate(chan);
  abandon(bench, jobs);
  return jobs.length;
}

/** Takes the memory of transactions back that were terminated or never submitted. */
export function abandon(bench: Bench, jobs: readonly Job[]): void {
  for (const job of jobs) bench.note(job.finish("undefined"));
}

/** Submits transactions in this order, waits for them, and notes whatever is wrong with them. */
export async function carryOut(bench: Bench, chan: AnyChan, jobs: readonly Job[]): Promise<void> {
  const cookies = jobs.map((job) => job.submit());
  const last = cookies.at(-1);
  if (last !== undefined) await bench.settle(chan, last);
  jobs.forEach((job, i) => {
    const status = chan.txStatus(cookies[i] as DmaCookie);
    bench.note(job.finish(status === DmaStatus.COMPLETE ? "done" : "undefined"));
    if (status !== DmaStatus.COMPLETE) bench.problem(`${job}: ended with ${statusInWords(status)}`);
  });
}

/** Carries any number of transactions out, up to `depth` at a time. */
export async function perform(
  bench: Bench,
  chan: AnyChan,
  exercise: Exercise,
  trials: readonly Trial[],
  depth: number,
): Promise<void> {
  let next = 0;
  while (next < trials.length) {
    const jobs = prepare(bench, chan, exercise, trials.slice(next, next + depth));
    if (jobs.length === 0) return;
    await carryOut(bench, chan, jobs);
    next += jobs.length;
  }
}

/** Submits transactions that must fail, each of them, and waits. */
export async function expectFailure(bench: Bench, chan: AnyChan, jobs: readonly Job[]): Promise<void> {
  const cookies = jobs.map((job) => job.submit());
  for (const [i, job] of jobs.entries()) {
    const status = await bench.settle(chan, cookies[i] as DmaCookie);
    bench.note(job.finish("undefined"));
    if (status !== DmaStatus.ERROR) {
      bench.problem(`${job}: the device can't reach its memory, and it ended with ${statusInWords(status)}`);
    }
  }
}
