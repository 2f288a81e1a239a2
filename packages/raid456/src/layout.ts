/**
 * Where data, P and Q of each stripe are: the layouts of Linux md for RAID-4, 5 and 6, by algorithm number
 * (drivers/md/raid5.h, `raid5_compute_sector` of drivers/md/raid5.c).
 *
 * @module
 */

import { gfExp } from "@dmaengine/core";
import { RaidError } from "./errors.js";

/** The levels that this engine knows. */
export type RaidLevel = 4 | 5 | 6;

/** Members of an array that hold parity: one, for RAID-6 two. */
export function parityDisks(level: RaidLevel): 1 | 2 {
  return level === 6 ? 2 : 1;
}

/**
 * One stripe's arrangement. Members are named by slot (role), 0 to `raidDisks - 1`.
 */
export interface StripeRow {
  /** Slot of P. */
  readonly p: number;
  /** Slot of Q; -1 where there is none. */
  readonly q: number;
  /** Slots of P and, where there is one, Q. */
  readonly parity: readonly number[];
  /** Slot of each data chunk, in the order of the array's bytes. */
  readonly data: readonly number[];
  /** All slots: those of data, in that order, then those of parity. */
  readonly slots: readonly number[];
  /** Power of the generator that each data chunk has in Q, in the same order. Not always the index: see {@link exponents}. */
  readonly exponents: readonly number[];
  /** The generator to these powers: each data chunk's coefficient in Q. */
  readonly coefs: readonly number[];
}

/** One algorithm number. `n` is the number of members, `s` the stripe number. */
interface Layout {
  readonly name: string;
  /** Slot of P. */
  p(s: number, n: number): number;
  /** Slot of Q, for RAID-6. */
  q(p: number, n: number): number;
  /** Slots that hold data, in order. */
  data(p: number, q: number, n: number): number[];
  /** Whether Q counts slots and not data blocks (the DDF formats). */
  readonly ddf?: true;
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Data in slot order, leaving P and Q out. */
const ascending = (p: number, q: number, n: number): number[] =>
  range(n).filter((slot) => slot !== p && slot !== q);

/** Data from the slot after `after`, round `n` slots, leaving P and Q out. */
const goingRound = (after: number, p: number, q: number, n: number): number[] =>
  range(n)
    .map((i) => (after + 1 + i) % n)
    .filter((slot) => slot !== p && slot !== q);

const fromLast = (s: number, n: number): number => n - 1 - (s % n);
const fromFirst = (s: number, n: number): number => s % n;
const afterP = (p: number, n: number): number => (p + 1) % n;
const lastSlot = (_p: number, n: number): number => n - 1;
const noQ = (): number => -1;

/** RAID-4: parity on the last member, whatever the layout field says. */
const RAID4: Layout = { name: "parity-last", p: (_s, n) => n - 1, q: noQ, data: ascending };

const RAID5: Readonly<Record<number, Layout>> = {
  0: { name: "left-asymmetric", p: fromLast, q: noQ, data: ascending },
  1: { name: "right-asymmetric", p: fromFirst, q: noQ, data: ascending },
  2: { name: "left-symmetric", p: fromLast, q: noQ, data: (p, q, n) => goingRound(p, p, q, n) },
  3: { name: "right-symmetric", p: fromFirst, q: noQ, data: (p, q, n) => goingRound(p, p, q, n) },
  4: { name: "parity-first", p: () => 0, q: noQ, data: ascending },
  5: { name: "parity-last", p: (_s, n) => n - 1, q: noQ, data: ascending },
};

/** What a RAID-5 layout over all members but the last becomes when Q is put on the last one. */
function withQLast(raid5: number): Layout {
  const { name, p, data } = RAID5[raid5] as Layout;
  return {
    name: `${name}-6`,
    p: (s, n) => p(s, n - 1),
    q: lastSlot,
    data: (slotOfP, _q, n) => data(slotOfP, -1, n - 1),
  };
}

const RAID6: Readonly<Record<number, Layout>> = {
  0: { name: "left-asymmetric", p: fromLast, q: afterP, data: ascending },
  1: { name: "right-asymmetric", p: fromFirst, q: afterP, data: ascending },
  2: { name: "left-symmetric", p: fromLast, q: afterP, data: (p, q, n) => goingRound(q, p, q, n) },
  3: { name: "right-symmetric", p: fromFirst, q: afterP, data: (p, q, n) => goingRound(q, p, q, n) },
  4: { name: "parity-first", p: () => 0, q: () => 1, data: ascending },
  5: { name: "parity-last", p: (_s, n) => n - 2, q: lastSlot, data: ascending },
  8: { name: "ddf-zero-restart", p: fromFirst, q: afterP, data: ascending, ddf: true },
  9: { name: "ddf-N-restart", p: (s, n) => fromLast(s + 1, n), q: afterP, data: ascending, ddf: true },
  10: {
    name: "ddf-N-continue",
    p: fromLast,
    q: (p, n) => (p + n - 1) % n,
    data: (p, q, n) => goingRound(p, p, q, n),
    ddf: true,
  },
  16: withQLast(0),
  17: withQLast(1),
  18: withQLast(2),
  19: withQLast(3),
  20: withQLast(4),
};

const LAYOUTS: Readonly<Record<RaidLevel, Readonly<Record<number, Layout>>>> = {
  4: { 0: RAID4 },
  5: RAID5,
  6: RAID6,
};

/** Algorithm number of left-symmetric, which md takes for RAID-5 and RAID-6 when nothing else is asked for. */
export const LEFT_SYMMETRIC = 2;

/** The default algorithm number of a level. RAID-4 has no layout; md writes 0. */
export function defaultLayout(level: RaidLevel): number {
  return level === 4 ? 0 : LEFT_SYMMETRIC;
}

/** All algorithm numbers of a level. */
export function layoutNumbers(level: RaidLevel): readonly number[] {
  return Object.keys(LAYOUTS[level]).map(Number);
}

/** mdadm's name of an algorithm number; undefined if the level has no such layout. */
export function layoutName(level: RaidLevel, layout: number): string | undefined {
  return LAYOUTS[level][layout]?.name;
}

/** mdadm's short names (maps.c). */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  la: "left-asymmetric",
  ra: "right-asymmetric",
  ls: "left-symmetric",
  rs: "right-symmetric",
};

