import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { startProgress, withProgress } from "./progress.js";

const MIB = 1024 * 1024;

/** Progress of 100 MiB at one MiB in `millisPerMib`, from `fromMib` on, and what it writes. */
function watch(millisPerMib: number, { fromMib = 0, isTTY = false } = {}): string {
  const stderr = Object.assign(new PassThrough(), { isTTY });
  let millis = 0;
  const progress = startProgress({ stderr }, "rebuild", () => millis);
  for (let mib = fromMib + 1; mib <= 100; mib++) {
    millis += millisPerMib;
    progress.update({ doneBytes: mib * MIB, totalBytes: 100 * MIB });
  }
  progress.stop();
  return String(stderr.read() ?? "");
}

describe("startProgress without a terminal", () => {
  it("writes a line after each tenth, with rate and time left", () => {
    const lines = watch(500).split("\n");
    expect(lines).toHaveLength(10 + 1);
    expect(lines[0]).toBe("mdraid: rebuild 10%: 10 MiB of 100 MiB, 2 MiB/s, 45 s left");
    expect(lines[8]).toBe("mdraid: rebuild 90%: 90 MiB of 100 MiB, 2 MiB/s, 5.0 s left");
  });

  it("counts the rate from where it goes on, not from the start", () => {
    expect(watch(500, { fromMib: 49 }).split("\n")[1]).toBe(
      "mdraid: rebuild 60%: 60 MiB of 100 MiB, 2 MiB/s, 20 s left",
    );
  });

  it("is silent when it is quick, and writes no more than a line a second", () => {
    expect(watch(1)).toBe("");
    expect(watch(30).split("\n")).toHaveLength(2 + 1);
  });
});

describe("startProgress on a terminal", () => {
  it("draws a bar and clears it away", () => {
    const drawn = watch(500, { isTTY: true });
    expect(drawn).toContain("rebuild [");
    expect(drawn).toMatch(/ MiB\/s, .* left/);
  });

  it("needs no update to be stopped", () => {
    const stderr = Object.assign(new PassThrough(), { isTTY: true });
    startProgress({ stderr }, "rebuild").stop();
    expect(stderr.read()).toBeNull();
  });
});

describe("withProgress", () => {
  it("hands the signal on, and returns what the operation returns", async () => {
    const { signal } = new AbortController();
    const stderr = new PassThrough();
    const result = await withProgress({ stderr, signal }, "check", async (options) => {
      await options.onProgress?.({ doneBytes: 1, totalBytes: 1 });
      return options.signal;
    });
    expect(result).toBe(signal);
  });
});
