import os from "node:os";
import { Contestant, WORK, type Work } from "./contestant.js";

/** Twice as many as workers are given at a time, twice for the two halves of a recovery. */
const RING_SIZE = 512;
const DISKS = [4, 8, 16];
const BLOCK_BYTES = [4096, 65536, 1048576];
/** What passes through memory before a block comes up again, when caches are to be cold. */
const COLD_BYTES = 256 * 1024 * 1024;
/** Measurements of each contestant, in turn with those of the others, of which the median counts. */
const ROUNDS = 5;
const ROUND_MILLIS = 15;

const contestants = [
  await Contestant.open("inline", { ringSize: RING_SIZE }),
  await Contestant.open("inline, swar", { ringSize: RING_SIZE, kernels: "swar" }),
  await Contestant.open("1 worker", { ringSize: RING_SIZE, workers: 1 }),
  await Contestant.open("2 workers", { ringSize: RING_SIZE, workers: 2 }),
];

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

/** Milliseconds for one operation. */
async function millisEach(contestant: Contestant, work: Work, blockBytes: number, batches: number) {
  const start = performance.now();
  await contestant.run(work, blockBytes, batches);
  return (performance.now() - start) / contestant.operations(batches);
}

/** The speed of each contestant, in bytes of data disks per second. */
async function compare(work: Work, disks: number, blockBytes: number): Promise<number[]> {
  const batches: number[] = [];
  for (const contestant of contestants) {
    // The second run is of code that is compiled.
    await contestant.run(work, blockBytes, 1);
    const millis = (await millisEach(contestant, work, blockBytes, 1)) * contestant.operations(1);
    batches.push(Math.max(1, Math.round(ROUND_MILLIS / millis)));
  }
  const rounds = contestants.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, contestant] of contestants.entries()) {
      rounds[i]?.push(await millisEach(contestant, work, blockBytes, batches[i] as number));
    }
  }
  return rounds.map((millis) => (disks * blockBytes) / (median(millis) / 1000));
}

const load = (): string =>
  os
    .loadavg()
    .map((value) => value.toFixed(1))
    .join(" ");
console.log(
  `Node ${process.versions.node}, ${os.cpus()[0]?.model}, ${os.cpus().length} cores, load ${load()}`,
);
console.log("GB/s of data disks, and the ratio to the inline engine\n");
console.log(" ".repeat(36) + contestants.map(({ name }) => name.padEnd(16)).join(""));
for (const caches of ["hot", "cold"] as const) {
  for (const disks of DISKS) {
    for (const blockBytes of BLOCK_BYTES) {
      const stripes = caches === "hot" ? 1 : Math.ceil(COLD_BYTES / (disks * blockBytes));
      for (const contestant of contestants) contestant.prepare(stripes, disks, blockBytes);
      for (const work of WORK) {
        const speeds = await compare(work, disks, blockBytes);
        const title = `${caches}, ${disks} x ${blockBytes / 1024} KiB, ${work}`;
        const cells = speeds.map((speed) => {
          const ratio = speed / (speeds[0] as number);
          return `${(speed / 1e9).toFixed(1).padStart(6)} ${ratio.toFixed(2).padStart(6)}`;
        });
        console.log(title.padEnd(36) + cells.map((cell) => cell.padEnd(16)).join(""));
      }
      for (const contestant of contestants) contestant.release();
    }
  }
}
console.log(`\nload ${load()}`);
process.exit();
