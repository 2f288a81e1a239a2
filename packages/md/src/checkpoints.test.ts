import { describe, expect, it } from "vitest";
import { Checkpoints } from "./checkpoints.js";

const MINUTE_MILLIS = 60_000;

/** At how many of 160 steps a checkpoint is due. */
function stepsDue(millisPerStep: number, firstStep = 1): number[] {
  let millis = 0;
  const checkpoints = new Checkpoints(() => millis);
  const due: number[] = [];
  for (let step = firstStep; step <= 160; step++) {
    millis += millisPerStep;
    if (checkpoints.isDue({ doneBytes: step * 1000, totalBytes: 160_000 })) due.push(step);
  }
  return due;
}

describe("Checkpoints", () => {
  it("are due after each 16th part", () => {
    expect(stepsDue(1)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160]);
  });

  it("keep to the same places where an operation goes on", () => {
    expect(stepsDue(1, 75)).toEqual([80, 90, 100, 110, 120, 130, 140, 150, 160]);
  });

  it("are due every five minutes, too", () => {
    expect(stepsDue(2 * MINUTE_MILLIS).slice(0, 5)).toEqual([3, 6, 9, 10, 13]);
  });
});
