import { DmaEngine } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { ExhaustiveRun, exhaustiveCases, sampleOf } from "./exhaustive.js";
import type { TestPlatform } from "./platforms.js";

/** Cases of each scenario in a normal run. */
const SAMPLE = 20;

/** All cases on each of these platforms if `DMAENGINE_LONG` is 1, else a seeded sample of them. `DMAENGINE_SEED` repeats one. */
export function describeExhaustively(
  platforms: readonly TestPlatform[],
  env: Readonly<Record<string, string | undefined>>,
): void {
  describe("every layout, with every loss, over 4 to 12 members", () => {
    it.each(platforms.map((platform) => [platform.name, platform] as const))(
      "reads, writes and rebuilds on %s",
      async (_name, { platform: makePlatform, drivers }) => {
        const seed = Number(env["DMAENGINE_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
        const cases = exhaustiveCases();
        const engine = new DmaEngine();
        const platform = makePlatform();
        for (const driver of drivers(platform)) await engine.register(driver);
        // A stripe has each pair of slots in each pair of roles. Where nothing is simulated, there is time for the whole rotation of the roles.
        const run = new ExhaustiveRun(engine, (raidDisks) => (platform === null ? raidDisks : 2));
        for (const one of env["DMAENGINE_LONG"] === "1" ? cases : sampleOf(cases, SAMPLE, seed)) {
          await run.run(one).catch((cause: unknown) => {
            throw new Error(`failed, seed ${seed}`, { cause });
          });
        }
        for (const { mapping } of Object.values(engine.stats().devices))
          expect(mapping.unmaps).toBe(mapping.maps);
      },
    );
  });
}
