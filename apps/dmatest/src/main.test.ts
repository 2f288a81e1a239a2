import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { main } from "./main.js";
import { logReport } from "./report.js";
import { PLUGIN_PATH } from "./testing/failing-plugin.js";

async function run(line: string): Promise<{ status: number; out: string; err: string }> {
  const text = { out: "", err: "" };
  const into = (name: "out" | "err"): Writable =>
    new Writable({
      write(chunk, _encoding, done) {
        text[name] += String(chunk);
        done();
      },
    });
  const status = await main(
    line.split(" ").filter((word) => word !== ""),
    { stdout: into("out"), stderr: into("err"), signal: new AbortController().signal },
  );
  return { status, ...text };
}

describe("the command line", () => {
  test("tests a driver and reports as the kernel does", async () => {
    const { status, out, err } = await run("--driver cpu --seed 1 iterations=2 verbose norandom");
    expect(err).toBe("");
    expect(status).toBe(0);
    const lines = out.trim().split("\n");
    expect(lines[0]).toBe("dmatest: Added 3 threads using dma0chan0");
    expect(lines).toContain(
      "dmatest: dma0chan0-copy0: result #1: 'test passed' with src_off=0x0 dst_off=0x0 len=0x4000 (0)",
    );
    for (const kind of ["copy", "xor", "pq"]) {
      expect(lines).toContainEqual(
        expect.stringMatching(
          new RegExp(
            `^dmatest: dma0chan0-${kind}0: summary 2 tests, 0 failures \\d+\\.\\d\\d iops \\d+ KB/s \\(0\\)$`,
          ),
        ),
      );
    }
  });

  test("tests the simulated hardware, too, and prints JSON", async () => {
    const { status, out } = await run(
      "-d ioat --json --seed 7 iterations=3 max_channels=2 test_buf_size=2048",
    );
    expect(status).toBe(0);
    const report = JSON.parse(out) as {
      seed: number;
      channels: unknown[];
      summaries: { failures: number }[];
    };
    expect(report).toMatchObject({ driver: "@dmaengine/driver-ioat", seed: 7, results: [] });
    expect(report.channels).toHaveLength(2);
    expect(report.summaries.map(({ failures }) => failures)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("ends with status 1 when tests fail, and says how to repeat them", async () => {
    const { status, out, err } = await run(`--driver ${PLUGIN_PATH} --seed 5 iterations=1 channel=dma0chan1`);
    expect(status).toBe(1);
    expect(out).toContain("dmatest: dma0chan1-copy0: result #1: 'completion error status' with src_off=0x");
    expect(out).toContain("summary 1 tests, 1 failures");
    expect(err).toContain("--seed 5");
  });

  test("helps", async () => {
    const { status, out } = await run("--help");
    expect(status).toBe(0);
    expect(out).toContain("threads_per_chan");
    expect(out).toContain("(16384)");
  });

  test.each([
    ["", "--driver"],
    ["--driver cpu --seed x", "expected a number"],
    ["--driver cpu bogus=1", "bogus"],
    ["--driver @dmaengine/no-such-driver iterations=1", "npm install @dmaengine/no-such-driver"],
    ["--driver ./no/such/file.js iterations=1", "can't be loaded"],
    ["--driver node:path iterations=1", "is not a driver plugin"],
    ["--driver cpu iterations=1 channel=dma5chan5", "dma0chan0 of cpu"],
  ])("refuses %j with status 2", async (line, text) => {
    const { status, out, err } = await run(line);
    expect(status).toBe(2);
    expect(out).toBe("");
    expect(err).toContain(text);
  });
});

test("the log tells of wrong bytes, up to 32 of each side", () => {
  const lines: string[] = [];
  const mismatch = { index: 0x1a, expected: 0xd5, actual: 0x35, kind: "not copied" } as const;
  logReport((line) => lines.push(line)).result({
    thread: "dma0chan0-copy0",
    test: 3,
    text: "data error",
    srcOffsetBytes: 16,
    dstOffsetBytes: 26,
    lengthBytes: 40,
    value: 41,
    mismatches: [
      { ...mismatch, side: "srcbuf", kind: "overwritten" },
      ...Array.from({ length: 40 }, (_, i) => ({ ...mismatch, side: "dstbuf" as const, index: 0x1a + i })),
    ],
  });
  expect(lines).toHaveLength(1 + 32 + 1 + 1);
  expect(lines[0]).toBe("dmatest: dma0chan0-copy0: srcbuf[0x1a] overwritten! Expected d5, got 35");
  expect(lines[1]).toBe("dmatest: dma0chan0-copy0: dstbuf[0x1a] not copied! Expected d5, got 35");
  expect(lines[33]).toBe("dmatest: dma0chan0-copy0: 8 errors suppressed");
  expect(lines[34]).toBe(
    "dmatest: dma0chan0-copy0: result #3: 'data error' with src_off=0x10 dst_off=0x1a len=0x28 (41)",
  );
});
