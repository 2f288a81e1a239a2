import type { Work } from "./contestants/contestant.js";

/** How fast the contestants were at one thing. */
export interface Row {
  readonly caches: "hot" | "cold";
  readonly disks: number;
  readonly blockBytes: number;
  readonly work: Work;
  /** By name, for each round: bytes of data disks per second. */
  readonly speeds: ReadonlyMap<string, readonly number[]>;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

/**
 * How many times as fast one contestant was as another; undefined where one of them has not got the operation. They are compared round by
 * round, as the machine is not equally fast all the time.
 */
export function ratioIn({ speeds }: Row, who: string, toWhom: string): number | undefined {
  const [ours, theirs] = [speeds.get(who), speeds.get(toWhom)];
  if (ours === undefined || theirs === undefined) return undefined;
  return median(ours.map((speed, round) => speed / (theirs[round] as number)));
}

/** What is promised: in every row that it speaks of, the one is at least so many times as fast as the other. */
interface Target {
  readonly caches: Row["caches"];
  readonly work: Work;
  readonly blockKib: number;
  readonly who: string;
  readonly toWhom: string;
  readonly ratio: number;
}

const TARGETS: readonly Target[] = [
  { who: "cpu", toWhom: "raw ISA-L", ratio: 0.95, caches: "cold", work: "P+Q", blockKib: 64 },
  { who: "cpu", toWhom: "raw ISA-L", ratio: 0.95, caches: "cold", work: "P+Q", blockKib: 1024 },
  { who: "cpu", toWhom: "raw ISA-L", ratio: 0.95, caches: "cold", work: "xor", blockKib: 64 },
  { who: "cpu", toWhom: "raw ISA-L", ratio: 0.95, caches: "cold", work: "xor", blockKib: 1024 },
  { who: "cpu", toWhom: "raw ISA-L", ratio: 0.2, caches: "hot", work: "P+Q", blockKib: 64 },
  { who: "cpu", toWhom: "ronomon x1", ratio: 1, caches: "hot", work: "P+Q", blockKib: 64 },
  { who: "cpu x2", toWhom: "cpu", ratio: 1.8, caches: "hot", work: "P+Q", blockKib: 64 },
  { who: "cpu x2", toWhom: "ronomon", ratio: 1.5, caches: "hot", work: "P+Q", blockKib: 64 },
  { who: "isal", toWhom: "raw ISA-L", ratio: 0.85, caches: "hot", work: "P+Q", blockKib: 64 },
  { who: "isal", toWhom: "raw ISA-L", ratio: 0.95, caches: "hot", work: "P+Q", blockKib: 1024 },
];

/** One line for each target: what it is, and what the rows say of it. */
export function verdicts(rows: readonly Row[]): string[] {
  return TARGETS.map((target) => {
    const { who, toWhom, ratio, caches, work, blockKib } = target;
    const title = `${who} >= ${ratio} of ${toWhom}, ${work}, ${caches}, ${blockKib} KiB`;
    return `${title.padEnd(52)} ${verdict(target, rows)}`;
  });
}

function verdict({ who, toWhom, ratio, caches, work, blockKib }: Target, rows: readonly Row[]): string {
  const ratios: { readonly disks: number; readonly value: number }[] = [];
  for (const row of rows) {
    if (row.caches !== caches || row.work !== work || row.blockBytes !== blockKib * 1024) continue;
    const value = ratioIn(row, who, toWhom);
    if (value !== undefined) ratios.push({ disks: row.disks, value });
  }
  if (ratios.length === 0) return "not measured";
  const met = ratios.every(({ value }) => value >= ratio);
  const each = ratios.map(({ disks, value }) => `${value.toFixed(2)} with ${disks} disks`);
  return `${met ? "met" : "not met"}: ${each.join(", ")}`;
}
