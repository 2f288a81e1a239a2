// docs/offload-lab.md and its chart are made from runs. Made anew by: npx vitest run apps/offload-lab/src/docs.test.ts -u

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { MACHINES } from "./machine/machines.js";
import { type Comparison, compare } from "./measure/compare.js";
import { SWEEP_SIZE, type Sweep, sweepSeeds } from "./measure/sweep-seeds.js";
import { docBlocks, fillBlocks, type Variation } from "./report/doc-blocks.js";
import { speedupChart } from "./report/speedup-chart.js";
import { DEFAULT_SIZE } from "./workload/generate.js";

const docs = join(import.meta.dirname, "../../../docs");
const LEVELS = [5, 6] as const;
const SEED = 1;
const SEEDS = 5;
const CHOICES = { depth: 8, mdSkipCopy: false } as const;

/** What a part of the machines does with a small array, as the columns say. */
const VARIATIONS = {
  "8 requests, 64 KiB": { depth: 8, chunkBytes: 64 * 1024, mdSkipCopy: false },
  "1 request": { depth: 1, chunkBytes: 64 * 1024, mdSkipCopy: false },
  "4 KiB": { depth: 8, chunkBytes: 4096, mdSkipCopy: false },
  "md with skip_copy": { depth: 8, chunkBytes: 64 * 1024, mdSkipCopy: true },
} as const;

it("docs/offload-lab.md and its chart are current", { timeout: 600_000 }, async () => {
  const comparisons: Comparison[] = [];
  for (const machine of MACHINES) {
    for (const level of LEVELS) {
      comparisons.push(await compare(machine, { level, size: DEFAULT_SIZE, seed: SEED, ...CHOICES }));
    }
  }
  const sweeps: Sweep[] = [];
  for (const machine of MACHINES.filter(({ description }) => description.coherence !== "coherent")) {
    for (const level of LEVELS) sweeps.push(await sweepSeeds(machine, level, { seeds: SEEDS, ...CHOICES }));
  }
  const variations: Variation[] = [];
  for (const machine of MACHINES) {
    const speedups: Record<string, number> = {};
    for (const [name, { chunkBytes, ...choices }] of Object.entries(VARIATIONS)) {
      const size = { ...SWEEP_SIZE, chunkBytes };
      speedups[name] = (await compare(machine, { level: 5, size, seed: SEED, ...choices })).speedup;
    }
    variations.push({ machine, speedups });
  }
  const page = join(docs, "offload-lab.md");
  const blocks = docBlocks({ machines: MACHINES, comparisons, variations, sweeps });
  await expect(speedupChart(comparisons)).toMatchFileSnapshot(join(docs, "offload-lab.svg"));
  await expect(fillBlocks(readFileSync(page, "utf8"), blocks)).toMatchFileSnapshot(page);
  expect(sweeps.flatMap(({ wrongBytes }) => wrongBytes.raid456).every((wrong) => wrong === 0)).toBe(true);
  expect(comparisons.map(({ sides }) => sides.raid456.wrongBytes)).toEqual(comparisons.map(() => 0));
});
