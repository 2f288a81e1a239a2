import type { Random } from "@dmaengine/conformance";
import { layoutNumbers, parityDisks, type RaidLevel } from "@dmaengine/raid456";

/** What can be wrong with a member. */
const MEMBER_FAULTS = ["read error", "write error", "flush error", "death"] as const;

/** What a seed decides about the array before the first step. */
export interface Setting {
  readonly level: RaidLevel;
  readonly layout: number;
  readonly raidDisks: number;
  readonly stripes: number;
  readonly cacheStripes: number;
  readonly cpuBelowBytes: number;
  readonly steps: number;
  readonly memberFaults: readonly (typeof MEMBER_FAULTS)[number][];
  /** Members that may be missing or faulty at a time: as many as parity makes up for, in some schedules one more. */
  readonly mostImpaired: number;
}

export function randomSetting(random: Random): Setting {
  const level = random.pick([4, 5, 5, 6, 6, 6] as const);
  const raidDisks = random.int(level === 6 ? 4 : 3, level === 6 ? 6 : 5);
  return {
    level,
    layout: random.pick(layoutNumbers(level)),
    raidDisks,
    stripes: random.int(2, 4),
    cacheStripes: random.int(1, 6),
    cpuBelowBytes: random.pick([0, 0, 0, 600]),
    steps: random.int(4, 24),
    memberFaults: MEMBER_FAULTS.filter(() => random.int(0, 2) === 0),
    mostImpaired: parityDisks(level) + (random.int(0, 9) === 0 ? 1 : 0),
  };
}
