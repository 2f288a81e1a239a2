import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import type { ChromeTrace } from "@dmaengine/sim";
import { afterAll, describe, expect, it } from "vitest";
import { main } from "./main.js";

const folder = mkdtempSync(join(tmpdir(), "offload-lab-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

class Sink extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function lab(...words: readonly string[]) {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const status = await main(words, { stdout, stderr });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

describe("offload-lab", () => {
  it("prints a table for each platform", async () => {
    const { status, stdout } = await lab("--platform", "cpu-only,x86-ioat-1ch", "--level", "5");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^cpu-only: none; /m);
    expect(stdout.match(/RAID-5 async_tx │ RAID-5 raid456/g)).toHaveLength(2);
    expect(stdout).toMatch(/│ speedup +│ +│ +\d+\.\d\d× │/);
    expect(stdout).toMatch(/│ wrong bytes +│ +0 │ +0 │/);
  });

  it("prints one JSON document, and writes a trace and a page that need nothing else", async () => {
    const [trace, html] = [join(folder, "trace.json"), join(folder, "lab.html")];
    const words = ["--platform", "x86-ioat", "--json", "--seed", "3", "--trace", trace, "--html", html];
    const { status, stdout } = await lab(...words);
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(
      report.map(({ platform, level }: { platform: string; level: number }) => [platform, level]),
    ).toEqual([
      ["x86-ioat", 5],
      ["x86-ioat", 6],
    ]);
    expect(report[0].raid456).toMatchObject({ scenario: 1, wrongBytes: 0 });
    expect(report[0].asyncTx.total.interrupts).toBeGreaterThan(0);

    const { traceEvents } = JSON.parse(readFileSync(trace, "utf8")) as ChromeTrace;
    const groups = traceEvents.filter(({ name }) => name === "process_name");
    expect(new Set(groups.map(({ pid }) => pid)).size).toBe(groups.length);
    expect(groups.map(({ args }) => args?.["name"])).toContain("RAID-6 raid456: x86-ioat: channels");

    const page = readFileSync(html, "utf8");
    expect(page).toContain("RAID-5: the first partial writes");
    // Names of XML namespaces are the only addresses in it.
    expect(page.replaceAll("http://www.w3.org/", "")).not.toMatch(/https?:|src=|href="(?!#)|url\(/);
  });

  it.each([
    [["--platform", "pdp11"], /expected x86-ioat, .*cpu-only/],
    [["--level", "4"], /expected 5, 6, or 5,6/],
    [["--seed", "x"], /expected a whole number from 0 on/],
    [["--depth", "0"], /expected a whole number from 1 on/],
    [["--chunk", "128"], /expected a power of two from 4 to 64/],
    [["--speed", "1"], /unknown option '--speed'/],
  ])("refuses %j", async (words, message) => {
    const { status, stderr } = await lab(...words);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^offload-lab: /);
    expect(stderr).toMatch(message);
  });

  it("says so when a file can't be written", async () => {
    const file = join(folder, "missing", "lab.html");
    const { status, stderr } = await lab("--platform", "cpu-only", "--level", "5", "--html", file);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^offload-lab: .*lab\.html can't be written: ENOENT/);
  });

  it("explains itself", async () => {
    const { status, stdout } = await lab("--help");
    expect(status).toBe(0);
    expect(stdout).toMatch(/armada-38x +two units/);
    expect((await lab("--version")).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });
});
