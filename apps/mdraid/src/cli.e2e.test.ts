import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { describe, expect } from "vitest";
import { builtCli, ending, saying, start } from "./testing/built-cli.js";
import { randomBytes, test, type Workbench } from "./testing/workbench.js";

/** Runs a line of shell in the workbench's folder, in which $MDRAID is the command. */
function shell(workbench: Workbench, line: string) {
  const env = { ...process.env, MDRAID: `${process.execPath} ${builtCli}` };
  const { status, stdout, stderr } = spawnSync("sh", ["-c", line], { cwd: workbench.folder, env });
  return { status, stdout, stderr: stderr.toString() };
}

describe("the built command line", () => {
  test("reads from pipes and writes to them", async ({ workbench }) => {
    const members = (await workbench.create(6, 4)).join(" ");
    await writeFile(workbench.path("in"), randomBytes(1_000_000, 1));
    expect(
      shell(workbench, `cat in | $MDRAID write ${members} && $MDRAID write ${members} --offset 1M < in`),
    ).toMatchObject({ status: 0 });
    const { stdout } = shell(workbench, `$MDRAID read ${members} --offset 1M --length 1000000 | cat`);
    expect(stdout.equals(randomBytes(1_000_000, 1))).toBe(true);
  });

  test("ends quietly when its reader has enough", async ({ workbench }) => {
    const members = (await workbench.create(6, 5, "-z", "32M")).join(" ");
    const { stdout, stderr } = shell(
      workbench,
      `$MDRAID read ${members} | head -c 10; $MDRAID detail ${members} | true`,
    );
    expect([stdout.length, stderr]).toEqual([10, ""]);
  });

  test("has the exit status that it should have", async ({ workbench }) => {
    const [a, b, c] = await workbench.create(5, 3);
    const statuses = [`detail ${a} ${b} ${c}`, `detail ${a} ${b}`, `detail ${a}`, "detail", "dtail"].map(
      (words) => shell(workbench, `$MDRAID ${words}`).status,
    );
    expect(statuses).toEqual([0, 1, 1, 2, 2]);
  });

  test("stops a rebuild at SIGINT, so that it can go on", { timeout: 120_000 }, async ({ workbench }) => {
    const images = await workbench.create(5, 3, "-c", "64K", "-z", "256M");
    const [a, b, c] = images as [string, string, string];
    await workbench.succeed(["write", a, b, c], { stdin: randomBytes(5_000_000, 1) });
    const rebuild = start(workbench.folder, "add", "--engine", "none", "--to", a, b, "--", "new");
    await saying(rebuild, "rebuilding slot 2 on new");
    rebuild.kill("SIGINT");
    expect(await ending(rebuild)).toBe(130);

    const members = [a, b, workbench.path("new")];
    const { stdout } = await workbench.run(["detail", "--json", ...members]);
    expect(JSON.parse(`${stdout}`).state).toBe("clean, degraded, recovering (PENDING)");
    await workbench.succeed(["add", "--engine", "none", "--to", ...members, "--"]);
    await workbench.succeed(["check", "--engine", "none", ...members]);
    const read = await workbench.read([b, workbench.path("new")], "--length", "5000000");
    expect(read.equals(randomBytes(5_000_000, 1))).toBe(true);
  });

  test("stops a write that waits for its input, and leaves the array clean", async ({ workbench }) => {
    const members = await workbench.create(5, 3);
    const write = start(workbench.folder, "write", "--explain", ...members);
    await saying(write, "Scenario");
    write.stdin?.write(randomBytes(100_000, 1));
    write.kill("SIGTERM");
    expect(await ending(write)).toBe(143);
    expect((await workbench.succeed(["detail", ...members])).stdout.toString()).toMatch(/State : clean\n/);
  });

  test("ends at once at the second signal", async ({ workbench }) => {
    const hangs = "setInterval(() => {}, 1000); return new Promise(() => {});";
    const plugin = `export default () => ({ name: "hangs", contract: 1, probe() { console.error("here"); ${hangs} } });`;
    await writeFile(workbench.path("hangs.mjs"), plugin);
    const check = start(
      workbench.folder,
      "check",
      "--engine",
      "./hangs.mjs",
      ...(await workbench.create(5, 3)),
    );
    await saying(check, "here");
    check.kill("SIGINT");
    await saying(check, "once more to stop at once");
    check.kill("SIGINT");
    expect(await ending(check)).toBe(130);
  });
});
