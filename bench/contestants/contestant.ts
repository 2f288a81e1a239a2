/** What is measured. A recovery is of two data disks, from all others. */
export const WORK = ["xor", "P+Q", "Q check", "recover"] as const;
export type Work = (typeof WORK)[number];

/** Somebody who can make parity, with sets of blocks of their own to work on. */
export interface Contestant {
  readonly name: string;
  /** Operations are done in multiples of so many. */
  readonly batch: number;
  /** Whether it has such an operation at all. */
  can(work: Work): boolean;
  /** Makes `sets` sets, each of `disks` data blocks and what belongs to them. */
  prepare(sets: number, disks: number, blockBytes: number): void;
  /** Does so many operations, each on the next set in turn. They are done when it returns, or its promise resolves. */
  run(work: Work, operations: number): void | Promise<void>;
  /** Gives the sets back. */
  release(): void;
}

/** Fills the data blocks of a set with something that is not all zeros. */
export function fill(bytes: Uint8Array, seed: number): void {
  for (let at = 0; at < bytes.length; at += 61) bytes[at] = at * 7 + seed;
}
