import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PARAMETER_HELP, parseParameters } from "./parameters.js";

test("defaults are the kernel's", () => {
  expect(parseParameters([])).toEqual({
    test_buf_size: 16384,
    device: "",
    channel: [],
    threads_per_chan: 1,
    max_channels: 0,
    iterations: 0,
    dmatest: 0,
    xor_sources: 3,
    pq_sources: 3,
    timeout: 3000,
    noverify: false,
    norandom: false,
    verbose: false,
    alignment: -1,
    transfer_size: 0,
    polled: false,
  });
  expect(PARAMETER_HELP.map(([name]) => name)).toEqual(Object.keys(parseParameters([])));
});

test("are written as for modprobe or on the kernel's command line", () => {
  expect(
    parseParameters([
      "timeout=2000",
      "dmatest.iterations=1",
      "channel=dma0chan0",
      "run=1",
      "wait=Y",
      "polled",
      "test_buf_size=0x800",
    ]),
  ).toMatchObject({
    timeout: 2000,
    iterations: 1,
    channel: ["dma0chan0"],
    polled: true,
    test_buf_size: 2048,
  });
  expect(
    parseParameters(["channel=a", "channel=b", "timeout=-1", "noverify=N", "norandom=on"]),
  ).toMatchObject({
    channel: ["a", "b"],
    timeout: -1,
    noverify: false,
    norandom: true,
  });
});

describe("what makes no sense is refused:", () => {
  test.each([
    "bogus=1",
    "iterations",
    "iterations=",
    "iterations=-1",
    "iterations=1.5",
    "test_buf_size=0",
    "dmatest=2",
    "timeout=-2",
    "verbose=maybe",
    "channel",
    "channel=",
    "device",
    "run=0",
    "wait=N",
    "transfer_size=16384",
    "=1",
    "",
  ])("%j", (word) => {
    expect(() => parseParameters([word])).toThrow(expect.objectContaining({ code: "ERR_DMATEST_PARAMETER" }));
  });

  test("a channel twice", () => {
    expect(() => parseParameters(["channel=a", "channel=a"])).toThrow(/already/);
  });

  test("anything else is taken or refused with the same error", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        try {
          parseParameters(words);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_DMATEST_PARAMETER" });
        }
      }),
    );
  });
});
