import type { DmaEngine } from "@dmaengine/core";
import { RaidArray } from "@dmaengine/raid456";
import type { FileMember } from "@dmaengine/raid456/node";
import type { Memory } from "./memory.js";
import type { PlainIo } from "./plain-io.js";

/** Members of the arrays that are measured: RAID-6, so two of them hold parity. */
export const MEMBERS = 6;
export const DATA_MEMBERS = MEMBERS - 2;

/** The client's requests in sequential work, and how many of them it keeps in flight. */
const REQUEST_BYTES = 8 * 1024 * 1024;
const REQUESTS_IN_FLIGHT = 4;

/** What work is done on: an array's members, and plain reads and writes of the same files. */
export interface Rig {
  readonly devices: readonly FileMember[];
  readonly memberBytes: number;
  readonly chunkBytes: number;
  readonly plain: PlainIo;
  /** Writes in a round of small random ones. */
  readonly smallWrites: number;
  /** Rounds before those that count. */
  readonly warmUps: number;
}

/** How an array is opened. */
export interface ArrayState {
  /** Slots without a member. */
  readonly missing?: readonly number[];
  /** How much of the members has parity that is right, in bytes. */
  readonly resyncedBytes?: number;
}

/** Opens an array on the members of a rig. Nobody keeps metadata. */
export function openArray(
  { devices, memberBytes, chunkBytes }: Rig,
  engine: DmaEngine | null,
  { missing = [], resyncedBytes = memberBytes }: ArrayState = {},
): RaidArray {
  return new RaidArray({
    level: 6,
    raidDisks: MEMBERS,
    chunkBytes,
    memberBytes,
    resyncedBytes,
    members: devices.map((device, slot) => (missing.includes(slot) ? null : { device, dataOffsetBytes: 0 })),
    ...(engine === null ? {} : { engine }),
  });
}

/** Writes an array from its beginning to its end, with bytes of the memory's source that recur. */
export async function writeAll(array: RaidArray, { source }: Memory): Promise<void> {
  await sequentially(array, (offset) => array.write(offset, requestMemory(source, offset)));
}

/** Reads an array from its beginning to its end. */
export async function readAll(array: RaidArray, { into }: Memory): Promise<void> {
  await sequentially(array, (offset) => array.read(offset, requestMemory(into, offset)));
}

/** Tasks `0 … count - 1`, so many of them in flight. */
export async function inFlight(
  count: number,
  limit: number,
  task: (i: number, lane: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (_: unknown, number: number): Promise<void> => {
    while (next < count) await task(next++, number);
  };
  await Promise.all(Array.from({ length: limit }, lane));
}

async function sequentially(
  { geometry }: RaidArray,
  request: (offset: number) => Promise<void>,
): Promise<void> {
  await inFlight(geometry.arrayBytes / REQUEST_BYTES, REQUESTS_IN_FLIGHT, (i) => request(i * REQUEST_BYTES));
}

function requestMemory(memory: Uint8Array, offset: number): Uint8Array {
  const at = offset % memory.length;
  return memory.subarray(at, at + REQUEST_BYTES);
}
