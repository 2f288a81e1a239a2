import {
  DMA_PREP_CONTINUE,
  gfExp,
  gfInv,
  gfMul,
  SUM_CHECK_P_RESULT,
  SUM_CHECK_Q_RESULT,
} from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { isal } from "./index.js";
import { missing, titled } from "./testing/library.js";
import { Stripe } from "./testing/stripe.js";

const LONG = process.env["DMAENGINE_LONG"] === "1";
vi.setConfig({ testTimeout: LONG ? 1_800_000 : 60_000 });

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const powers = (count: number): number[] => upTo(count).map(gfExp);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Something that is different in every block, and the same for the same seed. */
function fill(memory: Uint8Array, seed: number): void {
  let state = seed | 1;
  for (let at = 0; at < memory.length; at++) {
    state = Math.imul(state, 1664525) + 1013904223;
    memory[at] = state >>> 24;
  }
}

/** Data disks x and y from all others, P and Q: one sum of products, and one xor. */
async function recoverTwo(stripe: Stripe, disks: number, x: number, y: number): Promise<void> {
  const [p, q] = [disks - 2, disks - 1];
  const rest = upTo(p).filter((i) => i !== x && i !== y);
  const forQ = gfInv(gfExp(x) ^ gfExp(y));
  const forP = gfMul(forQ, gfExp(x));
  const coefs = rest.map((i) => gfMul(forQ, gfExp(i)) ^ forP);
  await stripe.pq(null, y, [...rest, p, q], [...coefs, forP, forQ]);
  await stripe.xor(x, [...rest, y, p]);
}

