import type { DmaDevice } from "@dmaengine/core";
import type { Bench } from "../bench.js";
import type { Exercise } from "../exercises/exercise.js";
import type { AnyChan, Job } from "../job.js";
import { abandon, carryOut, prepare } from "../jobs.js";
import { roomyTrial } from "../trials.js";
import type { Section } from "./section.js";

export const ring: Section = {
  title: "a full ring",
  cases: [
    {
      title: "prep answers null when there is no room, and what was prepared before is carried out",
      run: (bench) =>
        bench.onEveryOperation(async (device, chan, exercise) => {
          const jobs = fill(bench, device, chan, exercise);
          await carryOut(bench, chan, jobs);
        }),
    },
    {
      title: "room comes back as transactions complete",
      run: (bench) =>
        roomComesBack(bench, async (chan, jobs) => {
          await carryOut(bench, chan, jobs.toReversed());
        }),
    },
    {
      title: "room comes back when prepared transactions are terminated",
      run: (bench) =>
        roomComesBack(bench, async (chan, jobs) => {
          await bench.terminate(chan);
          abandon(bench, jobs);
        }),
    },
    {
      title: "room comes back when submitted transactions are terminated",
      run: (bench) =>
        roomComesBack(bench, async (chan, jobs) => {
          for (const job of jobs) job.submit();
          chan.issuePending();
          await bench.terminate(chan);
          abandon(bench, jobs);
        }),
    },
    {
      title: "the ring goes round and round",
      async run(bench) {
        for (const { device, chan } of everyOperation(bench)) {
          const count = bench.long ? 200_000 : Math.min(3 * device.ringSize + 1, 1500);
          for (let done = 0; done < count; ) {
            const jobs = prepareMixed(bench, device, chan, 7);
            if (jobs.length === 0) break;
            await carryOut(bench, chan, jobs);
            done += jobs.length;
          }
        }
      },
    },
  ],
};

/** How much less room a ring may have than the first time: engines may keep an entry of their own between transactions, now and then. */
const SPARE_TRANSACTIONS = 1;

/** Fills the ring and empties it in some way, again and again: there must be as much room every time. */
async function roomComesBack(
  bench: Bench,
  empty: (chan: AnyChan, jobs: readonly Job[]) => Promise<void>,
): Promise<void> {
  for (const { device, chan } of everyOperation(bench)) {
    const rooms: number[] = [];
    for (let round = 0; round < 4; round++) {
      const jobs = prepareMixed(bench, device, chan, device.ringSize);
      rooms.push(jobs.length);
      await empty(chan, jobs);
    }
    if (rooms.every((room) => room >= rooms[0]! - SPARE_TRANSACTIONS)) continue;
    bench.problem(
      `${chan.name}: room for ${rooms.join(", then ")} transactions; expected as much every time`,
    );
  }
}

/** A channel of each device with all its operations. */
function everyOperation(bench: Bench): { device: DmaDevice; chan: AnyChan }[] {
  return bench.devices.map((device) => {
    const operations = bench.exercisesOf(device).map(({ definition }) => definition.name);
    return { device, chan: bench.request(device, ...operations) };
  });
}

/** Prepares one transaction of each operation in turn, as long as there is room and up to `most`. */
function prepareMixed(bench: Bench, device: DmaDevice, chan: AnyChan, most: number): Job[] {
  const exercises = bench.exercisesOf(device);
  let jobs: Job[] = [];
  while (jobs.length < most) {
    const exercise = exercises[jobs.length % exercises.length]!;
    const longer = prepare(bench, chan, exercise, [roomyTrial(device, exercise)], jobs);
    if (longer.length === jobs.length) break;
    jobs = longer;
  }
  return jobs;
}

/** Prepares transactions until prep answers null. */
function fill(bench: Bench, device: DmaDevice, chan: AnyChan, exercise: Exercise): Job[] {
  const limit = device.ringSize;
  const trials = Array.from({ length: limit + 1 }, () => roomyTrial(device, exercise));
  const jobs = prepare(bench, chan, exercise, trials);
  if (jobs.length > limit) {
    bench.problem(`${chan.name}: expected null after at most ${limit} transactions, got ${jobs.length}`);
  }
  return jobs;
}
