import { MemoryMember, RaidArray } from "@dmaengine/raid456";
import { describe, expect, it } from "vitest";
import { ExpectedArray, seededBytes, wrongBytes } from "./content.js";
import { generateWorkload } from "./generate.js";

const SIZE = {
  chunkBytes: 4096,
  memberBytes: 40960,
  fullStripeWrites: 1,
  partialWrites: 1,
  degradedReads: 1,
  maxPartialBytes: 512,
};

describe("ExpectedArray", () => {
  it.each([5, 6] as const)("has the members that a RAID-%i array writes", async (level) => {
    const workload = generateWorkload(level, SIZE, 3);
    const expected = new ExpectedArray(workload);
    const devices = Array.from(
      { length: workload.array.raidDisks },
      () => new MemoryMember(SIZE.memberBytes),
    );
    const array = new RaidArray({
      ...workload.array,
      members: devices.map((device) => ({ device, dataOffsetBytes: 0 })),
    });
    await array.write(0, expected.content);
    const wrong = expected
      .members()
      .map((bytes, slot) => wrongBytes((devices[slot] as MemoryMember).bytes, bytes));
    expect(wrong).toEqual(devices.map(() => 0));
  });
});

describe("wrongBytes", () => {
  it("counts bytes that differ", () => {
    expect(wrongBytes(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 0, 0))).toBe(2);
  });
});

describe("seededBytes", () => {
  it("gives any length, and what the seed says", () => {
    expect(seededBytes(7, 1)).toHaveLength(7);
    expect(seededBytes(100, 1).subarray(0, 7)).toEqual(seededBytes(7, 1));
    expect(seededBytes(100, 1)).not.toEqual(seededBytes(100, 2));
  });
});
