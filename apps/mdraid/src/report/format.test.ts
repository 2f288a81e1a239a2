import { describe, expect, it } from "vitest";
import { count, formatMillis, formatRate, labelled, mdadmSize, mdadmTime } from "./format.js";

const MIB = 1024 * 1024;

describe("mdadmSize", () => {
  // Recorded from mdadm 4.2.
  it.each([
    [64_512 * 1024, " (63.00 MiB 66.06 MB)"],
    [129_024 * 1024, " (126.00 MiB 132.12 MB)"],
    [5000 * 1024 - 1, ""],
    [5000 * 1024, " (4.88 MiB 5.12 MB)"],
    [2048 * MIB - 512, " (2048.00 MiB 2147.48 MB)"],
    [2048 * MIB, " (2.00 GiB 2.15 GB)"],
    [2 * 1024 ** 4, " (2.00 TiB 2.20 TB)"],
    [5000 * 1024 ** 4, " (5000.00 TiB 5497.56 TB)"],
  ])("describes %d bytes", (bytes, text) => {
    expect(mdadmSize(bytes)).toBe(text);
  });
});

describe("mdadmTime", () => {
  it("has ctime's form, in local time", () => {
    const local = (day: number): string => new Date(2026, 10, day, 1, 2, 3).toISOString();
    expect(mdadmTime(local(21))).toBe("Sat Nov 21 01:02:03 2026");
    expect(mdadmTime(local(1))).toBe("Sun Nov  1 01:02:03 2026");
  });
});

describe("formatMillis", () => {
  it.each([
    [0, "0.00 s"],
    [420, "0.42 s"],
    [1500, "1.5 s"],
    [9400, "9.4 s"],
    [17_400, "17 s"],
    [200_000, "3 min 20 s"],
    [7_500_000, "2 h 5 min"],
  ])("describes %d ms", (millis, text) => {
    expect(formatMillis(millis)).toBe(text);
  });
});

describe("formatRate", () => {
  it("is bytes by time", () => {
    expect(formatRate(3 * MIB, 1500)).toBe("2 MiB/s");
  });

  it("does not divide by a clock that stands still", () => {
    expect(formatRate(MIB, 0)).toBe("0 B/s");
  });
});

describe("count", () => {
  it("knows one from many", () => {
    expect([count(0, "row"), count(1, "row"), count(2, "row")]).toEqual(["0 rows", "1 row", "2 rows"]);
  });
});

describe("labelled", () => {
  it("has labels flush right, an empty line between groups, and leaves lines out", () => {
    expect(labelled(5, [[["a", 1], null, ["abc", "x"]], [["b", 2]]])).toBe(
      "    a : 1\n  abc : x\n\n    b : 2",
    );
  });
});
