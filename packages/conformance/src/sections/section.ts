import type { Bench } from "../bench.js";

/** One case of the suite: a promise of the contract. */
export interface Case {
  /** What a conforming driver does. */
  readonly title: string;
  /** Off where the case breaks the rules of mapping on purpose. Default true. */
  readonly checker?: false;
  run(bench: Bench): void | Promise<void>;
}

/** Cases about one thing. */
export interface Section {
  readonly title: string;
  readonly cases: readonly Case[];
}
