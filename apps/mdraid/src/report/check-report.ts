import type { CheckReport, MismatchRow } from "@dmaengine/raid456";
import { count, formatBytes } from "./format.js";

/** Longest list of places for people; programs get all rows. */
const MAX_LINES = 20;

/** What a check has found, in words: how much, and where. */
export function describeCheck({ mismatches, mismatchSectors }: CheckReport): string {
  if (mismatches.length === 0) return "no mismatches: data and parity fit together";
  const places = joinNeighbours(mismatches);
  const lines = places.slice(0, MAX_LINES).map(describePlace);
  if (places.length > MAX_LINES)
    lines.push(`  … and ${places.length - MAX_LINES} more places; --json lists all rows`);
  const rows = count(mismatches.length, "row");
  return [
    `parity does not match the data in ${rows} (mismatch_cnt ${mismatchSectors} sectors):`,
    ...lines,
  ].join("\n");
}

function describePlace({ memberOffset, lengthBytes, pMismatch, qMismatch, wrongSlot }: MismatchRow): string {
  const which = [...(pMismatch ? ["P"] : []), ...(qMismatch ? ["Q"] : [])].join(" and ");
  const located = wrongSlot === null ? "" : `; the block in slot ${wrongSlot} is the wrong one`;
  return `  ${formatBytes(lengthBytes)} from byte ${memberOffset} of each member's data: ${which}${located}`;
}

/** Rows that follow each other, with the same wrong in them, are one place. */
function joinNeighbours(rows: readonly MismatchRow[]): MismatchRow[] {
  const places: MismatchRow[] = [];
  for (const row of rows) {
    const last = places.at(-1);
    const continues =
      last !== undefined &&
      last.memberOffset + last.lengthBytes === row.memberOffset &&
      last.pMismatch === row.pMismatch &&
      last.qMismatch === row.qMismatch &&
      last.wrongSlot === row.wrongSlot;
    if (continues) places[places.length - 1] = { ...last, lengthBytes: last.lengthBytes + row.lengthBytes };
    else places.push(row);
  }
  return places;
}
