import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { type Outcome, rowsOf, tableOf } from "./conformance-table.js";

const suite = "driver-x / old / v7: dmaengine conformance, seed 1";
const copies = "does what its reference does, for every shape";

function outcome(titles: readonly string[], state: Outcome["state"], reason = ""): Outcome {
  return { driver: "driver-x", titles, state, reason };
}

describe("the table of the conformance kit", () => {
  const outcomes = [
    outcome([suite, "memcpy", copies], "passed"),
    outcome([suite, "memcpy", "for every length"], "passed"),
    outcome([suite, "xor", copies], "failed", "expected [] to equal [ 'wrong' ]"),
    outcome([suite, "pause", "ends with terminate"], "skipped", "can't be paused"),
    outcome([suite, "pause", "holds up each operation"], "skipped", "can't be paused"),
    outcome([suite, "pq: skipped, the driver does not claim pq"], "skipped"),
    outcome(["driver-x / new / v7: dmaengine conformance, seed 3", "memcpy", copies], "passed"),
    outcome(["with the library: skipped, libx is not installed"], "skipped"),
  ];
  const [old, renewed, absent, ...others] = rowsOf(outcomes);

  it("has a row for each driver, variant and platform", () => {
    expect(others).toEqual([]);
    expect(old).toMatchObject({ driver: "driver-x", variant: "old", platform: "v7", seed: 1 });
    expect(renewed).toMatchObject({ variant: "new", seed: 3, operations: ["memcpy"], passed: 1, failed: 0 });
  });

  it("counts, says which operations are right, and why tests were skipped", () => {
    expect(old).toMatchObject({ operations: ["memcpy"], passed: 2, failed: 1, skipped: 3 });
    expect(old?.reasons).toEqual({ "can't be paused": 2, "does not claim pq": 1 });
    expect(old?.failures).toEqual([`${suite} > xor > ${copies}: expected [] to equal [ 'wrong' ]`]);
  });

  it("has a row for what could not run at all", () => {
    expect(absent).toMatchObject({ driver: "driver-x", variant: "", seed: null, passed: 0, skipped: 1 });
    expect(Object.keys(absent?.reasons ?? {})).toEqual(["with the library: skipped, libx is not installed"]);
  });

  it("says of a suite that is skipped as a whole that it is", () => {
    const [row, ...more] = rowsOf([
      outcome([suite, "memcpy", copies], "skipped"),
      outcome([suite, "memcpy", "for every length"], "skipped"),
    ]);
    expect(more).toEqual([]);
    expect(row?.reasons).toEqual({ "the suite is not run here, for the reason in its title": 2 });
  });

  it("explains the numbers of reasons below it", () => {
    const lines = tableOf(rowsOf(outcomes)).split("\n");
    expect(lines.find((line) => line.includes(" old "))).toMatch(/memcpy +│ +2 │ +1 │ +3 │ 1 2 +│$/);
    expect(lines).toContain("  2  does not claim pq");
    expect(lines.some((line) => line.startsWith(`FAILED ${suite} > xor`))).toBe(true);
    expect(lines.at(-1)).toBe("3 cells: 3 passed, 1 failed, 4 skipped");
  });
});

describe("pnpm conformance", () => {
  const script = join(import.meta.dirname, "conformance.mjs");
  const run = promisify(execFile);

  // A test run within a test run: on a busy machine it takes its time.
  it("runs what the named driver's tests hand to the kit", { timeout: 300_000 }, async () => {
    const { stdout } = await run(process.execPath, [script, "--json", "pl08x"], { maxBuffer: 1 << 24 });
    const rows: ReturnType<typeof rowsOf> = JSON.parse(stdout);
    expect(rows.map(({ variant, platform }) => `${variant} ${platform}`)).toEqual(
      expect.arrayContaining(["pl080 coherent", "pl080s v5", "pl081 v7"]),
    );
    for (const row of rows) {
      expect(row).toMatchObject({ driver: "driver-pl08x", operations: ["memcpy"], failed: 0 });
      expect(row.reasons).toHaveProperty("does not claim pq", 1);
    }
  });

  it("refuses a driver that there is none of", async () => {
    await expect(run(process.execPath, [script, "nobody"])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no driver package called driver-nobody"),
    });
  });
});
