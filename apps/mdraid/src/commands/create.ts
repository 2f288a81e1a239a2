import { type AssembledArray, assemble, createArray } from "@dmaengine/md";
import { layoutByName, layoutName, layoutNumbers, type RaidLevel } from "@dmaengine/raid456";
import { NewMembers } from "../array/new-members.js";
import { refuseSameFile } from "../array/same-file.js";
import { type EngineOptions, withEngine, withOpenArray } from "../array/with-array.js";
import { CommandError, ExitStatus } from "../errors.js";
import { type Io, printJson, say } from "../io.js";
import { type ArrayReport, reportArray } from "../report/array-report.js";
import { formatBytes } from "../report/format.js";
import { withProgress } from "../report/progress.js";

export interface CreateOptions extends EngineOptions {
  readonly level: RaidLevel;
  readonly raidDevices: number;
  /** In bytes. */
  readonly chunk: number;
  /** mdadm's name of it. */
  readonly layout?: string;
  /** Length of members that don't exist yet, in bytes. */
  readonly size?: number;
  readonly assumeClean?: boolean;
  readonly name: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `mdraid create`: makes a new array, with parity that fits. */
export async function runCreate(io: Io, paths: readonly string[], options: CreateOptions): Promise<number> {
  const { raidDevices, size, assumeClean = false } = options;
  if (paths.length !== raidDevices) {
    throw new CommandError(
      "ERR_MDRAID_USAGE",
      `--raid-devices says ${raidDevices}, but ${paths.length} members were given`,
    );
  }
  await refuseSameFile(paths);
  return await withEngine(io, options, async (engine) => {
    const opened = await NewMembers.open(paths, size);
    try {
      if (size !== undefined && opened.created.length === 0) {
        throw new CommandError(
          "ERR_MDRAID_USAGE",
          "--size is for members that don't exist, but all of them do",
        );
      }
      // The parity of zeros is zeros.
      const blank = opened.created.length === paths.length;
      const assembled = await createOn(opened, options, assumeClean || blank);
      await withOpenArray(io, assembled, { ...options, engine, readOnly: false }, async (array) => {
        if (assembled.clean) return;
        say(io, "making parity; if this is interrupted, `mdraid repair` makes the rest");
        await withProgress(io, "resync", (sync) => array.resync(sync));
      });
      const report = reportArray(await assemble(opened.members));
      if (options.json) printJson(io, { ...report, created: opened.created });
      else say(io, `created ${describeCreated(report)}`);
      return ExitStatus.OK;
    } finally {
      await opened.close();
    }
  });
}

/** Writes the superblocks. If that is refused, nothing is left behind of members that were created for it. */
async function createOn(
  opened: NewMembers,
  { level, chunk, layout, name, force = false }: CreateOptions,
  assumeClean: boolean,
): Promise<AssembledArray> {
  try {
    return await createArray({
      level,
      members: opened.members,
      chunkBytes: chunk,
      name,
      assumeClean,
      force,
      ...(layout === undefined ? {} : { layout: parseLayout(level, layout) }),
    });
  } catch (error) {
    await opened.discard();
    throw error;
  }
}

function parseLayout(level: RaidLevel, name: string): number {
  const layout = layoutByName(level, name);
  if (layout !== undefined) return layout;
  const names = layoutNumbers(level).map((number) => layoutName(level, number));
  throw new CommandError(
    "ERR_MDRAID_USAGE",
    `raid${level} has no layout "${name}"; it has ${names.join(", ")}`,
  );
}

function describeCreated({ level, name, uuid, raidDevices, arraySizeBytes }: ArrayReport): string {
  return `raid${level} array "${name}" (${uuid}) of ${raidDevices} members, ${formatBytes(arraySizeBytes)}`;
}
