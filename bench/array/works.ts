import type { RaidArray } from "@dmaengine/raid456";
import type { FileMember } from "@dmaengine/raid456/node";
import type { Memory } from "./memory.js";
import type { Stream } from "./plain-io.js";
import { type ArrayState, DATA_MEMBERS, inFlight, MEMBERS, type Rig, readAll, writeAll } from "./rig.js";

/** Slots without a member where two are missing, and the one that is rebuilt. */
const MISSING = [1, 3];
const REBUILT = 1;
const PAGE_BYTES = 4096;
/** Small writes in flight. */
const DEPTH = 32;
/** Members that a small write reads, and writes then: its data, P and Q; or all other data, and then those three. */
const MEMBERS_OF_SMALL_WRITE = 3;

/** Something that an array is measured at, and the plain reads and writes that the same takes without one. */
export interface Work {
  readonly title: string;
  readonly plainTitle: string;
  /** The command of SnapRAID that does the same, or something like it. */
  readonly snapraid?: "sync" | "fix";
  /** How fast the array is to be, at least: so many times as fast as the plain reads and writes, or as SnapRAID. */
  readonly target?: { readonly times: number; readonly as: "plain" | "snapraid" };
  /** How the array is opened. Default: all members are there, and parity is right. */
  readonly state?: ArrayState;
  /** Whether it has to be opened anew for each round. Otherwise its memory is warm, as that of any array that is in use. */
  readonly reopened?: true;
  /** Bytes of the array that one round reads, writes, or makes parity of. */
  bytes(rig: Rig): number;
  /** What has to be done before each round, and is not counted. */
  ready?(array: RaidArray, rig: Rig): Promise<void>;
  /** One round of the array. What it has written is durable then, as what plain writes have. */
  array(array: RaidArray, rig: Rig, memory: Memory): Promise<void>;
  /** One round of plain reads and writes, on the same files. Of what it leaves there, the array's next round needs nothing. */
  plain(rig: Rig): Promise<void>;
  /** Throws if what a round left in memory is wrong. */
  check?(memory: Memory): void;
}

const ALL = Array.from({ length: MEMBERS }, (_, slot) => slot);
const dataBytes = ({ memberBytes }: Rig): number => DATA_MEMBERS * memberBytes;

export const WORKS: readonly Work[] = [
  {
    title: "sequential full-stripe write",
    plainTitle: "write data + parity",
    target: { times: 0.7, as: "plain" },
    bytes: dataBytes,
    async array(array, _, memory) {
      await writeAll(array, memory);
      await array.flush();
    },
    plain: ({ plain, memberBytes }) => plain.run(ALL.map((file) => whole("write", file, memberBytes))),
  },
  {
    title: "sequential read",
    plainTitle: "read as much data",
    target: { times: 0.85, as: "plain" },
    bytes: dataBytes,
    array: (array, _, memory) => readAll(array, memory),
    plain(rig) {
      const share = Math.floor(dataBytes(rig) / MEMBERS / PAGE_BYTES) * PAGE_BYTES;
      return rig.plain.run(ALL.map((file) => whole("read", file, share)));
    },
    check: checkRead,
  },
  {
    title: "degraded read, two missing",
    plainTitle: "read the 4 others",
    target: { times: 0.6, as: "plain" },
    state: { missing: MISSING },
    bytes: dataBytes,
    array: (array, _, memory) => readAll(array, memory),
    plain({ plain, memberBytes }) {
      const others = ALL.filter((file) => !MISSING.includes(file));
      return plain.run(others.map((file) => whole("read", file, memberBytes)));
    },
    check: checkRead,
  },
  {
    title: "rebuild of one member",
    plainTitle: "read 5, write 1",
    snapraid: "fix",
    target: { times: 0.7, as: "plain" },
    bytes: dataBytes,
    async ready(array, { devices }) {
      await array.fail(REBUILT);
      array.add(REBUILT, { device: devices[REBUILT] as FileMember, dataOffsetBytes: 0 });
    },
    async array(array) {
      await array.rebuild();
      await array.flush();
    },
    plain: ({ plain, memberBytes }) =>
      plain.run(ALL.map((file) => whole(file === REBUILT ? "write" : "read", file, memberBytes))),
  },
  {
    title: "4 KiB random write",
    plainTitle: "3 reads, 3 writes each",
    target: { times: 0.5, as: "plain" },
    bytes: ({ smallWrites }) => smallWrites * PAGE_BYTES,
    async array(array, { smallWrites }, { source }) {
      const pages = randomPages(smallWrites, array.geometry.arrayBytes / PAGE_BYTES);
      await inFlight(smallWrites, DEPTH, (i, lane) => {
        const from = source.subarray(lane * PAGE_BYTES, (lane + 1) * PAGE_BYTES);
        return array.write((pages[i] as number) * PAGE_BYTES, from);
      });
      await array.flush();
    },
    async plain({ plain, memberBytes, smallWrites }) {
      const pages = randomPages(smallWrites, memberBytes / PAGE_BYTES);
      await inFlight(smallWrites, DEPTH, (i, lane) => {
        const files = Array.from({ length: MEMBERS_OF_SMALL_WRITE }, (_, k) => (i + k) % MEMBERS);
        return plain.readThenWrite(files, (pages[i] as number) * PAGE_BYTES, lane, PAGE_BYTES);
      });
      await plain.flush();
    },
  },
  {
    title: "building parity (resync)",
    plainTitle: "read data, write parity",
    snapraid: "sync",
    target: { times: 1, as: "snapraid" },
    state: { resyncedBytes: 0 },
    reopened: true,
    bytes: dataBytes,
    async array(array) {
      await array.resync();
      await array.flush();
    },
    plain: ({ plain, memberBytes }) =>
      plain.run(ALL.map((file) => whole(file < DATA_MEMBERS ? "read" : "write", file, memberBytes))),
  },
];

function whole(kind: Stream["kind"], file: number, lengthBytes: number): Stream {
  return { kind, file, lengthBytes };
}

/** What is read at one place of memory was written from the same place. */
function checkRead({ source, into }: Memory): void {
  if (Buffer.compare(source, into) !== 0) throw new Error("the array reads other bytes than were written");
  into.fill(0);
}

/** Numbers below `limit`, the same ones each time. */
function randomPages(count: number, limit: number): number[] {
  let state = 1;
  return Array.from({ length: count }, () => {
    // Numerical Recipes' generator: its upper bits are good enough to scatter requests.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  });
}
