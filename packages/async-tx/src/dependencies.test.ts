// Chains across channels, waiting, and the rules of acks.

import { DmaStatus } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import {
  ASYNC_TX_2007,
  ASYNC_TX_ACK,
  ASYNC_TX_FENCE,
  ASYNC_TX_XOR_DROP_DST,
  ASYNC_TX_XOR_ZERO_DST,
  AsyncTx,
  AsyncTx2007,
  type AsyncTxDescriptor,
  initAsyncSubmit,
} from "./index.js";
import { machine, takeApart } from "./testing/engine-sets.js";
import { noise, xorOf } from "./testing/model.js";
import { refused } from "./testing/refused.js";

const LEN = 1024;
const SWITCHING = "copy and xor on different engines (IOP33x)";
const WITHOUT_INTERRUPTS = "copy and xor on engines of different makes (PL080, Orion)";
const page = (seed: number) => noise(LEN, seed);
const ZERO_DST = ASYNC_TX_XOR_ZERO_DST | ASYNC_TX_FENCE;
const DROP_DST = ASYNC_TX_XOR_DROP_DST | ASYNC_TX_FENCE;
const then = (dependTx: AsyncTxDescriptor | null, flags = 0) =>
  initAsyncSubmit(flags | ASYNC_TX_FENCE, dependTx);
const finallyDo = (dependTx: AsyncTxDescriptor | null, flags = 0) =>
  initAsyncSubmit(flags | ASYNC_TX_ACK, dependTx);

/** The pages of a chain xor -> copy -> xor and what is to be in them. */
function chainPages() {
  const [dest, copy, a, b, c] = [1, 2, 3, 4, 5].map(page) as [Uint8Array, ...Uint8Array[]] as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  return { dest, copy, a, b, c, sum: xorOf([a, b]), total: xorOf([a, b, c]) };
}

/** xor -> copy -> xor, each depending on the one before. */
async function xorCopyXor(atx: AsyncTx, { dest, copy, a, b, c }: ReturnType<typeof chainPages>) {
  const first = await atx.asyncXor(dest, [a, b], 0, 2, LEN, then(null, ZERO_DST));
  const second = await atx.asyncMemcpy(copy, dest, 0, 0, LEN, then(first));
  const third = await atx.asyncXor(copy, [copy, c], 0, 2, LEN, finallyDo(second, DROP_DST));
  if (first === null || second === null || third === null) throw new Error("expected engines to do it");
  return [first, second, third] as const;
}

describe("a chain that goes over to another channel", () => {
  it("parks what waits behind an interrupt descriptor, and submits it when that is done", async () => {
    const m = await machine(SWITCHING, { clock: "stepped" });
    const atx = new AsyncTx(m.engine);
    const pages = chainPages();
    const [first, second, third] = await xorCopyXor(atx, pages);
    expect([first, second, third].map(({ cookie }) => cookie)).toEqual([2, -16, -16]);
    expect([first, second, third].map(({ channelName }) => channelName)).toEqual([
      "dma2chan0",
      "dma0chan0",
      "dma2chan0",
    ]);
    // The xor on the second unit needs no interrupt of its own to be asked for: the switch has issued it.
    for (let i = 0; i < 1000 && second.parked; i++) m.platform.clock.runNext();
    expect(pages.dest).toEqual(pages.sum);
    expect(third.parked).toBe(true);
    m.platform.clock.advance(1_000_000);
    expect(third.parked).toBe(false);
    expect(pages.copy).toEqual(pages.total);
    expect(atx.stats()).toEqual({ channelSwitches: 2 });
    const interrupts = Object.values(m.engine.stats().devices).map(
      ({ channels }) => Object.values(channels)[0]?.operations["interrupt"]?.completed,
    );
    expect(interrupts).toEqual([1, 0, 1]);
    await atx.close();
    await takeApart(m);
  });

  it("waits at the switch where there are no interrupt descriptors", async () => {
    const m = await machine(WITHOUT_INTERRUPTS);
    const atx = new AsyncTx(m.engine);
    const pages = chainPages();
    const { dest, copy, a, b } = pages;
    const copied = await atx.asyncMemcpy(dest, a, 0, 0, LEN, then(null));
    const tx = await atx.asyncXor(copy, [dest, b], 0, 2, LEN, finallyDo(copied, ZERO_DST));
    expect(copied?.channelName).toBe("dma0chan0");
    expect(tx?.parked).toBe(false);
    expect(dest).toEqual(a);
    await atx.dmaWaitForAsyncTx(tx);
    expect(copy).toEqual(pages.sum);
    expect(atx.stats()).toEqual({ channelSwitches: 1 });
    await atx.close();
    await takeApart(m);
  });

  it("goes on in software where no engine has the operation", async () => {
    const m = await machine("copy alone, without interrupt descriptors (PL080)");
    const atx = new AsyncTx(m.engine);
    const { dest, copy, a, b, sum } = chainPages();
    const copied = await atx.asyncMemcpy(dest, a, 0, 0, LEN, then(null));
    expect(copied).not.toBe(null);
    expect(await atx.asyncXor(copy, [dest, b], 0, 2, LEN, finallyDo(copied, ZERO_DST))).toBe(null);
    expect(copy).toEqual(sum);
    expect(copied?.acked).toBe(true);
    await atx.close();
    await takeApart(m);
  });
});

