import { DirectDomain, DmaDirection } from "@dmaengine/core/driver";
import { describe, expect, it } from "vitest";
import { Operands } from "./operands.js";

function mapped(sizeBytes: number) {
  const domain = new DirectDomain("test");
  const memory = new Uint8Array(sizeBytes);
  const addr = domain.map(memory, 0, sizeBytes, DmaDirection.BIDIRECTIONAL);
  return { memory, addr, operands: new Operands(domain.space) };
}

describe("Operands", () => {
  it("points a block at mapped memory, without a view", () => {
    const { memory, addr, operands } = mapped(100);
    expect(operands.find(operands.dst, addr + 7, 93)).toBe(true);
    expect(operands.dst.bytes.buffer).toBe(memory.buffer);
    expect(operands.dst.words.buffer).toBe(memory.buffer);
    expect(operands.dst.start).toBe(7);
  });

  it("says so when memory is not mapped", () => {
    const { addr, operands } = mapped(100);
    expect(operands.find(operands.dst, addr + 7, 94)).toBe(false);
    expect(operands.find(operands.dst, addr - 1, 1)).toBe(false);
    expect(operands.findSrcs(Float64Array.of(addr, addr + 50), 2, 50)).toBe(true);
    expect(operands.findSrcs(Float64Array.of(addr, addr + 51), 2, 50)).toBe(false);
  });

  it("looks at the addresses in use only", () => {
    const { addr, operands } = mapped(100);
    expect(operands.findSrcs(Float64Array.of(addr, -1), 1, 50)).toBe(true);
  });

  it("keeps no buffer after the release", () => {
    const { addr, operands } = mapped(100);
    const { dst, src, p, q, srcs } = operands;
    for (const block of [dst, src, p, q]) operands.find(block, addr, 1);
    operands.findSrcs(Float64Array.of(addr, addr, addr), 3, 1);
    operands.findSrcs(Float64Array.of(addr), 1, 1);
    operands.release();
    for (const block of [dst, src, p, q, ...srcs]) {
      expect(block.bytes.length).toBe(0);
      expect(block.words.length).toBe(0);
    }
  });
});
