import { type AssemblyOptions, withAssembled } from "../array/with-array.js";
import { ExitStatus } from "../errors.js";
import { type Io, print, printJson } from "../io.js";
import { reportArray } from "../report/array-report.js";
import { describeArray } from "../report/array-text.js";

/** `mdraid detail`: the array that the members make up. Nothing is written, not even a time stamp. */
export function runDetail(
  io: Io,
  paths: readonly string[],
  { json, ...options }: AssemblyOptions & { readonly json?: boolean },
): Promise<number> {
  return withAssembled(io, paths, options, async (assembled, unopened) => {
    const report = reportArray(assembled, unopened);
    if (json) printJson(io, report);
    else print(io, describeArray(report));
    return assembled.degraded > 0 ? ExitStatus.PROBLEM : ExitStatus.OK;
  });
}
