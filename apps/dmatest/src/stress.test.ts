import { DmaDirection, DmaEngine, DmaTransResult } from "@dmaengine/core";
import type { DmaTx, MemcpyArgs } from "@dmaengine/core/driver";
import { describe, expect, test } from "vitest";
import { parseParameters } from "./parameters.js";
import { collectReport, type JsonReport, type TestResult } from "./report.js";
import { stress } from "./stress.js";
import { type Faults, faulty, type Memory } from "./testing/faulty-driver.js";

async function run(
  words: string,
  faults: Faults = {},
  signal = new AbortController().signal,
): Promise<JsonReport> {
  const json: JsonReport = { driver: "faulty", seed: 1, channels: [], results: [], summaries: [] };
  const engine = new DmaEngine();
  await engine.register(faulty(faults));
  await stress(engine, {
    parameters: parseParameters(words.split(" ").filter((word) => word !== "")),
    seed: 1,
    report: collectReport(json),
    signal,
  });
  return json;
}

/** The results of a copy thread on one channel. */
async function copyResults(words: string, faults: Faults): Promise<TestResult[]> {
  const { results } = await run(`channel=dma0chan0 test_buf_size=512 ${words}`, faults);
  return results.filter(({ thread }) => thread === "dma0chan0-copy0");
}

describe("threads", () => {
  test("are made for copy, xor and P+Q of each channel, or for fill in place of copy", async () => {
    const names = async (words: string): Promise<string[]> =>
      (await run(`iterations=1 test_buf_size=64 ${words}`)).summaries.map(({ thread }) => thread).sort();
    expect(await names("max_channels=1")).toEqual(["dma0chan0-copy0", "dma0chan0-pq0", "dma0chan0-xor0"]);
    expect(await names("dmatest=1 channel=dma0chan1 threads_per_chan=2")).toEqual([
      "dma0chan1-pq0",
      "dma0chan1-pq1",
      "dma0chan1-set0",
      "dma0chan1-set1",
      "dma0chan1-xor0",
      "dma0chan1-xor1",
    ]);
    expect(await names("")).toHaveLength(6);
  });

  test.each(["", "norandom", "transfer_size=100", "polled", "noverify", "alignment=4", "timeout=-1"])(
    "pass on a driver without faults: %s",
    async (words) => {
      for (const kind of ["", "dmatest=1"]) {
        const report = await run(
          `iterations=20 threads_per_chan=2 test_buf_size=256 verbose ${kind} ${words}`,
        );
        expect(report.summaries.map(({ tests, failures }) => [tests, failures])).toEqual(
          report.summaries.map(() => [20, 0]),
        );
        expect(new Set(report.results.map(({ text }) => text))).toEqual(new Set(["test passed"]));
      }
    },
  );

  test("end when the user wants no more", async () => {
    const stop = new AbortController();
    let started = 0;
    const onStart = (): void => {
      started += 1;
      if (started === 50) stop.abort();
    };
    const report = await run("test_buf_size=64", { onStart }, stop.signal);
    expect(report.summaries.reduce((sum, { tests }) => sum + tests, 0)).toBeGreaterThanOrEqual(50);
  });

  test("with too many buffers, or an alignment beyond the buffer, give up at once", async () => {
    const many = await run("iterations=1 channel=dma0chan0 pq_sources=255");
    expect(many.summaries.find(({ thread }) => thread === "dma0chan0-pq0")).toMatchObject({
      tests: 0,
      returnValue: -12,
    });
    const aligned = await run("iterations=1 channel=dma0chan0 test_buf_size=64 alignment=7");
    expect(aligned.summaries.map(({ returnValue }) => returnValue)).toEqual([-12, -12, -12]);
  });

  test("choose offsets and lengths in steps of the alignment", async () => {
    const { results } = await run("iterations=30 test_buf_size=512 alignment=5 verbose");
    for (const { srcOffsetBytes, dstOffsetBytes, lengthBytes } of results) {
      expect([srcOffsetBytes % 32, dstOffsetBytes % 32, lengthBytes % 32]).toEqual([0, 0, 0]);
    }
    expect(new Set(results.map(({ lengthBytes }) => lengthBytes)).size).toBeGreaterThan(5);
  });

  test("do the same for the same seed", async () => {
    const once = await run("iterations=5 verbose");
    const again = await run("iterations=5 verbose");
    const key = (results: readonly TestResult[]) => results.map((result) => JSON.stringify(result)).sort();
    expect(key(again.results)).toEqual(key(once.results));
  });
});

/** A copy's operands. */
const of = (tx: DmaTx): MemcpyArgs => tx.args as MemcpyArgs;

