import type { PlatformCosts } from "@dmaengine/sim";
import type { Machine } from "../machine/machines.js";
import type { Comparison } from "../measure/compare.js";
import { SIDES, type Side } from "../measure/run-side.js";
import type { Sweep } from "../measure/sweep-seeds.js";
import { comparisonTable } from "./comparison-table.js";
import { costFigures } from "./cost-figures.js";
import { times } from "./format.js";
import { markdownTable } from "./table.js";

/** What raid456 was expected to reach, by scenario. */
const EXPECTED_SPEEDUP: Readonly<Record<number, number>> = { 1: 2, 2: 1.5, 3: 1.3 };

/** How the speedup changes where something else is chosen. */
export interface Variation {
  readonly machine: Machine;
  /** By what was chosen, in words. */
  readonly speedups: Readonly<Record<string, number>>;
}

/** Everything that the page shows. */
export interface DocData {
  readonly machines: readonly Machine[];
  readonly comparisons: readonly Comparison[];
  readonly variations: readonly Variation[];
  readonly sweeps: readonly Sweep[];
}

/** The parts of `docs/offload-lab.md` that are made, by name. */
export function docBlocks({ machines, comparisons, variations, sweeps }: DocData): Record<string, string> {
  return {
    machines: machineTable(machines),
    costs: costTable(machines),
    speedups: speedupTable(comparisons),
    variations: variationTable(variations),
    seeds: seedTable(sweeps),
    platforms: machines.map((machine) => machineSection(machine, comparisons)).join("\n\n"),
  };
}

/**
 * Puts blocks into a Markdown text, between `<!-- name -->` and `<!-- end of name -->`.
 *
 * @throws TypeError when the text has no place for one
 */
export function fillBlocks(markdown: string, blocks: Readonly<Record<string, string>>): string {
  return Object.entries(blocks).reduce((text, [name, block]) => {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
    const [before, rest] = splitAt(text, begin);
    const [, after] = splitAt(rest, end);
    return `${before}${begin}\n\n${block}\n\n${end}${after}`;
  }, markdown);
}

function splitAt(text: string, mark: string): [before: string, after: string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new TypeError(`expected ${mark} in the page`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

function machineTable(machines: readonly Machine[]): string {
  return machines
    .map(({ name, engines, description }) => {
      const { coherence = "coherent" } = description;
      const caches =
        coherence === "coherent" ? "coherent" : `caches of ${coherence}, which engines don't see`;
      return `- \`${name}\`: ${engines}; ${caches}.`;
    })
    .join("\n");
}

/** A row for each set of prices, with the machines that it is for. */
function costTable(machines: readonly Machine[]): string {
  const distinct = [...new Set(machines.map(({ description }) => description.costs))];
  const namesWith = (costs: PlatformCosts): string =>
    machines
      .filter(({ description }) => description.costs === costs)
      .map(({ name }) => name)
      .join(", ");
  const [first] = distinct;
  return markdownTable({
    head: ["", ...(first === undefined ? [] : costFigures(first).map(([name]) => name))],
    rows: distinct.map((costs) => [
      namesWith(costs),
      ...costFigures(costs).map(([, { value }]) => String(value)),
    ]),
  });
}

function speedupTable(comparisons: readonly Comparison[]): string {
  return markdownTable({
    head: ["", "level", "scenario", "expected, at least", "found", ""],
    rows: comparisons.map(({ machine, level, sides, speedup }) => {
      const { scenario } = sides.raid456;
      const expected = EXPECTED_SPEEDUP[scenario ?? 0];
      const verdict = expected === undefined ? "" : speedup >= expected ? "as expected" : "less";
      return [
        machine.name,
        `RAID-${level}`,
        String(scenario),
        expected === undefined ? "" : times(expected),
        times(speedup),
        verdict,
      ];
    }),
  });
}

function variationTable(variations: readonly Variation[]): string {
  const names = Object.keys(variations[0]?.speedups ?? {});
  return markdownTable({
    head: ["", ...names],
    rows: variations.map(({ machine, speedups }) => [
      machine.name,
      ...names.map((name) => times(speedups[name] ?? 0)),
    ]),
  });
}

function seedTable(sweeps: readonly Sweep[]): string {
  const cell = (numbers: readonly number[]): string => {
    const wrong = numbers.filter((number) => number > 0).length;
    return wrong === 0 ? "0" : `${wrong} (${Math.min(...numbers)} to ${Math.max(...numbers)} bytes)`;
  };
  return markdownTable({
    head: ["", "level", "seeds", ...SIDES.map((side) => `with wrong bytes: ${side}`)],
    rows: sweeps.map(({ machine, level, wrongBytes }) => [
      machine.name,
      `RAID-${level}`,
      String(wrongBytes.raid456.length),
      ...SIDES.map((side: Side) => cell(wrongBytes[side])),
    ]),
  });
}

function machineSection(machine: Machine, comparisons: readonly Comparison[]): string {
  const own = comparisons.filter((comparison) => comparison.machine === machine);
  return [
    `### ${machine.name}`,
    ...own.map(({ level, sides }) => `RAID-${level}: ${sides.raid456.plan.join(" ")}`),
    markdownTable(comparisonTable(own)),
  ].join("\n\n");
}
