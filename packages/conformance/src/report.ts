/** How one case of the suite went. */
export interface CaseReport {
  /** Section and title, for example "ring: takes work again after it was full". */
  readonly title: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it was skipped, or what went wrong. Empty for a case that passed. */
  readonly reasons: readonly string[];
}

/** What the call of the suite returns: empty at first, filled in as the cases run. */
export interface ConformanceReport {
  /** The name that the call was given. */
  readonly name: string;
  /** Give it to the call again to repeat the run exactly. */
  readonly seed: number;
  /** The cases that have run, in the order in which they did. */
  readonly cases: readonly CaseReport[];
}