describe("waiting for the end of a chain", () => {
  it("is over when that is done, and no sooner, whatever of the chain has ended before", async () => {
    for (let events = 0; ; events++) {
      const m = await machine(SWITCHING, { clock: "stepped" });
      const { clock } = m.platform;
      const atx = new AsyncTx(m.engine);
      const pages = chainPages();
      const [first, , third] = await xorCopyXor(atx, pages);
      // An unrelated operation, which gets the descriptors that are recycled meanwhile.
      const other = await atx.asyncXor(page(8), [page(9), page(10)], 0, 2, LEN, finallyDo(null, ZERO_DST));
      let ran = 0;
      while (ran < events && clock.runNext()) ran += 1;
      let status: DmaStatus | null = null;
      const waiting = atx.dmaWaitForAsyncTx(third).then((found) => {
        status = found;
        expect(pages.copy).toEqual(pages.total);
      });
      for (let i = 0; i < 10_000 && status === null; i++) {
        // The wait polls: give it its turns, then let one event happen.
        for (let turn = 0; turn < 20; turn++) await null;
        clock.runNext();
      }
      await waiting;
      expect(status).toBe(DmaStatus.COMPLETE);
      expect(await atx.dmaWaitForAsyncTx(first)).toBe(DmaStatus.COMPLETE);
      const otherDone = atx.dmaWaitForAsyncTx(other);
      clock.advance(1_000_000);
      expect(await otherDone).toBe(DmaStatus.COMPLETE);
      await atx.close();
      await takeApart(m);
      if (ran < events) break;
    }
  });

  it("quiesces: waits, acks, and leaves nothing to depend on", async () => {
    const m = await machine("everything on one engine (I/OAT)");
    const atx = new AsyncTx(m.engine);
    const { dest, a, b, sum } = chainPages();
    const tx = await atx.asyncXor(dest, [a, b], 0, 2, LEN, then(null, ZERO_DST));
    expect(tx?.acked).toBe(false);
    expect(await atx.asyncTxQuiesce(tx)).toBe(null);
    expect(dest).toEqual(sum);
    expect(tx?.acked).toBe(true);
    expect(await atx.asyncTxQuiesce(null)).toBe(null);
    await refused("ERR_ASYNC_TX_ACKED", atx.asyncTxQuiesce(tx));
    await atx.close();
  });
});

describe("nothing starts before", () => {
  it.each(["asyncTxIssuePending", "asyncTxIssuePendingAll"] as const)("%s", async (issue) => {
    const m = await machine("everything on one engine (I/OAT)", { clock: "stepped" });
    const atx = new AsyncTx(m.engine);
    const { dest, a } = chainPages();
    const before = dest.slice();
    const tx = await atx.asyncMemcpy(dest, a, 0, 0, LEN, finallyDo(null));
    m.platform.clock.advance(1_000_000);
    expect(dest).toEqual(before);
    atx.asyncTxIssuePending(null);
    atx[issue](tx);
    m.platform.clock.advance(1_000_000);
    expect(dest).toEqual(a);
    await atx.close();
  });
});

