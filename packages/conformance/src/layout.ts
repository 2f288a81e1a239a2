import type { BlockLimits } from "@dmaengine/core";
import type { Random } from "./random.js";

/** Where the operands of a transaction are in memory, and how they are mapped. */
export interface Layout {
  /**
   * - `apart`: each operand in a buffer of its own, which may end where the operand ends;
   * - `arena`: all in one buffer, each passed to the mapping call as a view;
   * - `allocated`: each in memory that `device.alloc` gave.
   */
  readonly memory: "apart" | "arena" | "allocated";
  /** `exact` maps what the operation touches, `whole` the buffer around it too. An arena is never mapped whole. */
  readonly mapping: "exact" | "whole";
  /** Guard bytes before operand `i`; a multiple of the alignment that the operation needs. */
  readonly beforeBytes: (operand: number) => number;
  /** Guard bytes behind operand `i`. */
  readonly afterBytes: (operand: number) => number;
}

/** Operands at the start of a buffer of their own, with a little behind them to watch. */
export const PLAIN: Layout = {
  memory: "apart",
  mapping: "exact",
  beforeBytes: () => 0,
  afterBytes: () => 16,
};

/** Any layout that the limits allow. */
export function randomLayout(block: BlockLimits, random: Random): Layout {
  const memory = random.pick(["apart", "arena", "allocated"] as const);
  const step = block.alignBytes ?? 1;
  const before = Array.from({ length: 8 }, () => random.int(0, Math.ceil(70 / step)) * step);
  const after = Array.from({ length: 8 }, () => random.pick([0, 1, 3, 16, 64]));
  return {
    memory,
    mapping: memory === "arena" ? "exact" : random.pick(["exact", "whole"] as const),
    beforeBytes: (operand) => before[operand % 8] as number,
    afterBytes: (operand) => after[operand % 8] as number,
  };
}

/** For messages. */
export function layoutInWords({ memory, mapping }: Layout): string {
  return `${memory}, mapped ${mapping}`;
}

/** Longest operand that the kit uses of its own accord. */
const LONGEST_BYTES = 64 * 1024;

/** Lengths worth trying: around every power of two that code may be unrolled or paged by. `long`: more of them. */
export function lengthsWithin(block: BlockLimits, long: boolean): number[] {
  const wanted = [block.minLengthBytes ?? 1];
  for (const around of [
    1,
    2,
    4,
    8,
    16,
    32,
    64,
    128,
    256,
    512,
    1024,
    4096,
    ...(long ? [8192, 16384, 65536] : []),
  ]) {
    wanted.push(around - 1, around, around + 1, around + (around >> 1));
  }
  wanted.push(block.maxLengthBytes ?? 20_000);
  return [...new Set(wanted.map((length) => nearestLength(block, length)))].sort((a, b) => a - b);
}

/** The length that the limits allow and that is closest below `wanted`, or the shortest that they allow. */
export function nearestLength(block: BlockLimits, wanted: number): number {
  const align = block.alignBytes ?? 1;
  const shortest = Math.ceil((block.minLengthBytes ?? 1) / align) * align;
  const longest = Math.min(block.maxLengthBytes ?? LONGEST_BYTES, LONGEST_BYTES);
  return Math.max(shortest, Math.floor(Math.min(wanted, longest) / align) * align);
}