describe("each fault lands in its class", () => {
  const cases: { fault: string; faults: Faults; words?: string; text: TestResult["text"] }[] = [
    {
      fault: "a source can't be mapped",
      faults: { unmappable: DmaDirection.TO_DEVICE },
      text: "src mapping error",
    },
    {
      fault: "a destination can't be mapped",
      faults: { unmappable: DmaDirection.BIDIRECTIONAL },
      text: "dst mapping error",
    },
    { fault: "prep answers null", faults: { full: true }, text: "prep error" },
    {
      fault: "the interrupt is lost",
      faults: { lostInterrupt: true },
      words: "timeout=20",
      text: "test timed out",
    },
    {
      fault: "the engine hangs, polled",
      faults: { lostInterrupt: true },
      words: "polled",
      text: "test timed out",
    },
    {
      fault: "the transfer fails",
      faults: { result: DmaTransResult.READ_FAILED },
      text: "completion error status",
    },
    {
      fault: "the transfer fails, polled",
      faults: { result: DmaTransResult.READ_FAILED },
      words: "polled",
      text: "test timed out",
    },
  ];
  test.each(cases)("$fault: $text", async ({ faults, words = "", text }) => {
    const results = await copyResults(`iterations=2 ${words}`, faults);
    expect(results.map((result) => result.text)).toEqual([text, text]);
  });

  const damages: {
    what: string;
    words?: string;
    damage: (args: MemcpyArgs, memory: Memory) => void;
    kind: string;
    side: string;
    index: (result: TestResult) => number;
  }[] = [
    {
      what: "a byte within the source",
      damage: ({ src }, memory) => memory.write(src + 3, memory.read(src + 3) ^ 1),
      kind: "overwritten",
      side: "srcbuf",
      index: ({ srcOffsetBytes }) => srcOffsetBytes + 3,
    },
    {
      what: "a byte before the source",
      damage: ({ src }, memory) => memory.write(src - 1, 0),
      kind: "overwritten",
      side: "srcbuf",
      index: ({ srcOffsetBytes }) => srcOffsetBytes - 1,
    },
    {
      what: "a byte behind the source",
      damage: ({ src, lengthBytes }, memory) => memory.write(src + lengthBytes, 0),
      kind: "overwritten",
      side: "srcbuf",
      index: ({ srcOffsetBytes, lengthBytes }) => srcOffsetBytes + lengthBytes,
    },
    {
      what: "the last byte was not copied",
      damage: ({ dst, lengthBytes }, memory) => memory.write(dst + lengthBytes - 1, 0x20),
      kind: "not copied",
      side: "dstbuf",
      index: ({ dstOffsetBytes, lengthBytes }) => dstOffsetBytes + lengthBytes - 1,
    },
    {
      what: "a byte was copied before the destination",
      damage: ({ dst, src }, memory) => memory.write(dst - 1, memory.read(src)),
      kind: "was copied",
      side: "dstbuf",
      index: ({ dstOffsetBytes }) => dstOffsetBytes - 1,
    },
    {
      what: "a byte too many was copied",
      damage: ({ dst, src, lengthBytes }, memory) => memory.write(dst + lengthBytes, memory.read(src)),
      kind: "was copied",
      side: "dstbuf",
      index: ({ dstOffsetBytes, lengthBytes }) => dstOffsetBytes + lengthBytes,
    },
    {
      what: "shifted data",
      damage: ({ dst, src }, memory) => memory.write(dst + 2, memory.read(src + 3)),
      kind: "mismatch",
      side: "dstbuf",
      index: ({ dstOffsetBytes }) => dstOffsetBytes + 2,
    },
  ];
  test.each(damages)("$what: $side $kind", async ({ damage, kind, side, index }) => {
    const faults: Faults = {
      damage(tx, memory) {
        if (tx.operation === "memcpy") damage(of(tx), memory);
      },
    };
    // One length in the middle of the buffer, so that there is something on each side of it.
    const results = await copyResults("iterations=40 transfer_size=100", faults);
    const inside = results.filter(
      ({ srcOffsetBytes, dstOffsetBytes }) =>
        Math.min(srcOffsetBytes, dstOffsetBytes) > 0 && Math.max(srcOffsetBytes, dstOffsetBytes) < 412,
    );
    expect(inside.length).toBeGreaterThan(10);
    for (const result of inside) {
      expect(result).toMatchObject({ text: "data error", value: 1 });
      expect(result.mismatches).toEqual([expect.objectContaining({ kind, side, index: index(result) })]);
    }
  });

  test("the device is taken away: what is in flight fails, and nothing can be prepared any more", async () => {
    const engine = new DmaEngine();
    let removed: Promise<void> | undefined;
    let started = 0;
    const driver = faulty({
      onStart() {
        started += 1;
        if (started === 4) removed = engine.remove(driver);
      },
    });
    await engine.register(driver);
    const json: JsonReport = { driver: "faulty", seed: 1, channels: [], results: [], summaries: [] };
    await stress(engine, {
      parameters: parseParameters(["iterations=5", "test_buf_size=64", "channel=dma0chan0", "verbose"]),
      seed: 1,
      report: collectReport(json),
      signal: new AbortController().signal,
    });
    await removed;
    expect(new Set(json.results.map(({ text }) => text))).toEqual(
      new Set(["test passed", "completion error status", "prep error"]),
    );
    for (const { thread } of json.summaries) {
      const texts = json.results.filter((result) => result.thread === thread).map(({ text }) => text);
      expect(texts).toHaveLength(5);
      expect(texts.at(-1)).toBe("prep error");
    }
  });
});

describe("channels", () => {
  test("that are not there are refused, with those that are", async () => {
    await expect(run("iterations=1 channel=dma7chan0")).rejects.toMatchObject({
      code: "ERR_DMATEST_CHANNEL",
      message: expect.stringContaining("dma0chan1 of faulty0"),
    });
    await expect(run("iterations=1 device=elsewhere")).rejects.toMatchObject({ code: "ERR_DMATEST_CHANNEL" });
  });

  test("of the device that is asked for are used", async () => {
    const { channels } = await run("iterations=1 test_buf_size=64 device=faulty0");
    expect(channels).toEqual([
      { name: "dma0chan0", threads: 3 },
      { name: "dma0chan1", threads: 3 },
    ]);
  });
});
