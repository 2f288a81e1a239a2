/**
 * How fast arrays are, compared with what their members can do: RAID-6 on six files in memory and on disk, in the same run with Node's own parallel
 * reads and writes of the same files, and with SnapRAID where it is installed. Requests are in memory that the engine reaches directly
 * (`device.alloc`), and what plain reads and writes use is as long. On a disk, members are open for direct I/O; Node's own calls go through the page cache.
 * All take turns; medians count, and ratios are made round by round, as the machine is not equally fast all the time.
 *
 *   --quick           in memory only, less data and fewer rounds: less than a minute
 *   --json            the results as JSON
 *   --memory FOLDER   on a file system in memory; default /dev/shm
 *   --disk FOLDER     on a disk; default the system's folder for temporary files
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { type DmaDriver, DmaEngine } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu/node";
import { isal } from "@dmaengine/driver-isal";
import { FileMember } from "@dmaengine/raid456/node";
import { ArrayContestant, PlainContestant } from "./array/contestants.js";
import { Files } from "./array/files.js";
import { useHugePages } from "./array/huge-pages.js";
import { type Memory, makeMemory, memoryOf } from "./array/memory.js";
import { PlainIo } from "./array/plain-io.js";
import { asData, PLAIN, type Result, SNAPRAID, tableOf } from "./array/report.js";
import { MEMBERS, openArray, type Rig } from "./array/rig.js";
import { Snapraid } from "./array/snapraid.js";
import { type Contestant, takeTurns } from "./array/turns.js";
import { WORKS, type Work } from "./array/works.js";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    memory: { type: "string", default: "/dev/shm" },
    disk: { type: "string", default: os.tmpdir() },
  },
});
const { quick } = options;

const MIB = 1024 * 1024;
const CHUNK_KIB = [64, 512];
/** The bytes of each member in MiB: four members hold data, so 256 are 1 GiB of it. */
const PLACES = quick
  ? [{ place: "memory", parent: options.memory, memberMib: 64, smallWrites: 2000, warmUps: 4, rounds: 3 }]
  : [
      { place: "memory", parent: options.memory, memberMib: 256, smallWrites: 8000, warmUps: 6, rounds: 7 },
      { place: "disk", parent: options.disk, memberMib: 128, smallWrites: 1000, warmUps: 1, rounds: 3 },
    ];
/** Memory of requests, each way: what is in flight at a time. */
const MEMORY_BYTES = 32 * MIB;
/** Transfers of plain reads and writes, of which the fastest length is taken. */
const TRANSFER_BYTES = [MIB / 8, MIB / 4, MIB / 2, MIB, 2 * MIB];

/** Who does an array's arithmetic: within a call, or on a thread. */
const ENGINES: readonly [name: string, driver: () => DmaDriver][] = [
  ["cpu", () => cpu()],
  ["cpu x1", () => cpu({ workers: 1 })],
  ["isal", () => isal({ threads: 0 })],
  ["isal x1", () => isal()],
];

// Files are removed, and settings put back, at exit.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1));

const notes: string[] = [];
if (!quick) notes.push(useHugePages());
const memory = makeMemory(MEMORY_BYTES);
const engines = new Map<string, { readonly engine: DmaEngine; readonly memory: Memory }>();
for (const [name, driver] of ENGINES) {
  const engine = new DmaEngine();
  try {
    await engine.register(driver());
    engines.set(name, { engine, memory: memoryOf(engine, memory) });
  } catch (error) {
    notes.push(`${name} is not measured: ${(error as Error).message.split("\n")[0]}`);
  }
}

const results: Result[] = [];
for (const { place, parent, memberMib, smallWrites, warmUps, rounds } of PLACES) {
  const memberBytes = memberMib * MIB;
  const members = new Files(parent, MEMBERS, memberBytes);
  const fromDisk = (): void => {
    if (place === "disk") members.dropFromCache();
  };
  const plain = await PlainIo.open(members.paths, memory);
  await plain.calibrate(TRANSFER_BYTES, memberBytes / 4);
  const { read, write } = plain.transferBytes;
  notes.push(`${place}: plain reads of ${read / 1024} KiB and writes of ${write / 1024} KiB are the fastest`);
  const snapraid = await openSnapraid(members.folder, memberBytes);
  const devices = await Promise.all(
    members.paths.map((path) => FileMember.open(path, { writable: true, direct: place === "disk" })),
  );
  for (const chunkKib of CHUNK_KIB) {
    // Its blocks are its own, and a command of it takes seconds to start and end.
    const peer = quick && chunkKib !== CHUNK_KIB[0] ? null : snapraid;
    const rig: Rig = { devices, memberBytes, chunkBytes: chunkKib * 1024, plain, smallWrites, warmUps };
    for (const work of WORKS) {
      const millis = await takeTurns(contestantsIn(work, rig, peer), rounds, fromDisk);
      results.push({ place, chunkKib, work, bytes: work.bytes(rig), millis });
      console.error(`${place}, chunks of ${chunkKib} KiB, ${work.title}: done`);
    }
    const { mismatchSectors } = await openArray(rig, null).check();
    if (mismatchSectors > 0) throw new Error(`parity is wrong in ${mismatchSectors} sectors of each member`);
  }
  await plain.close();
  await Promise.all(devices.map((device) => device.close()));
  members.remove();
}

const processor = `Node ${process.versions.node}, ${os.cpus()[0]?.model}, ${os.cpus().length} cores`;
const load = os.loadavg().map((value) => Number(value.toFixed(1)));
if (options.json) {
  console.log(JSON.stringify({ processor, load, notes, results: results.map(asData) }, null, 2));
} else {
  console.log(`${processor}, load ${load.join(" ")}`);
  for (const note of notes) console.log(note);
  console.log(
    "MB/s of the array's data, and the ratio to plain reads and writes; of snapraid, the whole command\n",
  );
  console.log(tableOf(results));
}
process.exit();

async function openSnapraid(folder: string, diskBytes: number): Promise<Snapraid | null> {
  try {
    return await Snapraid.open(folder, memory.source, diskBytes);
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    notes.push(`snapraid is not measured: ${reason}; its package is called snapraid too`);
    return null;
  }
}

/** Those who take part. Ratios are to the first one. */
function contestantsIn(work: Work, rig: Rig, snapraid: Snapraid | null): Contestant[] {
  const contestants: Contestant[] = [new PlainContestant(PLAIN, rig, work)];
  for (const [name, { engine, memory }] of engines) {
    contestants.push(new ArrayContestant(name, rig, work, engine, memory));
  }
  const { snapraid: command } = work;
  if (snapraid !== null && command !== undefined) {
    contestants.push({ name: SNAPRAID, warmUps: 0, round: () => snapraid[command](), close() {} });
  }
  return contestants;
}
