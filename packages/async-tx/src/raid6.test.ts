// The calls for RAID-6, on every set of engines.

import { DmaStatus, SumCheck } from "@dmaengine/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ASYNC_TX_ACK,
  ASYNC_TX_FENCE,
  ASYNC_TX_PQ_XOR_DST,
  AsyncTx,
  type AsyncTxDescriptor,
  initAsyncSubmit,
} from "./index.js";
import { ENGINE_SET_NAMES, type EngineSet, machine, takeApart } from "./testing/engine-sets.js";
import { noise, syndromeOf } from "./testing/model.js";

const LEN = 256;
/** Where in its page a block is. */
const OFFSET = 64;
const fresh = () => new Uint8Array(OFFSET + LEN).fill(0xee);
const bytesOf = (page: Uint8Array) => page.subarray(OFFSET);
const scribble = () => new Array<null>(255).fill(null);
const last = (dependTx: AsyncTxDescriptor | null = null) =>
  initAsyncSubmit(ASYNC_TX_ACK, dependTx, null, undefined, scribble());

/** A stripe of `disks` blocks, P and Q included, of which the data blocks in `absent` have no page. */
function stripe(disks: number, seed = 1, absent: readonly number[] = []) {
  const blocks = Array.from({ length: disks }, (_, i) => {
    if (absent.includes(i)) return null;
    const page = fresh();
    page.set(noise(LEN, seed + i), OFFSET);
    return page;
  });
  const data = blocks.slice(0, -2).map((page) => page && bytesOf(page));
  const { p, q } = syndromeOf(data, LEN);
  return { blocks, p, q, pPage: blocks[disks - 2] as Uint8Array, qPage: blocks[disks - 1] as Uint8Array };
}