describe("a descriptor", () => {
  const RING_OF_8 = "everything on one engine with a ring of 8 (I/OAT)";

  it("is lost to its channel until it is acked, and recycled once it is acked and complete", async () => {
    const m = await machine(RING_OF_8);
    const atx = new AsyncTx(m.engine);
    const { dest, a, b } = chainPages();
    const xor = (flags: number) => atx.asyncXor(dest, [a, b], 0, 2, LEN, initAsyncSubmit(flags));
    const unacked: (AsyncTxDescriptor | null)[] = [];
    for (let i = 0; i < 8; i++) {
      const tx = await xor(ZERO_DST);
      expect(await atx.dmaWaitForAsyncTx(tx)).toBe(DmaStatus.COMPLETE);
      unacked.push(tx);
    }
    // The original tries for ever.
    const error = await refused("ERR_ASYNC_TX_NO_ROOM", xor(ZERO_DST | ASYNC_TX_ACK));
    expect(error.message).toContain("8 descriptors of async_tx are complete and not acked");
    // A copy is not worth the wait.
    expect(await atx.asyncMemcpy(dest, a, 0, 0, LEN, finallyDo(null))).toBe(null);
    for (const tx of unacked) atx.asyncTxAck(tx);
    for (let i = 0; i < 20; i++) expect(await xor(ZERO_DST | ASYNC_TX_ACK)).not.toBe(null);
    for (const tx of unacked) atx.asyncTxAck(tx);
    await atx.close();
    await takeApart(m);
  });

  it("waits for room while the channel is full", async () => {
    const m = await machine(RING_OF_8);
    const atx = new AsyncTx(m.engine);
    const pages = Array.from({ length: 30 }, () => chainPages());
    let last: AsyncTxDescriptor | null = null;
    for (const { dest, a, b } of pages)
      last = await atx.asyncXor(dest, [a, b], 0, 2, LEN, finallyDo(null, ZERO_DST));
    await atx.dmaWaitForAsyncTx(last);
    for (const { dest, sum } of pages) expect(dest).toEqual(sum);
    await atx.close();
    await takeApart(m);
  });

  it("waits for room that descriptors have which wait for another channel", async () => {
    const m = await machine(SWITCHING);
    const atx = new AsyncTx(m.engine);
    const first = chainPages();
    let last: AsyncTxDescriptor | null = null;
    const rounds = 400;
    for (let i = 0; i < rounds; i++) {
      const xored = await atx.asyncXor(first.dest, [first.a, first.b], 0, 2, LEN, then(null, ZERO_DST));
      last = await atx.asyncMemcpy(first.copy, first.dest, 0, 0, LEN, finallyDo(xored));
    }
    expect(await atx.dmaWaitForAsyncTx(last)).toBe(DmaStatus.COMPLETE);
    expect(first.copy).toEqual(first.sum);
    expect(atx.stats().channelSwitches).toBeGreaterThan(0);
    await atx.close();
    await takeApart(m);
  });

  it("waits for room that calls have which wait at a switch themselves", async () => {
    const m = await machine(WITHOUT_INTERRUPTS);
    const atx = new AsyncTx2007(m.engine);
    const { dest, copy, a, b, sum } = chainPages();
    const { XOR_ZERO_DST, ACK } = ASYNC_TX_2007;
    const copied = await atx.asyncMemcpy(copy, a, 0, 0, LEN, 0);
    const xor = (dependTx: AsyncTxDescriptor | null) =>
      atx.asyncXor(dest, [copy, b], 0, 2, LEN, XOR_ZERO_DST | ACK, dependTx);
    // As many as the channel has descriptors, none of which is submitted; and one more, which depends on nothing.
    const calls = [...Array.from({ length: 64 }, () => xor(copied)), xor(null)];
    for (const call of calls) expect(await call).not.toBe(null);
    atx.asyncTxAck(copied);
    await atx.close();
    expect(dest).toEqual(sum);
    await takeApart(m);
  });

  it("can't be depended on once it is acked: by its flag, by hand, or by what depends on it already", async () => {
    const m = await machine("everything on one engine (I/OAT)");
    const atx = new AsyncTx(m.engine);
    const { dest, a } = chainPages();
    const copy = (how: ReturnType<typeof then>) => atx.asyncMemcpy(dest, a, 0, 0, LEN, how);
    const acked = await copy(finallyDo(null));
    await refused("ERR_ASYNC_TX_ACKED", copy(then(acked)));
    const byHand = await copy(then(null));
    atx.asyncTxAck(byHand);
    atx.asyncTxAck(null);
    await refused("ERR_ASYNC_TX_ACKED", copy(then(byHand)));
    const parent = await copy(then(null));
    await copy(finallyDo(parent));
    const error = await refused("ERR_ASYNC_TX_ACKED", copy(then(parent)));
    expect(error.message).toContain("dma0chan0");
    await atx.close();
    await takeApart(m);
  });

  it("of 2007 stays open for more dependencies until DEP_ACK", async () => {
    const m = await machine(SWITCHING, { clock: "stepped" });
    const atx = new AsyncTx2007(m.engine);
    const { dest, a, b, sum } = chainPages();
    const copies = [page(20), page(21), page(22)] as [Uint8Array, Uint8Array, Uint8Array];
    const xored = await atx.asyncXor(dest, [a, b], 0, 2, LEN, ASYNC_TX_2007.XOR_ZERO_DST);
    const copy = (to: Uint8Array, flags: number) => atx.asyncMemcpy(to, dest, 0, 0, LEN, flags, xored);
    await copy(copies[0], ASYNC_TX_2007.ACK);
    await copy(copies[1], ASYNC_TX_2007.ACK | ASYNC_TX_2007.ASSUME_COHERENT);
    await copy(copies[2], ASYNC_TX_2007.ACK | ASYNC_TX_2007.DEP_ACK);
    await refused("ERR_ASYNC_TX_ACKED", copy(copies[0], ASYNC_TX_2007.ACK));
    m.platform.clock.advance(1_000_000);
    expect(copies).toEqual([sum, sum, sum]);
    await atx.close();
    await takeApart(m);
  });

  it("of 2007 stays open when software waits for it, too", async () => {
    const m = await machine("copy alone, without interrupt descriptors (PL080)");
    const atx = new AsyncTx2007(m.engine);
    const { dest, copy, a, b } = chainPages();
    const copied = await atx.asyncMemcpy(dest, a, 0, 0, LEN, 0);
    expect(copied).not.toBe(null);
    const flags = ASYNC_TX_2007.XOR_ZERO_DST | ASYNC_TX_2007.ACK;
    await atx.asyncXor(copy, [dest, b], 0, 2, LEN, flags, copied);
    expect(copied?.acked).toBe(false);
    await atx.asyncXor(copy, [dest, b], 0, 2, LEN, flags | ASYNC_TX_2007.DEP_ACK, copied);
    expect(copied?.acked).toBe(true);
    await atx.close();
    await takeApart(m);
  });
});
