import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const cli = join(import.meta.dirname, "../dist/cli.js");

function dst(...words: string[]) {
  return spawnSync(process.execPath, [cli, ...words], { encoding: "utf8" });
}

describe("pnpm dst", () => {
  it("runs schedules and says how many", () => {
    const { status, stdout } = dst("--schedules", "5", "--from", "3");
    expect(stdout).toMatch(/^5 schedules, seeds 3 to 7, \d+ a second: nothing is wrong\n$/);
    expect(status).toBe(0);
  });

  it("tells programs in JSON", () => {
    const { stdout } = dst("--schedules", "2", "--json");
    expect(JSON.parse(stdout)).toEqual({ schedules: 2, seconds: expect.any(Number), failure: null });
  });

  it("shows what happens in one", () => {
    const { stdout } = dst("--seed", "11");
    expect(stdout).toMatch(/^RAID-[456] .*\n.*drivers: .*\nengine faults: /);
    expect(stdout).toMatch(/\d+ ns: done: reading everything/);
    expect(stdout).toMatch(/nothing is wrong\n$/);
  });

  it("refuses words that make no sense", () => {
    const { status, stderr } = dst("--seed", "many");
    expect(stderr).toContain("expected a whole number");
    expect(status).toBe(2);
  });
});
