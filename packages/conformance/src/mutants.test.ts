import { describe, expect, test } from "vitest";
import { Collector } from "./collector.js";
import { conformance } from "./conformance.js";
import { MUTANTS } from "./testing/mutants.js";
import { small } from "./testing/small-driver.js";

describe("the suite, without a test runner,", { timeout: 60_000 }, () => {
  test("passes the driver that has no defect", async () => {
    const collector = new Collector();
    const report = conformance(collector, { name: "small", driver: () => small() });
    const results = await collector.run();
    expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(report.cases.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
    expect(report.cases.length).toBe(results.length);
  });

  test.each(MUTANTS)("catches: $defect", async ({ driver, caughtBy }) => {
    const collector = new Collector();
    conformance(collector, { name: "mutant", driver, patienceMillis: 40, log: () => {} });
    const results = await collector.run({ only: (title) => title.includes(caughtBy), untilFailure: true });
    expect(results.at(-1)?.error).toBeInstanceOf(Error);
  });
});
