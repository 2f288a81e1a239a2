/**
 * Who makes parity how fast: the engines of this project through the framework, Intel's library called directly, and what npm has. All in one run, in
 * turn, on the same numbers of blocks of the same sizes; the median counts. Ends with what is promised, and whether it is kept.
 *
 *   --quick   8 data disks of 64 KiB and 1 MiB, xor and P+Q only: less than a minute
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { cpu } from "@dmaengine/driver-cpu/node";
import { isal } from "@dmaengine/driver-isal";
import { AsyncIsal } from "./contestants/async-isal.js";
import { type Contestant, WORK, type Work } from "./contestants/contestant.js";
import { Framework, RING_SIZE } from "./contestants/framework.js";
import { RawIsal } from "./contestants/raw-isal.js";
import { Ronomon } from "./contestants/ronomon.js";
import { snapraid } from "./contestants/snapraid.js";
import { WasmReedSolomon } from "./contestants/wasm-reed-solomon.js";
import { frameworkNanos } from "./framework-cost.js";
import { median, type Row, ratioIn, verdicts } from "./targets.js";

const { quick } = parseArgs({ options: { quick: { type: "boolean", default: false } } }).values;

const DISKS = quick ? [8] : [4, 8, 16];
const BLOCK_BYTES = quick ? [65536, 1048576] : [4096, 65536, 1048576];
const WORKS: readonly Work[] = quick ? ["xor", "P+Q"] : WORK;
/** What passes through memory before a block comes up again, when caches are to be cold. */
const COLD_BYTES = 256 * 1024 * 1024;
/** Measurements of each contestant, in turn with those of the others, of which the median counts. */
const ROUNDS = 9;
const ROUND_MILLIS = 15;
const WARM_UP_MILLIS = 150;
/** Before each measurement, so small a part of what is measured is done without being measured. */
const SETTLING = 4;
/** The most nanoseconds that the framework may add to an operation of 4 KiB. */
const FRAMEWORK_NANOS = 300;
const TITLE_WIDTH = 28;
const CELL_WIDTH = 15;

const ringSize = RING_SIZE;
/** Those who take part, in the order of the columns. Ratios are to the first one. */
const ENTRIES: readonly [name: string, open: () => Contestant | Promise<Contestant>][] = [
  ["raw ISA-L", () => new RawIsal()],
  ["async ISA-L", () => new AsyncIsal()],
  ["isal", () => Framework.open("isal", isal({ ringSize }))],
  ["cpu", () => Framework.open("cpu", cpu({ ringSize }))],
  ["cpu x1", () => Framework.open("cpu x1", cpu({ ringSize, workers: 1 }))],
  ["cpu x2", () => Framework.open("cpu x2", cpu({ ringSize, workers: 2 }), 2)],
  ["ronomon x1", () => Ronomon.open("ronomon x1", 1)],
  // Node's thread pool has four threads; so all of them have work, and the next piece waiting.
  ["ronomon", () => Ronomon.open("ronomon", 8)],
  ["wasm RS", () => WasmReedSolomon.open()],
];

const contestants: Contestant[] = [];
const absent: string[] = [];
for (const [name, open] of ENTRIES) {
  try {
    contestants.push(await open());
  } catch (error) {
    absent.push(`${name} is not measured: ${(error as Error).message.split("\n")[0]}`);
  }
}

async function millisOf(contestant: Contestant, work: Work, operations: number): Promise<number> {
  const start = performance.now();
  await contestant.run(work, operations);
  return performance.now() - start;
}

/** Lets the compiler see everything often enough, on small blocks. */
async function warmUp(contestant: Contestant): Promise<void> {
  contestant.prepare(1, 4, 4096);
  for (const work of WORKS.filter((each) => contestant.can(each))) {
    for (let millis = 0; millis < WARM_UP_MILLIS; )
      millis += await millisOf(contestant, work, contestant.batch);
  }
  contestant.release();
}

/** The speeds of each contestant that has the operation. */
async function compare(work: Work, setBytes: number): Promise<Row["speeds"]> {
  const able = contestants.filter((contestant) => contestant.can(work));
  const operations: number[] = [];
  for (const contestant of able) {
    const { batch } = contestant;
    await contestant.run(work, batch);
    const batches = ROUND_MILLIS / (await millisOf(contestant, work, batch));
    operations.push(Math.max(1, Math.round(batches)) * batch);
  }
  const speeds = new Map(able.map(({ name }): [string, number[]] => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, contestant] of able.entries()) {
      const count = operations[i] as number;
      // Caches are its own again, and its threads awake, each on a processor of its own.
      await contestant.run(work, contestant.batch * Math.ceil(count / contestant.batch / SETTLING));
      const millis = await millisOf(contestant, work, count);
      speeds.get(contestant.name)?.push((count * setBytes * 1000) / millis);
    }
  }
  return speeds;
}

function printRow(row: Row): void {
  const { caches, disks, blockBytes, work, speeds } = row;
  const [{ name: first }] = contestants as [Contestant];
  const cells = contestants.map(({ name }) => {
    const ratio = ratioIn(row, name, first);
    if (ratio === undefined) return "";
    return `${(median(speeds.get(name) ?? []) / 1e9).toFixed(1)} ${ratio.toFixed(2).padStart(5)}`;
  });
  const title = `${caches}, ${disks} x ${blockBytes / 1024} KiB, ${work}`;
  console.log(title.padEnd(TITLE_WIDTH) + cells.map((cell) => cell.padStart(CELL_WIDTH)).join(""));
}

function load(): string {
  return os
    .loadavg()
    .map((value) => value.toFixed(1))
    .join(" ");
}

const [processor] = os.cpus();
console.log(`Node ${process.versions.node}, ${processor?.model}, ${os.cpus().length} cores, load ${load()}`);
for (const line of absent) console.log(line);
console.log("GB/s of data disks, and the ratio to the first column\n");
console.log(" ".repeat(TITLE_WIDTH) + contestants.map(({ name }) => name.padStart(CELL_WIDTH)).join(""));

for (const contestant of contestants) await warmUp(contestant);
const rows: Row[] = [];
for (const caches of ["hot", "cold"] as const) {
  for (const disks of DISKS) {
    for (const blockBytes of BLOCK_BYTES) {
      const sets = caches === "hot" ? 1 : Math.ceil(COLD_BYTES / (disks * blockBytes));
      for (const contestant of contestants) contestant.prepare(sets, disks, blockBytes);
      for (const work of WORKS) {
        const row = { caches, disks, blockBytes, work, speeds: await compare(work, disks * blockBytes) };
        rows.push(row);
        printRow(row);
      }
      for (const contestant of contestants) contestant.release();
    }
  }
}

console.log("\nTargets");
for (const line of verdicts(rows)) console.log(line);
const nanos = await frameworkNanos();
const kept = nanos <= FRAMEWORK_NANOS ? "met" : "not met";
console.log(
  `${`the framework adds <= ${FRAMEWORK_NANOS} ns to 4 KiB in a batch of 64`.padEnd(52)} ${kept}: ${nanos.toFixed(0)} ns`,
);
if (!quick) console.log(`\n${snapraid().join("\n")}`);
console.log(`\nload ${load()}`);
process.exit();
