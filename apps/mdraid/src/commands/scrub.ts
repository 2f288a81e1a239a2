import {
  type AssemblyOptions,
  type EngineOptions,
  withReadableArray,
  withWritableArray,
} from "../array/with-array.js";
import { ExitStatus } from "../errors.js";
import { type Io, print, printJson } from "../io.js";
import { describeCheck } from "../report/check-report.js";
import { count } from "../report/format.js";
import { withProgress } from "../report/progress.js";

export interface ScrubOptions extends AssemblyOptions, EngineOptions {
  readonly json?: boolean;
}

export interface RepairOptions extends ScrubOptions {
  /** Write only blocks anew that both syndromes of a RAID-6 say are wrong; otherwise parity is made anew. */
  readonly located?: boolean;
}

/** `mdraid check`: compares data with parity. The members stay untouched. */
export function runCheck(io: Io, paths: readonly string[], options: ScrubOptions): Promise<number> {
  return withReadableArray(io, paths, options, async (array) => {
    const report = await withProgress(io, "check", (sync) => array.check(sync));
    if (options.json) printJson(io, report);
    else print(io, describeCheck(report));
    return report.mismatches.length > 0 ? ExitStatus.PROBLEM : ExitStatus.OK;
  });
}

/** `mdraid repair`: the same, and writes anew what does not match: parity, or the blocks that are wrong. */
export function runRepair(io: Io, paths: readonly string[], options: RepairOptions): Promise<number> {
  const how = options.located ? "located" : "parity";
  return withWritableArray(io, paths, options, async (array) => {
    const report = await withProgress(io, "repair", (sync) => array.repair(how, sync));
    const left = report.mismatches.filter(({ repaired }) => !repaired).length;
    if (options.json) {
      printJson(io, report);
    } else {
      print(io, describeCheck(report));
      if (report.mismatches.length > left) print(io, REPAIRED[how]);
      if (left > 0) print(io, `${count(left, "row")} left alone: no single block explains what is there`);
    }
    return left > 0 ? ExitStatus.PROBLEM : ExitStatus.OK;
  });
}

const REPAIRED = {
  parity: "repaired: parity was made anew from the data",
  located: "repaired: the wrong blocks were computed anew from the others",
} as const;