describe.each(ENGINE_SET_NAMES)("RAID-6 with %s", (set: EngineSet) => {
  async function run(calls: (atx: AsyncTx) => Promise<void>): Promise<void> {
    const m = await machine(set);
    const atx = new AsyncTx(m.engine);
    await calls(atx);
    await atx.close();
    await takeApart(m);
    expect(m.uncaught).toEqual([]);
  }

  it.each([3, 4, 6, 10, 11, 12, 24, 64])("computes P and Q of %i blocks", (disks) =>
    run(async (atx) => {
      const s = stripe(disks);
      const calls: unknown[] = [];
      const submit = initAsyncSubmit(ASYNC_TX_ACK, null, (param, status) => calls.push([param, status]), 5);
      const tx = await atx.asyncGenSyndrome(s.blocks, OFFSET, disks, LEN, submit);
      expect(await atx.dmaWaitForAsyncTx(tx)).toBe(DmaStatus.COMPLETE);
      expect(bytesOf(s.pPage)).toEqual(s.p);
      expect(bytesOf(s.qPage)).toEqual(s.q);
      expect(s.pPage.subarray(0, OFFSET)).toEqual(fresh().subarray(0, OFFSET));
      expect(calls).toEqual([[5, DmaStatus.COMPLETE]]);
    }),
  );

  it("computes P alone and Q alone", () =>
    run(async (atx) => {
      const s = stripe(14);
      const withoutP = [...s.blocks.slice(0, -2), null, s.qPage];
      await atx.dmaWaitForAsyncTx(await atx.asyncGenSyndrome(withoutP, OFFSET, 14, LEN, last()));
      expect(bytesOf(s.qPage)).toEqual(s.q);
      expect(bytesOf(s.pPage)).not.toEqual(s.p);
      const withoutQ = [...s.blocks.slice(0, -1), null];
      await atx.dmaWaitForAsyncTx(await atx.asyncGenSyndrome(withoutQ, OFFSET, 14, LEN, last()));
      expect(bytesOf(s.pPage)).toEqual(s.p);
    }));

  it("takes absent blocks for zeros, and every block from where it is", () =>
    run(async (atx) => {
      const s = stripe(8, 1, [0, 3]);
      const offsets = s.blocks.map((_, i) => (i === 2 ? 0 : OFFSET));
      const moved = new Uint8Array(LEN);
      moved.set(bytesOf(s.blocks[2] as Uint8Array));
      const blocks = s.blocks.map((page, i) => (i === 2 ? moved : page));
      await atx.dmaWaitForAsyncTx(await atx.asyncGenSyndrome(blocks, offsets, 8, LEN, last()));
      expect(bytesOf(s.pPage)).toEqual(s.p);
      expect(bytesOf(s.qPage)).toEqual(s.q);
    }));

  it("gives zeros for no data at all, and calls back", () =>
    run(async (atx) => {
      const s = stripe(4, 1, [0, 1]);
      let called = 0;
      const submit = initAsyncSubmit(ASYNC_TX_ACK, null, () => called++);
      await atx.dmaWaitForAsyncTx(await atx.asyncGenSyndrome(s.blocks, OFFSET, 4, LEN, submit));
      expect(bytesOf(s.pPage)).toEqual(new Uint8Array(LEN));
      expect(bytesOf(s.qPage)).toEqual(new Uint8Array(LEN));
      expect(called).toBe(1);
    }));

  it("adds to P and Q for a read-modify-write", () =>
    run(async (atx) => {
      const old = stripe(7, 1);
      const tx = await atx.asyncGenSyndrome(old.blocks, OFFSET, 7, LEN, initAsyncSubmit(ASYNC_TX_FENCE));
      const change = stripe(7, 50, [0, 2, 4]);
      const blocks = [...change.blocks.slice(0, -2), old.pPage, old.qPage];
      const submit = initAsyncSubmit(ASYNC_TX_ACK | ASYNC_TX_PQ_XOR_DST, tx);
      await atx.dmaWaitForAsyncTx(await atx.asyncGenSyndrome(blocks, OFFSET, 7, LEN, submit));
      expect(bytesOf(old.pPage)).toEqual(old.p.map((byte, i) => byte ^ (change.p[i] as number)));
      expect(bytesOf(old.qPage)).toEqual(old.q.map((byte, i) => byte ^ (change.q[i] as number)));
    }));

  it.each([4, 7, 10, 20])("checks P and Q of %i blocks, and changes none", (disks) =>
    run(async (atx) => {
      const result = new SumCheck();
      const spare = fresh();
      for (const [badP, badQ] of [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ] as const) {
        const s = stripe(disks);
        s.pPage.set(s.p, OFFSET);
        s.qPage.set(s.q, OFFSET);
        if (badP) (s.pPage[OFFSET] as number) ^= 1;
        if (badQ) (s.qPage[OFFSET + LEN - 1] as number) ^= 0x80;
        const before = s.blocks.map((page) => page?.slice());
        const check = async (blocks: readonly (Uint8Array | null)[]) => {
          result.flags = 3;
          const tx = await atx.asyncSyndromeVal(blocks, OFFSET, disks, LEN, result, spare, OFFSET, last());
          expect(await atx.dmaWaitForAsyncTx(tx)).toBe(DmaStatus.COMPLETE);
          return [result.pFailed, result.qFailed];
        };
        expect(await check(s.blocks)).toEqual([badP, badQ]);
        expect(await check([...s.blocks.slice(0, -1), null])).toEqual([badP, false]);
        expect(await check([...s.blocks.slice(0, -2), null, s.qPage])).toEqual([false, badQ]);
        expect(s.blocks).toEqual(before);
      }
    }),
  );

  // The sizes that crypto/async_tx/raid6test.c runs: 4 and 5 have ways of their own, with 11, 12 and 24 I/OAT continues a sum in different ways.
  it.each([4, 5, 11, 12, 24])("recovers every pair of %i blocks", (disks) =>
    run(async (atx) => {
      const whole = stripe(disks);
      whole.pPage.set(whole.p, OFFSET);
      whole.qPage.set(whole.q, OFFSET);
      for (let faila = 0; faila < disks - 2; faila++) {
        for (let failb = faila + 1; failb < disks - 1; failb++) {
          const blocks = whole.blocks.map((page, i) =>
            i === faila || i === failb ? fresh() : (page?.slice() ?? null),
          );
          let called = 0;
          const submit = initAsyncSubmit(ASYNC_TX_ACK, null, () => called++, undefined, scribble());
          const tx =
            failb === disks - 2
              ? await atx.asyncRaid6DatapRecov(disks, LEN, faila, blocks, OFFSET, submit)
              : // Either order of the failed blocks will do.
                await atx.asyncRaid62dataRecov(disks, LEN, failb, faila, blocks, OFFSET, submit);
          expect(await atx.dmaWaitForAsyncTx(tx)).toBe(DmaStatus.COMPLETE);
          expect(blocks, `${faila} and ${failb}`).toEqual(whole.blocks);
          expect(called).toBe(1);
        }
      }
    }),
  );

  it("recovers whatever is absent, with and without scribble, behind a dependency", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 4, max: 20 }),
        fc.uniqueArray(fc.nat(17), { minLength: 2, maxLength: 2 }),
        fc.uniqueArray(fc.nat(17)),
        fc.boolean(),
        fc.boolean(),
        (disks, failed, absentWish, withScribble, dataAndP) =>
          run(async (atx) => {
            const [faila, failb] = failed.map((i) => i % (disks - 2)) as [number, number];
            fc.pre(faila !== failb);
            const absent = absentWish.filter((i) => i < disks - 2 && i !== faila && i !== failb);
            const s = stripe(disks, disks, absent);
            const tx = await atx.asyncGenSyndrome(
              s.blocks,
              OFFSET,
              disks,
              LEN,
              initAsyncSubmit(ASYNC_TX_FENCE),
            );
            await atx.asyncTxQuiesce(tx);
            const blocks = s.blocks.map((page, i) =>
              i === faila || i === (dataAndP ? disks - 2 : failb) ? fresh() : (page?.slice() ?? null),
            );
            // What the recovery depends on: a block that is copied into place.
            const good = s.qPage.slice();
            (blocks[disks - 1] as Uint8Array).fill(0);
            const dependTx = await atx.asyncMemcpy(
              blocks[disks - 1] as Uint8Array,
              good,
              0,
              0,
              good.length,
              initAsyncSubmit(ASYNC_TX_FENCE),
            );
            const submit = initAsyncSubmit(ASYNC_TX_ACK, dependTx, null, 0, withScribble ? scribble() : null);
            const recovery = dataAndP
              ? await atx.asyncRaid6DatapRecov(disks, LEN, faila, blocks, OFFSET, submit)
              : await atx.asyncRaid62dataRecov(disks, LEN, faila, failb, blocks, OFFSET, submit);
            expect(await atx.dmaWaitForAsyncTx(recovery)).toBe(DmaStatus.COMPLETE);
            expect(blocks).toEqual(s.blocks);
          }),
      ),
      { numRuns: 20 },
    );
  });
});
