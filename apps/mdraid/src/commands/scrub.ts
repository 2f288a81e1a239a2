import type { CheckReport } from "@dmaengine/raid456";
import {
  type AssemblyOptions,
  type EngineOptions,
  withReadableArray,
  withWritableArray,
} from "../array/with-array.js";
import { ExitStatus } from "../errors.js";
import { type Io, print, printJson } from "../io.js";
import { describeCheck } from "../report/check-report.js";
import { withProgress } from "../report/progress.js";

export interface ScrubOptions extends AssemblyOptions, EngineOptions {
  readonly json?: boolean;
}

/** `mdraid check`: compares data with parity. The members stay untouched. */
export function runCheck(io: Io, paths: readonly string[], options: ScrubOptions): Promise<number> {
  return withReadableArray(io, paths, options, async (array) => {
    const report = await withProgress(io, "check", (sync) => array.check(sync));
    printReport(io, report, false, options);
    return report.mismatches.length > 0 ? ExitStatus.PROBLEM : ExitStatus.OK;
  });
}

/** `mdraid repair`: the same, and makes parity anew from the data where it does not match. */
export function runRepair(io: Io, paths: readonly string[], options: ScrubOptions): Promise<number> {
  return withWritableArray(io, paths, options, async (array) => {
    const report = await withProgress(io, "repair", (sync) => array.repair(sync));
    printReport(io, report, true, options);
    return ExitStatus.OK;
  });
}

function printReport(io: Io, report: CheckReport, repaired: boolean, { json }: ScrubOptions): void {
  if (json) {
    printJson(io, { ...report, repaired });
  } else {
    print(io, describeCheck(report));
    if (repaired && report.mismatches.length > 0) print(io, "repaired: parity was made anew from the data");
  }
}
