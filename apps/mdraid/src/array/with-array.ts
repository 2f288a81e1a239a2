import type { DmaEngine } from "@dmaengine/core";
import { type AssembledArray, assemble, OpenArray } from "@dmaengine/md";
import type { MemberDevice, MemberError } from "@dmaengine/raid456";
import { CommandError } from "../errors.js";
import { type Io, say } from "../io.js";
import { describeWork } from "../report/work-table.js";
import { openEngines } from "./engines.js";
import { closeMembers, openForLooking, openForWriting } from "./open-members.js";

/** How members are made into an array. */
export interface AssemblyOptions {
  /** Which array is meant, where the members belong to several. */
  readonly uuid?: string;
  /** Take stale members, and parity that is in doubt, where it would not do otherwise. */
  readonly assembleForce?: boolean;
}

/** Who makes parity, and what is told about it. */
export interface EngineOptions {
  /** Names of plugins, separated by commas, or "none". */
  readonly engine: string;
  readonly explain?: boolean;
  readonly stats?: boolean;
}

/** Assembles the array of these members to look at it. Nothing is written, not even a time stamp. */
export async function withAssembled<T>(
  io: Io,
  paths: readonly string[],
  options: AssemblyOptions,
  task: (assembled: AssembledArray, unopened: readonly MemberError[]) => Promise<T>,
): Promise<T> {
  const { members, failures } = await openForLooking(paths);
  try {
    for (const { message } of failures) say(io, `left out: ${message}`);
    if (members.length === 0) throw new CommandError("ERR_MDRAID_REFUSED", "no member can be opened");
    return await task(await assembleAndSay(io, members, options), failures);
  } finally {
    await closeMembers(members);
  }
}

/** Opens the array of these members to read it. Nothing is written, not even a time stamp. */
export function withReadableArray<T>(
  io: Io,
  paths: readonly string[],
  options: AssemblyOptions & EngineOptions,
  task: (array: OpenArray) => Promise<T>,
): Promise<T> {
  return withEngine(io, options, (engine) =>
    withAssembled(io, paths, options, (assembled) =>
      withOpenArray(io, assembled, { ...options, engine, readOnly: true }, task),
    ),
  );
}

/** Opens the array of these members to change it, and stops it cleanly however the task ends. */
export function withWritableArray<T>(
  io: Io,
  paths: readonly string[],
  options: AssemblyOptions & EngineOptions,
  task: (array: OpenArray, assembled: AssembledArray) => Promise<T>,
): Promise<T> {
  return withEngine(io, options, async (engine) => {
    const members = await openForWriting(paths);
    try {
      const assembled = await assembleAndSay(io, members, options);
      return await withOpenArray(io, assembled, { ...options, engine, readOnly: false }, (array) =>
        task(array, assembled),
      );
    } finally {
      await closeMembers(members);
    }
  });
}

/** Lets the plugins that the options name take part in a task, and prints what they did if that is asked for. */
export async function withEngine<T>(
  io: Io,
  { engine: names, stats }: Pick<EngineOptions, "engine" | "stats">,
  task: (engine: DmaEngine | null) => Promise<T>,
): Promise<T> {
  const { engine, close } = await openEngines(names);
  return await thenClose(
    () => task(engine),
    async () => {
      if (stats)
        io.stderr.write(`${engine === null ? "no engine took part" : describeWork(engine.stats())}\n`);
      await close();
    },
  );
}

/** Takes an assembled array into use, says how if that is asked for, and stops it cleanly however the task ends. */
export async function withOpenArray<T>(
  io: Io,
  assembled: AssembledArray,
  { readOnly, engine, explain }: { readOnly: boolean; engine: DmaEngine | null; explain?: boolean },
  task: (array: OpenArray) => Promise<T>,
): Promise<T> {
  const array = new OpenArray(assembled, {
    readOnly,
    engine,
    onMemberLost: (slot, device) =>
      say(io, `${device?.name} in slot ${slot} failed; the array goes on without it`),
  });
  if (explain) io.stderr.write(`${array.explain().join("\n")}\n`);
  return await thenClose(
    () => task(array),
    () => array.close(),
  );
}

/** Runs a task, then closes what it has used. If both fail, it is the task's error that says why. */
async function thenClose<T>(task: () => Promise<T>, close: () => Promise<void>): Promise<T> {
  let result: T;
  try {
    result = await task();
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
  await close();
  return result;
}

async function assembleAndSay(
  io: Io,
  members: readonly MemberDevice[],
  { uuid, assembleForce = false }: AssemblyOptions,
): Promise<AssembledArray> {
  const assembled = await assemble(members, {
    force: assembleForce,
    ...(uuid === undefined ? {} : { uuid }),
  });
  for (const { device, reason } of assembled.rejected) say(io, `${device} is left out: ${reason}`);
  for (const slot of assembled.missing) say(io, `slot ${slot} has no member`);
  for (const sentence of assembled.forced) say(io, `forced: ${sentence}`);
  if (!assembled.clean) {
    const { resyncedBytes } = assembled;
    say(
      io,
      `from byte ${resyncedBytes} of each member's data on, parity may not match; \`mdraid repair\` makes it right`,
    );
  }
  return assembled;
}
