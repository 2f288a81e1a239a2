import { examine } from "@dmaengine/md";
import { MemberError } from "@dmaengine/raid456";
import { FileMember } from "@dmaengine/raid456/node";
import { ExitStatus } from "../errors.js";
import { type Io, print, printJson } from "../io.js";
import { type MemberReport, reportMember, reportUnopened } from "../report/member-report.js";
import { describeMember } from "../report/member-text.js";

/** `mdraid examine`: what each device says about itself. Nothing is written, not even a time stamp. */
export async function runExamine(
  io: Io,
  paths: readonly string[],
  { json }: { readonly json?: boolean },
): Promise<number> {
  const reports: MemberReport[] = [];
  for (const path of paths) reports.push(await examinePath(path));
  if (json) printJson(io, reports);
  else print(io, reports.map(describeMember).join("\n\n"));
  return reports.some(({ problem }) => problem !== null) ? ExitStatus.PROBLEM : ExitStatus.OK;
}

async function examinePath(path: string): Promise<MemberReport> {
  try {
    const member = await FileMember.open(path);
    try {
      return reportMember(await examine(member));
    } finally {
      await member.close();
    }
  } catch (error) {
    if (MemberError.isInstance(error)) return reportUnopened(error);
    throw error;
  }
}
