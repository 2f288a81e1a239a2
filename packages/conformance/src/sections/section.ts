import type { Bench } from "../bench.js";
import type { Claim } from "../claims.js";

/** One case of the suite: a promise of the contract. */
export interface Case {
  /** What a conforming driver does. */
  readonly title: string;
  /** What a driver has to claim for the case to apply. Left out: nothing, or what the case itself finds out. */
  readonly needs?: Claim;
  /** Off where the case breaks the rules of mapping on purpose. Default true. */
  readonly checker?: false;
  run(bench: Bench): void | Promise<void>;
}

/** Cases about one thing. */
export interface Section {
  readonly title: string;
  readonly cases: readonly Case[];
}
