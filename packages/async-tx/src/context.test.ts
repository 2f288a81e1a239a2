// From where operations may be submitted, and where callbacks run.

import { DmaStatus } from "@dmaengine/core";
import { ClockEvent } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import {
  ASYNC_TX_ACK,
  ASYNC_TX_FENCE,
  AsyncTx,
  type AsyncTxCallback,
  type AsyncTxDescriptor,
  initAsyncSubmit,
} from "./index.js";
import { type EngineSet, machine, takeApart } from "./testing/engine-sets.js";
import { noise } from "./testing/model.js";
import { refused } from "./testing/refused.js";

const LEN = 256;
const [dest, src] = [noise(LEN, 1), noise(LEN, 2)] as const;

async function rig(set: EngineSet) {
  const m = await machine(set, { clock: "stepped" });
  const atx = new AsyncTx(m.engine, { cpuContext: () => m.platform.irqs.context });
  const copy = (cbFn: AsyncTxCallback | null = null, dependTx: AsyncTxDescriptor | null = null) =>
    atx.asyncMemcpy(dest, src, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_ACK, dependTx, cbFn));
  /** Lets everything happen that was submitted. */
  const finish = (): void => {
    atx.asyncTxIssuePendingAll();
    m.platform.clock.advance(1_000_000);
  };
  return { ...m, atx, copy, finish };
}

const IOAT = "everything on one engine (I/OAT)";

describe("operations", () => {
  it("can't be submitted in a hard interrupt, and can in a tasklet", async () => {
    const { platform, atx, copy, finish } = await rig(IOAT);
    const calls: Promise<unknown>[] = [];
    const tasklet = platform.irqs.tasklet(() => calls.push(copy()));
    const line = platform.irqs.line("test");
    line.request(() => {
      calls.push(refused("ERR_ASYNC_TX_CONTEXT", copy()));
      calls.push(refused("ERR_ASYNC_TX_CONTEXT", atx.asyncTriggerCallback(initAsyncSubmit(0))));
      tasklet.schedule();
    });
    platform.clock.schedule(10, new ClockEvent(() => line.raise()));
    platform.clock.advance(1000);
    const [first, second, third] = await Promise.all(calls);
    expect(first).toMatchObject({
      message: expect.stringContaining("asyncMemcpy: expected a task or a tasklet"),
    });
    expect(second).toMatchObject({ message: expect.stringContaining("asyncTriggerCallback") });
    expect(third).toMatchObject({ acked: true });
    finish();
    await atx.close();
  });

  it.each([IOAT, "no engine"] as const)("can't be submitted by a callback, with %s", async (set) => {
    const { engine, atx, copy, finish } = await rig(set);
    const inCallback: Promise<unknown>[] = [];
    const tx = await copy(() => inCallback.push(refused("ERR_ASYNC_TX_CONTEXT", copy())));
    finish();
    expect(inCallback.length).toBe(1);
    expect(await inCallback[0]).toMatchObject({ message: expect.stringContaining("may not submit") });
    // A task that the callback starts may.
    let later: Promise<unknown> | null = null;
    await copy(() => {
      later = Promise.resolve().then(() => copy());
    });
    finish();
    expect(await later).toEqual(tx === null ? null : expect.anything());
    finish();
    await atx.close();
    expect(engine.stats().unmapPools.every(({ live }) => live === 0)).toBe(true);
  });

  it("can't be submitted by a callback that another one came between", async () => {
    const { platform, atx, copy, finish } = await rig(IOAT);
    const order: string[] = [];
    const refusals: Promise<unknown>[] = [];
    await copy(() => {
      order.push("first begins");
      while (order.length === 1) platform.clock.runNext();
      refusals.push(refused("ERR_ASYNC_TX_CONTEXT", copy()));
      order.push("first ends");
    });
    atx.asyncTxIssuePendingAll();
    await copy(() => order.push("second"));
    atx.asyncTxIssuePendingAll();
    while (order.length < 3) platform.clock.runNext();
    expect(order).toEqual(["first begins", "second", "first ends"]);
    await Promise.all(refusals);
    finish();
    await atx.close();
  });

  it("may be submitted by a callback of the driver underneath, for the rule is async_tx's own", async () => {
    const { engine, platform, atx, copy, finish } = await rig(IOAT);
    const chan = engine.findChannel(["interrupt"]);
    const submitted: Promise<unknown>[] = [];
    const tx = chan?.prepInterrupt();
    if (chan == null || tx == null) throw new Error("expected room");
    tx.callback = () => submitted.push(copy());
    tx.submit();
    chan.issuePending();
    platform.clock.advance(1_000_000);
    expect(await submitted[0]).not.toBe(null);
    finish();
    chan.release();
    await atx.close();
  });
});

describe("a callback", () => {
  it("runs in a tasklet, with the data in place, when nobody polls", async () => {
    const m = await rig(IOAT);
    const seen: unknown[] = [];
    dest.fill(0);
    await m.copy((param, status) => seen.push([param, status, m.platform.irqs.context, dest[0]]));
    m.finish();
    expect(seen).toEqual([[undefined, DmaStatus.COMPLETE, "softirq", src[0]]]);
    await m.atx.close();
    await takeApart(m);
  });

  it("is what asks for an interrupt: a chain with one callback interrupts once", async () => {
    const m = await rig(IOAT);
    let tx: AsyncTxDescriptor | null = null;
    for (let i = 0; i < 5; i++) {
      tx = await m.atx.asyncMemcpy(dest, src, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_FENCE, tx));
    }
    await m.atx.asyncTriggerCallback(initAsyncSubmit(ASYNC_TX_ACK, tx, () => {}));
    m.finish();
    expect(m.platform.irqs.hardIrqs).toBe(1);
    await m.atx.close();
  });

  it("runs in the caller's context, before the call returns, when the CPU does the operation", async () => {
    const m = await rig("no engine");
    const seen: string[] = [];
    await m.copy(() => seen.push(m.platform.irqs.context));
    expect(seen).toEqual(["task"]);
  });

  it("that throws is nobody's but the application's, and what depends on it runs all the same", async () => {
    const m = await machine("copy and xor on different engines (IOP33x)");
    const atx = new AsyncTx(m.engine);
    const target = new Uint8Array(LEN);
    const submit = initAsyncSubmit(ASYNC_TX_FENCE, null, () => {
      throw new Error("a callback's own");
    });
    const filled = await atx.asyncMemset(dest, 7, 0, LEN, submit);
    const tx = await atx.asyncMemcpy(target, dest, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_ACK, filled));
    expect(await atx.dmaWaitForAsyncTx(tx)).toBe(DmaStatus.COMPLETE);
    expect(target).toEqual(new Uint8Array(LEN).fill(7));
    expect(m.uncaught).toEqual([new Error("a callback's own")]);
    await atx.close();
  });
});
