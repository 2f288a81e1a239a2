import { SUM_CHECK_P_RESULT, SUM_CHECK_Q_RESULT } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import type { Block } from "./kernels.js";
import { naiveKernels } from "./naive.js";
import { swarKernels } from "./swar.js";

// A stripe of a RAID-6 of four data disks. The numbers come from a program that shares no code with this one.
const DATA = ["00017f80ff10a55a", "ff02040810204080", "deadbeefcafebabe", "0123456789abcdef"];
const P = "208d8000ac65928b";
const Q = "b48ea714ecbed1ae";
const POWERS = Uint8Array.of(1, 2, 4, 8);
const LENGTH = 8;

function block(hex: string): Block {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  return { bytes, words: new Uint32Array(bytes.buffer, 0, bytes.length >>> 2), start: 0 };
}

function empty(): Block {
  return block("5a".repeat(LENGTH));
}

function hex({ bytes }: Block): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

describe.each([
  ["naive", naiveKernels],
  ["swar", swarKernels],
])("golden vectors with the %s kernels", (_name, kernels) => {
  const data = (): Block[] => DATA.map(block);

  it("P is the xor of the data", () => {
    const dst = empty();
    kernels.xor(dst, data(), 4, LENGTH);
    expect(hex(dst)).toBe(P);
    expect(kernels.xorVal([...data(), dst], 5, LENGTH)).toBe(0);
  });

  it("P and Q of the data", () => {
    const p = empty();
    const q = empty();
    kernels.pq(p, q, data(), POWERS, 4, LENGTH, false);
    expect([hex(p), hex(q)]).toEqual([P, Q]);
    expect(kernels.pqVal(p, q, data(), POWERS, 4, LENGTH)).toBe(0);
  });

  it("the same with the disks the other way round", () => {
    const q = empty();
    kernels.pq(null, q, data().reverse(), POWERS.toReversed(), 4, LENGTH, false);
    expect(hex(q)).toBe(Q);
  });

  it("the same in two parts", () => {
    const p = empty();
    const q = empty();
    kernels.pq(p, q, data().slice(0, 3), POWERS.slice(0, 3), 3, LENGTH, false);
    kernels.pq(p, q, data().slice(3), POWERS.slice(3), 1, LENGTH, true);
    expect([hex(p), hex(q)]).toEqual([P, Q]);
  });

  it("two lost data disks, from P and Q", () => {
    // Disks 1 and 3: D3 = a7 * Pd + dd * Qd, D1 = D3 + Pd, where Pd and Qd are what the other two leave of P and Q.
    const pd = block(P);
    const qd = block(Q);
    kernels.pq(pd, qd, [block(DATA[0]!), block(DATA[2]!)], Uint8Array.of(1, 4), 2, LENGTH, true);
    expect([hex(pd), hex(qd)]).toEqual(["fe21416f998b8d6f", "eb011a0f1c71a636"]);
    kernels.pq(null, qd, [pd, qd], Uint8Array.of(0xa7, 0xdd), 2, LENGTH, false);
    expect(hex(qd)).toBe(DATA[3]);
    kernels.xor(pd, [pd, qd], 2, LENGTH);
    expect(hex(pd)).toBe(DATA[1]);
  });

  it("a lost data disk, from Q alone", () => {
    const q = block(Q);
    const others = [block(DATA[0]!), block(DATA[1]!), block(DATA[3]!)];
    kernels.pq(null, q, others, Uint8Array.of(1, 2, 8), 3, LENGTH, true);
    expect(hex(q)).toBe("5f8ec29b0fdfd2c2");
    kernels.pq(null, q, [q], Uint8Array.of(0x47), 1, LENGTH, false);
    expect(hex(q)).toBe(DATA[2]);
  });

  it("a new block, by read-modify-write", () => {
    const p = block(P);
    const q = block(Q);
    const oldAndNew = [block(DATA[1]!), block("0011223344556677")];
    kernels.pq(p, q, oldAndNew, Uint8Array.of(2, 2), 2, LENGTH, true);
    expect([hex(p), hex(q)]).toEqual(["df9ea63bf810b47c", "57a8eb6244549d5d"]);
  });

  it("names what does not match", () => {
    const corrupt = (good: string): Block => {
      const bad = block(good);
      bad.bytes[3]! ^= 0x1c;
      return bad;
    };
    const wrongData = [block(DATA[0]!), block(DATA[1]!), corrupt(DATA[2]!), block(DATA[3]!)];
    const both = SUM_CHECK_P_RESULT | SUM_CHECK_Q_RESULT;
    expect(kernels.pqVal(block(P), block(Q), wrongData, POWERS, 4, LENGTH)).toBe(both);
    expect(kernels.pqVal(corrupt(P), block(Q), data(), POWERS, 4, LENGTH)).toBe(SUM_CHECK_P_RESULT);
    expect(kernels.pqVal(block(P), corrupt(Q), data(), POWERS, 4, LENGTH)).toBe(SUM_CHECK_Q_RESULT);
    expect(kernels.pqVal(null, block(Q), wrongData, POWERS, 4, LENGTH)).toBe(SUM_CHECK_Q_RESULT);
    expect(kernels.pqVal(block(P), null, wrongData, POWERS, 4, LENGTH)).toBe(SUM_CHECK_P_RESULT);
    expect(kernels.xorVal([...data(), corrupt(P)], 5, LENGTH)).toBe(SUM_CHECK_P_RESULT);
  });
});
