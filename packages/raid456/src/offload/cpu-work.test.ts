import { gfExp, gfMul, SumCheck } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { NOTHING } from "../stripe/stripe-page.js";
import { randomBytes } from "../testing/model.js";
import { CpuWork } from "./cpu-work.js";
import type { PageOp } from "./page-op.js";

const N = 64;
const range = { start: 8, end: 40 };
const length = range.end - range.start;

function setUp() {
  const heard: [string, number][] = [];
  const cpu = new CpuWork((op, bytes) => heard.push([op, bytes]));
  const pages = [0, 1, 2, 3, 4].map((n) => ({ bytes: randomBytes(N, n), mapping: null, valid: NOTHING }));
  const before = pages.map(({ bytes }) => bytes.slice());
  return { cpu, heard, pages: pages as [P, P, P, P, P], before };
}
type P = { bytes: Uint8Array; mapping: null; valid: typeof NOTHING };

describe("the CPU's work", () => {
  it("adds to P and Q, or makes them anew, in the range and nowhere else, and counts what it touches", () => {
    for (const goOn of [false, true]) {
      const { cpu, heard, pages, before } = setUp();
      const [a, b, c, p, q] = pages;
      const coefs = [1, 2, gfExp(77)];
      cpu.do({ op: "pq", p, q, srcs: [a, b, c], coefs, range, goOn });
      for (let i = 0; i < N; i++) {
        const inside = i >= range.start && i < range.end;
        const sources = before.slice(0, 3);
        const sumP = sources.reduce((sum, bytes) => sum ^ bytes[i]!, goOn ? before[3]![i]! : 0);
        const sumQ = sources.reduce(
          (sum, bytes, k) => sum ^ gfMul(coefs[k]!, bytes[i]!),
          goOn ? before[4]![i]! : 0,
        );
        expect(p.bytes[i]).toBe(inside ? sumP : before[3]![i]);
        expect(q.bytes[i]).toBe(inside ? sumQ : before[4]![i]);
      }
      expect(heard).toEqual([["pq", (goOn ? 7 : 5) * length]]);
    }
  });

  it("counts the bytes that each operation reads and writes", () => {
    const { cpu, heard, pages } = setUp();
    const [a, b, c, p, q] = pages;
    const result = new SumCheck();
    const memory = new Uint8Array(100);
    const copy = { page: a, pageOffset: 3, lengthBytes: 7 };
    const ops: readonly [PageOp, blocks: number, of: number][] = [
      [{ op: "drain", ...copy, from: memory, fromOffset: 5 }, 2, 7],
      [{ op: "fill", ...copy, into: memory, intoOffset: 5 }, 2, 7],
      [{ op: "xor", dst: p, srcs: [a, b, c], range }, 4, length],
      [{ op: "xor", dst: p, srcs: [p, b, c], range }, 4, length],
      [{ op: "pq", p: null, q, srcs: [a, b], coefs: [1, 2], range, goOn: false }, 3, length],
      [{ op: "xorVal", srcs: [a, b, c], range, result }, 3, length],
      [{ op: "pqVal", p, q: null, srcs: [a, b], coefs: [1, 2], range, result }, 3, length],
      [{ op: "pqVal", p, q, srcs: [a, b], coefs: [1, 2], range, result }, 4, length],
    ];
    for (const [op] of ops) cpu.do(op);
    expect(heard).toEqual(ops.map(([op, blocks, of]) => [op.op, blocks * of]));
    expect(cpu.operations).toBe(ops.length);
    expect(cpu.bytes).toBe(ops.reduce((sum, [, blocks, of]) => sum + blocks * of, 0));
  });

  it("tells P from Q where a check fails", () => {
    const { cpu, pages } = setUp();
    const [a, b, , p, q] = pages;
    const result = new SumCheck();
    const sums = { p, q, srcs: [a, b], coefs: [1, 2], range };
    const verdict = (): [boolean, boolean] => {
      cpu.do({ op: "pqVal", ...sums, result });
      return [result.pFailed, result.qFailed];
    };
    cpu.do({ op: "pq", ...sums, goOn: false });
    expect(verdict()).toEqual([false, false]);
    p.bytes[range.start - 1]! ^= 1;
    expect(verdict()).toEqual([false, false]);
    p.bytes[range.start]! ^= 1;
    expect(verdict()).toEqual([true, false]);
    q.bytes[range.end - 1]! ^= 0x80;
    expect(verdict()).toEqual([true, true]);
    p.bytes[range.start]! ^= 1;
    expect(verdict()).toEqual([false, true]);
  });
});
