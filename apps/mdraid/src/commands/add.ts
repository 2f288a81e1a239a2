import { type AssembledArray, assemble, type OpenArray } from "@dmaengine/md";
import type { MemberDevice } from "@dmaengine/raid456";
import { fillSlots } from "../array/fill-slots.js";
import { NewMembers } from "../array/new-members.js";
import { refuseUnfit } from "../array/refuse-unfit.js";
import { refuseSameFile } from "../array/same-file.js";
import { type AssemblyOptions, type EngineOptions, withWritableArray } from "../array/with-array.js";
import { CommandError, ExitStatus } from "../errors.js";
import { type Io, printJson, say } from "../io.js";
import { reportArray } from "../report/array-report.js";
import { count } from "../report/format.js";
import { withProgress } from "../report/progress.js";

export interface AddCommandOptions extends AssemblyOptions, EngineOptions {
  /** The members that the array has. */
  readonly to: readonly string[];
  /** Overwrite whatever is on the new members. */
  readonly force?: boolean;
  readonly json?: boolean;
}

/** A member that is to be rebuilt. */
interface Rebuilt {
  readonly slot: number;
  readonly device: string;
}

/** `mdraid add`: puts new members into empty slots and rebuilds them, along with what an earlier rebuild has left. */
export async function runAdd(
  io: Io,
  newPaths: readonly string[],
  { to, ...options }: AddCommandOptions,
): Promise<number> {
  await refuseSameFile([...to, ...newPaths]);
  return await withWritableArray(io, to, options, async (array, assembled) => {
    const opened = await openFitting(newPaths, assembled, options.force ?? false);
    try {
      const unfinished = assembled.slots.flatMap((member) =>
        member === null || member.recoveredBytes === Number.POSITIVE_INFINITY ? [] : [member],
      );
      const placed = await fillSlots(array, assembled, opened.members);
      const rebuilt = [...unfinished, ...placed].map(({ slot, device }) => ({ slot, device: device.name }));
      if (rebuilt.length > 0) await rebuild(io, array, rebuilt);
      report(io, rebuilt, await assemble([...devicesOf(assembled), ...opened.members]), options);
      return array.degraded.length > 0 ? ExitStatus.PROBLEM : ExitStatus.OK;
    } finally {
      await opened.close();
    }
  });
}

/** Opens the new members, or creates them like the others. If one of them is refused, nothing has been written. */
async function openFitting(
  paths: readonly string[],
  assembled: AssembledArray,
  force: boolean,
): Promise<NewMembers> {
  const { missing, slots } = assembled;
  if (paths.length > missing.length) {
    throw new CommandError(
      "ERR_MDRAID_REFUSED",
      `there are ${count(paths.length, "new member")} for ${count(missing.length, "empty slot")}`,
    );
  }
  const opened = await NewMembers.open(paths, slots.find((member) => member !== null)?.device.sizeBytes);
  try {
    for (const member of opened.members) await refuseUnfit(member, assembled, force);
    return opened;
  } catch (error) {
    await opened.discard();
    throw error;
  }
}

async function rebuild(io: Io, array: OpenArray, rebuilt: readonly Rebuilt[]): Promise<void> {
  for (const { slot, device } of rebuilt) say(io, `rebuilding slot ${slot} on ${device}`);
  try {
    await withProgress(io, "rebuild", (sync) => array.rebuild(sync));
  } catch (error) {
    say(
      io,
      "the rebuild is not finished; `mdraid add --to MEMBER... --` with the new members among them goes on",
    );
    throw error;
  }
}

function devicesOf({ slots, spares }: AssembledArray): MemberDevice[] {
  return [...slots, ...spares].flatMap((member) => (member === null ? [] : [member.device]));
}

function report(
  io: Io,
  rebuilt: readonly Rebuilt[],
  assembled: AssembledArray,
  { json }: { readonly json?: boolean },
): void {
  if (json) printJson(io, { ...reportArray(assembled), rebuilt });
  else
    say(
      io,
      rebuilt.length === 0 ? "there is nothing to rebuild" : `rebuilt ${count(rebuilt.length, "member")}`,
    );
}