describe.skipIf(missing !== undefined)(titled("ISA-L"), () => {
  // A stripe of a RAID-6 of four data disks. The numbers come from a program that shares no code with this one.
  const DATA = ["00017f80ff10a55a", "ff02040810204080", "deadbeefcafebabe", "0123456789abcdef"];
  const P = "208d8000ac65928b";
  const Q = "b48ea714ecbed1ae";

  // 8 bytes are done by the code for any length, 32 bytes by that for aligned blocks.
  it.each([1, 4])("makes the P and Q that are known, times %d", async (times) => {
    const stripe = await Stripe.open(isal(), 6, 64);
    stripe.lengthBytes = 8 * times;
    for (const [i, block] of DATA.entries()) stripe.block(i).set(Buffer.from(block.repeat(times), "hex"));
    await stripe.pq(4, 5, upTo(4), powers(4));
    expect([hex(stripe.block(4)), hex(stripe.block(5))]).toEqual([P.repeat(times), Q.repeat(times)]);
    expect(await stripe.pqVal(4, 5, upTo(4), powers(4))).toBe(0);
    await stripe.xor(5, upTo(4));
    expect(hex(stripe.block(5))).toBe(P.repeat(times));
    await stripe.close();
  });

  it("recovers every two data disks of stripes of up to 12", async () => {
    const stripe = await Stripe.open(isal(), 12, 512);
    for (let disks = 4; disks <= 12; disks++) {
      fill(stripe.memory, disks);
      const data = upTo(disks - 2);
      await stripe.pq(disks - 2, disks - 1, data, powers(data.length));
      for (const y of data.slice(1)) {
        for (const x of upTo(y)) {
          const lost = [hex(stripe.block(x)), hex(stripe.block(y))];
          stripe.block(x).fill(0xa5);
          stripe.block(y).fill(0xa5);
          await recoverTwo(stripe, disks, x, y);
          expect([hex(stripe.block(x)), hex(stripe.block(y))]).toEqual(lost);
        }
      }
    }
    await stripe.close();
  });

  it("makes P and Q of as many disks as there are", async () => {
    const [ours, theirs] = [await Stripe.open(isal(), 257, 160), await Stripe.open(cpu(), 257, 160)];
    for (const lengthBytes of [160, 64, 37]) {
      for (const stripe of [ours, theirs]) {
        stripe.lengthBytes = lengthBytes;
        fill(stripe.memory, lengthBytes);
        await stripe.pq(255, 256, upTo(255), powers(255));
        await stripe.pq(255, 256, upTo(255), powers(255).toReversed(), DMA_PREP_CONTINUE);
      }
      expect(Buffer.compare(ours.memory, theirs.memory)).toBe(0);
    }
    await ours.close();
    await theirs.close();
  });

  // By the code for aligned blocks, and by that for any.
  it.each([20_480, 20_481])(
    "finds a wrong bit, wherever it is, in blocks %d bytes apart",
    async (strideBytes) => {
      const stripe = await Stripe.open(isal(), 6, strideBytes);
      fill(stripe.memory, 1);
      await stripe.pq(4, 5, upTo(4), powers(4));
      for (const at of [0, 8191, 8192, 16_383, 16_384, strideBytes - 1]) {
        for (const block of upTo(6)) {
          stripe.block(block)[at]! ^= 0x10;
          const [inP, inQ] = [block !== 5, block !== 4];
          expect(await stripe.xorVal(upTo(5))).toBe(inP ? SUM_CHECK_P_RESULT : 0);
          expect(await stripe.pqVal(4, null, upTo(4), powers(4))).toBe(inP ? SUM_CHECK_P_RESULT : 0);
          expect(await stripe.pqVal(null, 5, upTo(4), powers(4))).toBe(inQ ? SUM_CHECK_Q_RESULT : 0);
          const both = (inP ? SUM_CHECK_P_RESULT : 0) | (inQ ? SUM_CHECK_Q_RESULT : 0);
          expect(await stripe.pqVal(4, 5, upTo(4), powers(4))).toBe(both);
          stripe.block(block)[at]! ^= 0x10;
        }
      }
      expect(await stripe.pqVal(4, 5, upTo(4), powers(4))).toBe(0);
      await stripe.close();
    },
  );

  const BLOCKS = 20;
  const [P_BLOCK, Q_BLOCK] = [BLOCKS - 2, BLOCKS - 1];
  const MAX_BYTES = 17_000;
  const call = fc.record({
    // Around the steps and the pieces that the library and its thread work in, in both kinds of code.
    lengthBytes: fc.oneof(
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom(4096, 8128, 8160, 8192, 8224, 16384, 16416, 16960),
      fc.constantFrom(4095, 8191, 8193, 16385, MAX_BYTES),
    ),
    srcs: fc.uniqueArray(fc.nat(P_BLOCK - 1), { minLength: 2, maxLength: P_BLOCK }),
    /** None: powers of 2. */
    coefs: fc.option(fc.uint8Array({ minLength: BLOCKS, maxLength: BLOCKS }), { freq: 1 }),
    want: fc.constantFrom("p", "q", "pq", "pq"),
    inPlace: fc.constantFrom("", "", "p", "q", "pq"),
    flags: fc.constantFrom(0, 0, DMA_PREP_CONTINUE),
    seed: fc.integer(),
    damage: fc.option(fc.record({ block: fc.nat(BLOCKS - 1), at: fc.nat(MAX_BYTES - 1) }), { freq: 1 }),
  });

  it.each([
    { title: "aligned", strideBytes: MAX_BYTES + 64 - (MAX_BYTES % 64) },
    { title: "unaligned", strideBytes: MAX_BYTES + 1 },
  ])("does what the software engine does, $title, whatever it is asked for", async ({ strideBytes }) => {
    const ours = await Stripe.open(isal(), BLOCKS, strideBytes);
    const theirs = await Stripe.open(cpu(), BLOCKS, strideBytes);
    const property = fc.asyncProperty(
      call,
      async ({ lengthBytes, srcs, want, inPlace, flags, seed, damage, ...rest }) => {
        const coefs = rest.coefs ?? powers(srcs.length);
        const at = (name: string, src: number | undefined, aside: number): number | null => {
          if (!want.includes(name)) return null;
          return inPlace.includes(name) ? (src as number) : aside;
        };
        const p = at("p", srcs[0], P_BLOCK);
        const q = at("q", srcs[1], Q_BLOCK);
        const verdicts: number[][] = [];
        for (const stripe of [ours, theirs]) {
          stripe.lengthBytes = lengthBytes;
          fill(stripe.memory, seed);
          await stripe.pq(p, q, srcs, coefs, flags);
          if (damage !== null) stripe.memory[damage.block * strideBytes + (damage.at % lengthBytes)]! ^= 0x40;
          const checks = [await stripe.pqVal(p, q, srcs, coefs), await stripe.xorVal([...srcs, P_BLOCK])];
          await stripe.xor(p ?? P_BLOCK, srcs);
          verdicts.push(checks);
        }
        expect(verdicts[0]).toEqual(verdicts[1]);
        expect(Buffer.compare(ours.memory, theirs.memory)).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: LONG ? 2000 : 150 });
    await ours.close();
    await theirs.close();
  });
});
