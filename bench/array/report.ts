import CliTable from "cli-table3";
import { median } from "../targets.js";
import type { Work } from "./works.js";

/** The contestants that are no engine. */
export const PLAIN = "plain";
export const SNAPRAID = "snapraid";

/** One work of one kind of array, done by everybody. */
export interface Result {
  readonly place: string;
  readonly chunkKib: number;
  readonly work: Work;
  /** What a round does, in bytes of the array. */
  readonly bytes: number;
  /** Milliseconds of each round, by contestant. */
  readonly millis: ReadonlyMap<string, readonly number[]>;
}

/** A result for programs. Speeds are in MB/s of the array's data; ratios are medians over rounds. */
export function asData(result: Result): object {
  const { place, chunkKib, work, bytes, millis } = result;
  return {
    ...{ place, chunkKib, work: work.title, plain: work.plainTitle, bytes, target: work.target },
    missedBy: missedBy(result),
    contestants: [...millis].map(([name, rounds]) => ({
      ...{ name, megabytesPerSecond: Math.round(speed(result, name)), millis: rounds },
      ratioToPlain: ratio(result, name, PLAIN),
    })),
  };
}

/** All results, one line for each, with what is promised of it. */
export function tableOf(results: readonly Result[]): string {
  const names = [...new Set(results.flatMap(({ millis }) => [...millis.keys()]))];
  const table = new CliTable({
    head: ["", "chunk", "array", "plain", ...names, "target", ""],
    colAligns: ["left", "right", "left", "left", ...names.map(() => "right" as const), "left", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const result of results) {
    const { place, chunkKib, work } = result;
    const { target } = work;
    const cells = names.map((name) => cell(result, name));
    const promised = target === undefined ? "" : `${target.times} x ${target.as}`;
    table.push([place, `${chunkKib} KiB`, work.title, work.plainTitle, ...cells, promised, verdict(result)]);
  }
  return table.toString();
}

function cell(result: Result, name: string): string {
  if (!result.millis.has(name)) return "";
  const megabytes = speed(result, name);
  const figure = megabytes.toFixed(megabytes < 100 ? 1 : 0);
  return name === PLAIN ? figure : `${figure} ${ratio(result, name, PLAIN)?.toFixed(2)}`;
}

function verdict(result: Result): string {
  const missed = missedBy(result);
  if (missed === null) return "";
  return missed.length === 0 ? "met" : `not met: ${missed.join(", ")}`;
}

/** The engines that don't keep what is promised; null where nothing is, or where there was nobody to compare with. */
function missedBy(result: Result): readonly string[] | null {
  const { target } = result.work;
  if (target === undefined || !result.millis.has(target.as)) return null;
  const engines = [...result.millis.keys()].filter((name) => name !== PLAIN && name !== SNAPRAID);
  return engines.filter((name) => (ratio(result, name, target.as) ?? 0) < target.times);
}

function speed({ bytes, millis }: Result, name: string): number {
  return bytes / 1000 / median(millis.get(name) ?? []);
}

/** How many times as fast one was as another. */
function ratio({ millis }: Result, who: string, toWhom: string): number | undefined {
  const [ours, theirs] = [millis.get(who), millis.get(toWhom)];
  if (ours === undefined || theirs === undefined) return undefined;
  return median(ours.map((taken, round) => (theirs[round] as number) / taken));
}
