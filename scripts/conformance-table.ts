/** What the conformance tests have to tell, as rows: one for each driver, variant and platform. */
import Table from "cli-table3";

/** A test that has run. */
export interface Outcome {
  /** The package that it is in: the driver's name where there is no suite of the kit. */
  readonly driver: string;
  /** From the outermost suite to the test. */
  readonly titles: readonly string[];
  readonly state: "passed" | "failed" | "skipped";
  /** Why it was skipped or failed, if it said so. */
  readonly reason: string;
}

/** A cell: a driver, for a variant, on a platform. */
export interface Row {
  readonly driver: string;
  readonly variant: string;
  readonly platform: string;
  /** Null where there was no suite of the kit. */
  readonly seed: number | null;
  readonly operations: string[];
  passed: number;
  failed: number;
  skipped: number;
  /** Why tests were skipped, and how many for it. */
  readonly reasons: Record<string, number>;
  readonly failures: string[];
}

/** The kit's title of a suite. */
const SUITE = /^(?<name>.*): dmaengine conformance, seed (?<seed>\d+)$/;
/** An operation is one that has passed the kit's first case about it. */
const OPERATION_CASE = "does what its reference does, for every shape";
/** In front of the reason in the title of a test that stands for an operation that is not claimed. */
const ABOUT = /^.*?: skipped, the driver /;
/** One row is one line. */
const NO_LINES = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };

/** Sums outcomes up, in the order in which they come. */
export function rowsOf(outcomes: readonly Outcome[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { driver, titles, state, reason } of outcomes) {
    const [suite = "", section = ""] = titles;
    const test = titles.at(-1) ?? "";
    const groups = SUITE.exec(suite)?.groups;
    const name = groups?.["name"] ?? driver;
    const row = rows.get(name) ?? newRow(name, groups?.["seed"]);
    rows.set(name, row);
    row[state] += 1;
    if (state === "skipped") {
      const why = whySkipped(groups === undefined, test, reason);
      row.reasons[why] = (row.reasons[why] ?? 0) + 1;
    }
    if (state === "failed") row.failures.push(`${titles.join(" > ")}: ${reason}`);
    if (state === "passed" && test === OPERATION_CASE) row.operations.push(section);
  }
  return [...rows.values()];
}

/** A skipped test says why, by itself or in its title; one of the kit's that doesn't is skipped with its whole suite. */
function whySkipped(alone: boolean, test: string, reason: string): string {
  if (reason !== "") return reason;
  return alone || ABOUT.test(test)
    ? test.replace(ABOUT, "")
    : "the suite is not run here, for the reason in its title";
}

function newRow(name: string, seed: string | undefined): Row {
  const [driver = "", variant = "", platform = ""] = name.split(" / ");
  return {
    driver,
    variant,
    platform,
    seed: seed === undefined ? null : Number(seed),
    operations: [],
    passed: 0,
    failed: 0,
    skipped: 0,
    reasons: {},
    failures: [],
  };
}

/** The rows as a table, with the reasons for skipped tests as numbers, and what they stand for below it. */
export function tableOf(rows: readonly Row[]): string {
  const reasons = [...new Set(rows.flatMap((row) => Object.keys(row.reasons)))];
  const table = new Table({
    head: ["driver", "variant", "platform", "operations", "passed", "failed", "skipped", "why"],
    colAligns: ["left", "left", "left", "left", "right", "right", "right", "left"],
    chars: NO_LINES,
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    const { driver, variant, platform, operations, passed, failed, skipped } = row;
    const why = Object.keys(row.reasons)
      .map((reason) => reasons.indexOf(reason) + 1)
      .sort((a, b) => a - b);
    table.push([driver, variant, platform, operations.join(" "), passed, failed, skipped, why.join(" ")]);
  }
  const sum = (state: Outcome["state"]): number => rows.reduce((total, row) => total + row[state], 0);
  return [
    table.toString(),
    ...reasons.map((reason, n) => `${String(n + 1).padStart(3)}  ${reason}`),
    ...rows.flatMap(({ failures }) => failures.map((failure) => `FAILED ${failure}`)),
    `${rows.length} cells: ${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`,
  ].join("\n");
}