/** The algorithm number that mdadm gives a layout's name; undefined if the level has no such layout. */
export function layoutByName(level: RaidLevel, name: string): number | undefined {
  const full = SHORT_NAMES[name] ?? name;
  return layoutNumbers(level).find((layout) => layoutName(level, layout) === full);
}

/**
 * The arrangement of stripe `s`.
 * Throws `ERR_RAID_GEOMETRY` for an algorithm number that the level does not have.
 */
export function stripeRow(level: RaidLevel, layout: number, raidDisks: number, s: number): StripeRow {
  const algorithm = LAYOUTS[level][layout];
  if (algorithm === undefined) {
    throw new RaidError(
      "ERR_RAID_GEOMETRY",
      `RAID-${level} has no layout ${layout}; it has ${layoutNumbers(level).join(", ")}`,
    );
  }
  const p = algorithm.p(s, raidDisks);
  const q = algorithm.q(p, raidDisks);
  const data = algorithm.data(p, q, raidDisks);
  const parity = q < 0 ? [p] : [p, q];
  const powers = exponents(algorithm, p, q, data, raidDisks);
  return {
    p,
    q,
    parity,
    data,
    slots: [...data, ...parity],
    exponents: powers,
    coefs: powers.map((power) => gfExp(power)),
  };
}

/**
 * The exponents of the data chunks in Q. md counts the data slots from the one after Q, round the array; DDF takes the slot number itself
 * (`raid6_d0`, `raid6_idx_to_slot`). In left- and right-asymmetric and some others the count differs from the chunk's index.
 */
function exponents(layout: Layout, p: number, q: number, data: readonly number[], n: number): number[] {
  if (layout.ddf) return [...data];
  const counted = goingRound(q, p, q, n);
  return data.map((slot) => counted.indexOf(slot));
}
