// Clients of a driver on machines whose devices don't see the CPU's caches, some of whom keep to the rules of mapping.

import { DmaDirection, DmaEngine, DmaStatus } from "@dmaengine/core";
import { type NonCoherence, Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { mvXor } from "./mv-xor.js";

const { BIDIRECTIONAL, FROM_DEVICE, TO_DEVICE } = DmaDirection;
const BEHAVIOURS: readonly NonCoherence[] = ["v5", "v7"];
const LENGTH = 512;
const HALF = LENGTH / 2;
const LONG = process.env["DMAENGINE_LONG"] === "1";
/** Of a client that keeps to the rules, none of so many seeds may go wrong. The v7 cache prefetches, so there are more ways to. */
const RIGHT_SEEDS = LONG ? { v5: 10_000, v7: 100_000 } : { v5: 500, v7: 1000 };
/** Of one that doesn't, every one of so many does. */
const WRONG_SEEDS = 200;

async function rig(coherence: NonCoherence, seed: number, checker: boolean) {
  const platform = new Platform({ coherence, seed, cacheLineBytes: 32 });
  const engine = new DmaEngine({ checker });
  const [device] = await engine.register(mvXor({ platform, variant: "orion", ringSize: 4, channels: 1 }));
  if (device === undefined) throw new Error("no device");
  const chan = engine.requestChannel(["memcpy", "xor"]);
  const run = async (tx: ReturnType<typeof chan.prepMemcpy>): Promise<void> => {
    if (tx === null) throw new Error("no room");
    if ((await chan.syncWait(tx.submit())) !== DmaStatus.COMPLETE) throw new Error("the transfer failed");
  };
  return { device, chan, run };
}

const filled = (value: number): Uint8Array => new Uint8Array(LENGTH).fill(value);

/** Whether a page has these bytes in its halves. */
function holds(page: Uint8Array, first: number, second: number): boolean {
  return page.every((byte, at) => byte === (at < HALF ? first : second));
}

describe.each(BEHAVIOURS)("on a machine that is not coherent (%s)", (coherence) => {
  it(`a client that maps correctly never sees a wrong byte, with any of ${RIGHT_SEEDS[coherence]} seeds`, async () => {
    for (let seed = 0; seed < RIGHT_SEEDS[coherence]; seed++) {
      const { device, chan, run } = await rig(coherence, seed, seed % 100 === 0);
      const [a, b, sum] = [filled(1), filled(2), filled(0)];
      // A copy into one half, and what the CPU stores meanwhile into another page.
      const to = device.mapSingle(a, TO_DEVICE);
      const from = device.mapSingle(b.subarray(HALF), FROM_DEVICE);
      sum.fill(9);
      await run(chan.prepMemcpy(from, to, HALF));
      device.unmapSingle(from, HALF, FROM_DEVICE);
      device.unmapSingle(to, LENGTH, TO_DEVICE);
      if (!holds(b, 2, 1)) expect.fail(`seed ${seed}: the copy is wrong`);
      // A page that stays mapped, and goes to the CPU and back between two sums.
      b.fill(4, 0, HALF);
      const addrs = [a, b, sum].map((page) => device.mapSingle(page, BIDIRECTIONAL));
      const [atA, atB, atSum] = addrs as [number, number, number];
      await run(chan.prepXor(atSum, [atA, atB], 2, LENGTH));
      device.syncSingleForCpu(atSum, LENGTH, BIDIRECTIONAL);
      if (!holds(sum, 5, 0)) expect.fail(`seed ${seed}: the first sum is wrong`);
      sum.fill(8, 0, HALF);
      device.syncSingleForDevice(atSum, LENGTH, BIDIRECTIONAL);
      await run(chan.prepXor(atB, [atSum, atA], 2, LENGTH));
      for (const addr of addrs) device.unmapSingle(addr, LENGTH, BIDIRECTIONAL);
      if (!holds(a, 1, 1) || !holds(sum, 8, 0) || !holds(b, 9, 1)) {
        expect.fail(`seed ${seed}: the second sum is wrong`);
      }
    }
  });

  describe("a client that maps a page twice", () => {
    /** Two copies into the halves of a page that is mapped for each of them; the first half is used once its copy is done. */
    async function isRight(seed: number, checker: boolean): Promise<boolean> {
      const { device, chan, run } = await rig(coherence, seed, checker);
      const src = device.mapSingle(filled(1), TO_DEVICE);
      const page = filled(2);
      const first = device.mapSingle(page, BIDIRECTIONAL);
      const second = device.mapSingle(page, BIDIRECTIONAL);
      await run(chan.prepMemcpy(first, src, HALF));
      device.unmapSingle(first, LENGTH, BIDIRECTIONAL);
      page.fill(5, 0, HALF);
      await run(chan.prepMemcpy(second + HALF, src, HALF));
      device.unmapSingle(second, LENGTH, BIDIRECTIONAL);
      return holds(page, 5, 1);
    }

    it("is caught by the checker", async () => {
      await expect(isRight(0, true)).rejects.toMatchObject({ check: "overlap" });
    });

    it(`gets wrong bytes without it, with each of ${WRONG_SEEDS} seeds`, async () => {
      for (let seed = 0; seed < WRONG_SEEDS; seed++)
        expect(await isRight(seed, false), `${seed}`).toBe(false);
    });
  });

  describe("a client that unmaps early", () => {
    /** A copy whose destination is unmapped before the engine has done it. */
    async function isRight(seed: number, checker: boolean): Promise<boolean> {
      const { device, chan } = await rig(coherence, seed, checker);
      const src = device.mapSingle(filled(1), TO_DEVICE);
      const page = filled(2);
      const dst = device.mapSingle(page, FROM_DEVICE);
      const cookie = chan.prepMemcpy(dst, src, LENGTH)?.submit() ?? 0;
      chan.issuePending();
      device.unmapSingle(dst, LENGTH, FROM_DEVICE);
      expect(await chan.syncWait(cookie)).toBe(DmaStatus.COMPLETE);
      return holds(page, 1, 1);
    }

    it("is caught by the checker", async () => {
      await expect(isRight(0, true)).rejects.toMatchObject({ check: "unmap-in-flight" });
    });

    it(`gets wrong bytes without it, with each of ${WRONG_SEEDS} seeds`, async () => {
      for (let seed = 0; seed < WRONG_SEEDS; seed++)
        expect(await isRight(seed, false), `${seed}`).toBe(false);
    });
  });
});
