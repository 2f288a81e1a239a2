import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const cli = join(import.meta.dirname, "../dist/cli.js");

test("the built program tests a driver and ends with status 0", { timeout: 60_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [cli, "--driver", "cpu", "iterations=20"]);
  expect(stdout.match(/summary 20 tests, 0 failures/g)).toHaveLength(3);
});

test("the built program ends with status 2 when there is nothing to test", { timeout: 60_000 }, async () => {
  await expect(
    promisify(execFile)(process.execPath, [cli, "--driver", "cpu", "device=x"]),
  ).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no channel to test"),
  });
});

test("without an end it runs until it is told to stop, and reports then", { timeout: 60_000 }, async () => {
  const child = spawn(process.execPath, [cli, "--driver", "ioat", "max_channels=1"], { stdio: "pipe" });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += String(chunk);
  });
  await once(child.stdout, "data");
  child.kill("SIGINT");
  const [status] = await once(child, "close");
  expect(status).toBe(0);
  expect(stdout.match(/summary [1-9]\d* tests, 0 failures/g)).toHaveLength(3);
});
