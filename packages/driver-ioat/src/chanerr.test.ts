import { DmaTransResult } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { describeChanerr, resultOfChanerr } from "./chanerr.js";

describe("CHANERR", () => {
  it.each([
    [0, "CHANERR 0x0 (nothing)"],
    [1 << 8, "CHANERR 0x100 (read data)"],
    [(1 << 9) | (1 << 18), "CHANERR 0x40200 (write data, descriptor count)"],
    [(1 << 16) | (1 << 17), "CHANERR 0x30000 (XOR, P or CRC mismatch, Q mismatch)"],
    [1 << 14, "CHANERR 0x4000 (super extended descriptor address)"],
    [0x8008_0000 | 0, "CHANERR 0x80080000 (bit 19, bit 31)"],
  ])("0x%i in words", (errors, words) => {
    expect(describeChanerr(errors)).toBe(words);
  });

  it("has a name for each bit that the register has", () => {
    for (let bit = 0; bit <= 18; bit++) expect(describeChanerr(1 << bit)).not.toContain(`bit ${bit}`);
  });

  it.each([
    [1 << 8, DmaTransResult.READ_FAILED],
    [1 << 9, DmaTransResult.WRITE_FAILED],
    [(1 << 8) | (1 << 9), DmaTransResult.READ_FAILED],
    [1 << 10, DmaTransResult.ABORTED],
    [0, DmaTransResult.ABORTED],
  ])("0x%i as the result of a transaction", (errors, result) => {
    expect(resultOfChanerr(errors)).toBe(result);
  });
});
