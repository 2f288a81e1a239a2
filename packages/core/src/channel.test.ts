import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DmaTx, DmaTxDescriptor } from "./descriptor.js";
import {
  DMA_CTRL_ACK,
  DMA_CTRL_REUSE,
  DMA_PREP_INTERRUPT,
  DMA_PREP_LOAD_EOT,
  DMA_PREP_REPEAT,
} from "./flags.js";
import { DmaDirection } from "./mapping/direction.js";
import { DmaTransferDirection } from "./slave.js";
import { DmaStatus, DmaTransResult } from "./status.js";
import { must, refusal, rejection, rig } from "./testing/rig.js";

/** Lets everything happen that is waiting in microtasks. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe("the life of a transaction", () => {
  it("has cookie -EBUSY before submit and increasing ones from 2 after", async () => {
    const { chan } = await rig(["interrupt"]);
    const first = must(chan.prepInterrupt());
    const second = must(chan.prepInterrupt());
    expect(first.cookie).toBe(-16);
    expect(chan.txStatus(first.cookie)).toBe(DmaStatus.IN_PROGRESS);
    expect(second.submit()).toBe(2);
    expect(first.submit()).toBe(3);
    expect(first.cookie).toBe(3);
  });

  it("is in progress until the engine completes it, and complete from then on", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const cookie = must(chan.prepInterrupt()).submit();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.IN_PROGRESS);
    expect(chan.inFlight).toBe(1);
    chan.issuePending();
    model.finish();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
    expect(chan.inFlight).toBe(0);
  });

  it("tells last, used and residue", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const [a, b] = [must(chan.prepInterrupt()).submit(), must(chan.prepInterrupt()).submit()];
    chan.issuePending();
    must(chan.prepInterrupt()).submit();
    model.finish(1);
    const state = { last: 0, used: 0, residue: 0 };
    chan.txStatus(b, state);
    expect(state).toEqual({ last: a, used: b + 1, residue: 5 });
    chan.txStatus(b + 1, state);
    expect(state.residue).toBe(10);
    chan.txStatus(a, state);
    expect(state.residue).toBe(0);
  });

  it("refuses a second submit, and a submit of a recycled descriptor", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const tx = must(chan.prepInterrupt());
    tx.submit();
    refusal("ERR_DMA_STATE", () => tx.submit());
    chan.issuePending();
    model.finish();
    refusal("ERR_DMA_STATE", () => tx.submit());
  });

  it("has a place of its own for the driver's records", async () => {
    const { chan, model } = await rig(["interrupt"], { ringSize: 3 });
    for (let i = 0; i < 3; i++) must(chan.prepInterrupt()).submit();
    expect(model.submitted.map(({ index }) => index).sort()).toEqual([0, 1, 2]);
  });

  it("refuses a driver that completes out of order or twice", async () => {
    const { chan, model } = await rig(["interrupt"]);
    must(chan.prepInterrupt()).submit();
    must(chan.prepInterrupt()).submit();
    chan.issuePending();
    const [first, second] = model.issued;
    refusal("ERR_DMA_DRIVER", () => model.host.complete(must(second)));
    model.host.complete(must(first));
    refusal("ERR_DMA_DRIVER", () => model.host.complete(must(first)));
  });

  it("keeps the order of submission through any mix of steps", async () => {
    const step = fc.constantFrom("prep", "submit first", "submit last", "issue", "finish one", "finish all");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { chan, model } = await rig(["interrupt"], { ringSize: 3 });
        const prepared: DmaTxDescriptor[] = [];
        const submitted: number[] = [];
        const inFlight: DmaTxDescriptor[] = [];
        let finished = 0;
        for (const name of steps) {
          if (name === "prep") {
            const tx = chan.prepInterrupt();
            const held = prepared.length + submitted.length - finished;
            expect(tx === null).toBe(held === 3);
            // A descriptor serves one transaction at a time.
            expect(prepared.includes(tx as DmaTxDescriptor) || inFlight.includes(tx as DmaTxDescriptor)).toBe(
              false,
            );
            if (tx !== null) prepared.push(tx);
          } else if (name === "submit first" || name === "submit last") {
            const tx = name === "submit first" ? prepared.shift() : prepared.pop();
            if (tx !== undefined) {
              submitted.push(tx.submit());
              inFlight.push(tx);
            }
          } else if (name === "issue") chan.issuePending();
          else {
            const count = name === "finish one" ? Math.min(1, model.issued.length) : model.issued.length;
            model.finish(count);
            inFlight.splice(0, count);
            finished += count;
          }
          expect(submitted).toEqual(submitted.map((_, i) => i + 2));
          for (const [i, cookie] of submitted.entries()) {
            expect(chan.txStatus(cookie)).toBe(i < finished ? DmaStatus.COMPLETE : DmaStatus.IN_PROGRESS);
          }
          expect(chan.inFlight).toBe(submitted.length - finished);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("a full channel", () => {
  it("answers null when all descriptors are in use, and goes on when one is free", async () => {
    const { chan, model, device } = await rig(["interrupt"], { ringSize: 2 });
    must(chan.prepInterrupt()).submit();
    must(chan.prepInterrupt());
    expect(chan.prepInterrupt()).toBeNull();
    chan.issuePending();
    model.finish();
    expect(chan.prepInterrupt()).not.toBeNull();
    expect(device.stats().channels["dma0chan0"]).toMatchObject({ descriptorsFull: 1, ringFull: 0 });
  });

  it("looks for finished transactions before it says no", async () => {
    const { chan, model } = await rig(["interrupt"], { ringSize: 1 });
    must(chan.prepInterrupt()).submit();
    chan.issuePending();
    model.fast = true;
    expect(chan.prepInterrupt()).not.toBeNull();
  });

  it("answers null when the driver has no room, and loses no descriptor by it", async () => {
    const { chan, model, device } = await rig(["interrupt"], { ringSize: 4 });
    model.room = 0;
    for (let i = 0; i < 10; i++) expect(chan.prepInterrupt()).toBeNull();
    model.room = 4;
    for (let i = 0; i < 4; i++) expect(chan.prepInterrupt()).not.toBeNull();
    expect(device.stats().channels["dma0chan0"]).toMatchObject({ descriptorsFull: 0, ringFull: 10 });
  });

  it("recycles only what is acked", async () => {
    const { chan, model } = await rig(["interrupt"], { ringSize: 1 });
    const tx = must(chan.prepInterrupt(0));
    tx.submit();
    chan.issuePending();
    model.finish();
    expect(chan.prepInterrupt()).toBeNull();
    tx.ack();
    expect(chan.prepInterrupt()).not.toBeNull();
  });

  it("recycles what was acked before it ended, once", async () => {
    const { chan, model } = await rig(["interrupt"], { ringSize: 1 });
    const tx = must(chan.prepInterrupt(0));
    tx.ack();
    tx.submit();
    chan.issuePending();
    model.finish();
    tx.ack();
    expect(chan.prepInterrupt()).not.toBeNull();
    expect(chan.prepInterrupt()).toBeNull();
  });

  it("hands a descriptor out again with clean fields", async () => {
    const { chan, model } = await rig(["interrupt"], { ringSize: 1 });
    const tx = must(chan.prepInterrupt());
    tx.callback = () => {};
    tx.callbackParam = "old";
    tx.submit();
    chan.issuePending();
    model.finish(1, DmaTransResult.READ_FAILED, 3);
    await settle();
    const again = must(chan.prepInterrupt());
    expect(again).toBe(tx);
    expect(again).toMatchObject({
      cookie: -16,
      result: DmaTransResult.NOERROR,
      residueBytes: 0,
      callback: null,
      callbackParam: undefined,
    });
  });
});

describe("an argument record", () => {
  const reuse = DMA_CTRL_REUSE | DMA_CTRL_ACK;

  it("serves one transaction of its operation at a time, the last one used first", async () => {
    const { chan, model } = await rig(["immData", "interrupt"], { ringSize: 4, descriptorReuse: true });
    const recordOf = (tx: DmaTxDescriptor | null) => (must(tx) as DmaTx).args;
    const first = must(chan.prepImmData(0, 1, 0));
    const kept = must(chan.prepImmData(0, 2, 0, reuse));
    const records = [recordOf(first), recordOf(kept), recordOf(chan.prepInterrupt())];
    expect(new Set(records).size).toBe(3);
    first.submit();
    kept.submit();
    chan.issuePending();
    model.work = () => {};
    model.finish();
    // What is kept for reuse keeps its arguments.
    const next = must(chan.prepImmData(0, 3, 0));
    expect(recordOf(next)).toBe(records[0]);
    expect(recordOf(kept)).toMatchObject({ low: 2 });
    kept.free();
    expect(recordOf(chan.prepImmData(0, 4, 0))).toBe(records[1]);
  });
});

describe("the unmap record", () => {
  it("is let go when the transaction ends, acked or not", async () => {
    const { chan, model, device } = await rig(["interrupt"]);
    const unmap = device.getUnmapData(1);
    const tx = must(chan.prepInterrupt(0));
    tx.setUnmap(unmap);
    unmap.put();
    tx.submit();
    chan.issuePending();
    model.finish();
    expect(unmap.refs).toBe(0);
  });
});

describe("a driver that throws", () => {
  it("in a prep call takes no descriptor with it", async () => {
    const broken = new Error("driver bug");
    const { chan } = await rig(["interrupt"], {
      ringSize: 1,
      extra: {
        prepInterrupt: () => {
          throw broken;
        },
      },
    });
    for (let i = 0; i < 3; i++) expect(() => chan.prepInterrupt()).toThrow(broken);
  });
});

describe("callbacks", () => {
  it("run once, in order, with result, parameter and residue, and not within a client's call", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const calls: unknown[] = [];
    for (const param of ["a", "b"]) {
      const tx = must(chan.prepInterrupt());
      tx.callback = (...args) => calls.push(args);
      tx.callbackParam = param;
      tx.submit();
    }
    chan.issuePending();
    model.finish(1);
    model.finish(1, DmaTransResult.WRITE_FAILED, 7);
    expect(calls).toEqual([]);
    await settle();
    expect(calls).toEqual([
      [DmaTransResult.NOERROR, "a", 0],
      [DmaTransResult.WRITE_FAILED, "b", 7],
    ]);
  });

  it("run at the driver's word, or when somebody polls", async () => {
    const { chan, model } = await rig(["interrupt"]);
    let calls = 0;
    for (let i = 0; i < 2; i++) {
      const tx = must(chan.prepInterrupt());
      tx.callback = () => {
        calls += 1;
      };
      tx.submit();
    }
    chan.issuePending();
    model.finish(1);
    model.host.runCallbacks();
    expect(calls).toBe(1);
    model.fast = true;
    chan.txStatus(3);
    expect(calls).toBe(2);
  });

  it("may prepare and submit: the descriptor is free by then", async () => {
    const { chan, model } = await rig(["interrupt"], { ringSize: 1 });
    let rounds = 0;
    const again = (): void => {
      rounds += 1;
      if (rounds === 5) return;
      const tx = must(chan.prepInterrupt());
      tx.callback = again;
      tx.submit();
      chan.issuePending();
    };
    again();
    for (let i = 0; i < 10; i++) {
      model.finish();
      await settle();
    }
    expect(rounds).toBe(5);
  });

  it("that throw don't disturb the engine or each other; what they threw is reported", async () => {
    const { chan, model, uncaught } = await rig(["interrupt"]);
    const calls: number[] = [];
    for (let i = 0; i < 3; i++) {
      const tx = must(chan.prepInterrupt());
      tx.callback = () => {
        calls.push(i);
        if (i === 1) throw new Error("a client's mistake");
      };
      tx.submit();
    }
    chan.issuePending();
    model.finish();
    await settle();
    expect(calls).toEqual([0, 1, 2]);
    expect(uncaught).toEqual([new Error("a client's mistake")]);
  });

  it("find their memory unmapped", async () => {
    const { chan, model, device } = await rig(["memcpy"]);
    const dst = device.mapSingle(new Uint8Array(8), DmaDirection.FROM_DEVICE);
    const src = device.mapSingle(new Uint8Array(8), DmaDirection.TO_DEVICE);
    const unmap = device.getUnmapData(2);
    unmap.addr.set([src, dst]);
    Object.assign(unmap, { toCnt: 1, fromCnt: 1, len: 8 });
    const tx = must(chan.prepMemcpy(dst, src, 8));
    tx.setUnmap(unmap);
    unmap.put();
    const unmaps: number[] = [];
    tx.callback = () => unmaps.push(device.stats().mapping.unmaps);
    tx.submit();
    chan.issuePending();
    model.finish();
    await settle();
    expect(unmaps).toEqual([2]);
  });
});

describe("done", () => {
  it("resolves after success and rejects after failure", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const [good, bad] = [must(chan.prepInterrupt()), must(chan.prepInterrupt())];
    const [goodDone, badDone] = [good.done, bad.done];
    good.submit();
    bad.submit();
    chan.issuePending();
    model.finish(1);
    model.finish(1, DmaTransResult.READ_FAILED);
    await goodDone;
    expect((await rejection("ERR_DMA_TRANSFER", badDone)).message).toBe(
      "dma0chan0: interrupt with cookie 3 failed reading its source",
    );
  });

  it("can be asked for after the end", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const [good, bad] = [must(chan.prepInterrupt()), must(chan.prepInterrupt(0))];
    good.submit();
    bad.submit();
    chan.issuePending();
    model.finish(1);
    model.finish(1, DmaTransResult.ABORTED);
    await good.done;
    await rejection("ERR_DMA_TRANSFER", bad.done);
  });

  it("polls the channel when no interrupt will come, however late submit and issue are", async () => {
    const { chan, model, device } = await rig(["interrupt"]);
    const tx = must(chan.prepInterrupt(DMA_CTRL_ACK));
    const { done } = tx;
    await settle();
    tx.submit();
    await settle();
    model.fast = true;
    chan.issuePending();
    await done;
    expect(device.stats().channels["dma0chan0"]?.polls).toBeGreaterThan(0);
  });

  it("doesn't poll when an interrupt was asked for", async () => {
    const { chan, model, device } = await rig(["interrupt"]);
    const tx = must(chan.prepInterrupt(DMA_PREP_INTERRUPT | DMA_CTRL_ACK));
    tx.submit();
    chan.issuePending();
    const { done } = tx;
    await settle();
    model.finish();
    await done;
    expect(device.stats().channels["dma0chan0"]?.polls).toBe(0);
  });

  it("rejects when the engine says that nothing will happen any more", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const tx = must(chan.prepInterrupt(DMA_CTRL_ACK));
    const { done } = tx;
    tx.submit();
    chan.issuePending();
    await settle();
    model.hang();
    expect((await rejection("ERR_DMA_TRANSFER", done)).message).toContain("hangs");
    expect(chan.inFlight).toBe(1);
  });

  it("rejects with the cause when the driver fails at polling", async () => {
    const { chan } = await rig(["interrupt"], {
      extra: {
        relax: () => {
          throw new Error("driver bug");
        },
      },
    });
    const tx = must(chan.prepInterrupt(DMA_CTRL_ACK));
    tx.submit();
    chan.issuePending();
    expect((await rejection("ERR_DMA_TRANSFER", tx.done)).cause).toEqual(new Error("driver bug"));
  });

  it("gives the event loop turns where the driver has no relax", async () => {
    const { chan, model } = await rig(["interrupt"], { without: ["relax"] });
    const tx = must(chan.prepInterrupt(DMA_CTRL_ACK));
    tx.submit();
    chan.issuePending();
    setTimeout(() => {
      model.fast = true;
    }, 2);
    await tx.done;
    expect(chan.inFlight).toBe(0);
  });

  it("rejects when a prepared transaction is forgotten by terminate", async () => {
    const { chan } = await rig(["interrupt"]);
    const tx = must(chan.prepInterrupt());
    const { done } = tx;
    chan.terminate();
    await rejection("ERR_DMA_TRANSFER", done);
    await rejection("ERR_DMA_TRANSFER", tx.done);
  });
});

describe("syncWait", () => {
  it("issues and waits until the transaction has ended", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const cookie = must(chan.prepInterrupt()).submit();
    const status = chan.syncWait(cookie);
    await settle();
    model.finish();
    expect(await status).toBe(DmaStatus.COMPLETE);
    model.fast = true;
    expect(await chan.syncWait(must(chan.prepInterrupt()).submit())).toBe(DmaStatus.COMPLETE);
  });

  it.each([
    [0, DmaStatus.ERROR],
    [Number.POSITIVE_INFINITY, DmaStatus.COMPLETE],
  ])("goes on as long as the instance allows: %d ms", async (syncWaitMillis, expected) => {
    const { chan, model } = await rig(["interrupt"], {}, { syncWaitMillis });
    must(chan.prepInterrupt()).submit();
    const status = chan.syncWait(must(chan.prepInterrupt()).submit());
    await new Promise((resolve) => setTimeout(resolve, 5));
    model.finish(1);
    await settle();
    model.finish(1);
    expect(await status).toBe(expected);
  });

  it("answers ERROR for a failure and for a hang", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const failing = chan.syncWait(must(chan.prepInterrupt()).submit());
    model.finish(1, DmaTransResult.WRITE_FAILED);
    expect(await failing).toBe(DmaStatus.ERROR);
    const hanging = chan.syncWait(must(chan.prepInterrupt()).submit());
    await settle();
    model.hang();
    expect(await hanging).toBe(DmaStatus.ERROR);
  });
});

describe("failures", () => {
  it("are told by txStatus, and counted", async () => {
    const { chan, model, device } = await rig(["interrupt"]);
    const cookies = [1, 2, 3].map(() => must(chan.prepInterrupt()).submit());
    chan.issuePending();
    model.finish(1);
    model.finish(1, DmaTransResult.READ_FAILED);
    model.finish(1);
    expect(cookies.map((cookie) => chan.txStatus(cookie))).toEqual([
      DmaStatus.COMPLETE,
      DmaStatus.ERROR,
      DmaStatus.COMPLETE,
    ]);
    expect(device.stats().channels["dma0chan0"]?.operations["interrupt"]).toEqual({
      submitted: 3,
      completed: 2,
      failed: 1,
      aborted: 0,
      bytes: 0,
    });
  });

  it("are all remembered when a whole ring is aborted", async () => {
    const { chan } = await rig(["interrupt"], { ringSize: 2000 });
    const cookies = Array.from({ length: 2000 }, () => must(chan.prepInterrupt()).submit());
    chan.terminate();
    expect(cookies.every((cookie) => chan.txStatus(cookie) === DmaStatus.ERROR)).toBe(true);
  });
});

describe("terminate", () => {
  it("aborts what is in flight, exactly once, without callbacks", async () => {
    const { chan, model, device } = await rig(["interrupt"]);
    const calls: string[] = [];
    const txs = ["finished", "running", "queued"].map((name) => {
      const tx = must(chan.prepInterrupt());
      tx.callback = () => calls.push(name);
      return tx;
    });
    const dones = txs.map((tx) =>
      tx.done.then(
        () => "resolved",
        () => "rejected",
      ),
    );
    const cookies = txs.slice(0, 2).map((tx) => tx.submit());
    chan.issuePending();
    cookies.push(must(txs[2]).submit());
    model.finish(1);
    chan.terminate();
    await settle();
    expect(calls).toEqual([]);
    expect(model.calls).toContain("terminateAll");
    expect(cookies.map((cookie) => chan.txStatus(cookie))).toEqual([
      DmaStatus.COMPLETE,
      DmaStatus.ERROR,
      DmaStatus.ERROR,
    ]);
    expect(await Promise.all(dones)).toEqual(["resolved", "rejected", "rejected"]);
    expect(device.stats().channels["dma0chan0"]?.operations["interrupt"]).toMatchObject({
      completed: 1,
      aborted: 2,
    });
  });

  it("leaves a channel that works, with every descriptor", async () => {
    const { chan, model } = await rig(["interrupt"], { ringSize: 3 });
    const calledBack = must(chan.prepInterrupt());
    calledBack.callback = () => {};
    calledBack.submit();
    must(chan.prepInterrupt()).submit();
    const stale = must(chan.prepInterrupt());
    chan.issuePending();
    model.finish(1);
    chan.terminate();
    refusal("ERR_DMA_STATE", () => stale.submit());
    const txs = [1, 2, 3].map(() => must(chan.prepInterrupt()));
    const cookies = txs.map((tx) => tx.submit());
    chan.issuePending();
    model.finish();
    expect(cookies.map((cookie) => chan.txStatus(cookie))).toEqual([0, 0, 0]);
  });

  it("drops the unmap references", async () => {
    const { chan, device } = await rig(["interrupt"]);
    const [submitted, prepared] = [must(chan.prepInterrupt()), must(chan.prepInterrupt())];
    const unmap = device.getUnmapData(1);
    submitted.setUnmap(unmap);
    prepared.setUnmap(unmap);
    unmap.put();
    submitted.submit();
    expect(unmap.refs).toBe(2);
    chan.terminate();
    expect(unmap.refs).toBe(0);
  });

  it("from a callback works", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const calls: number[] = [];
    for (let i = 0; i < 3; i++) {
      const tx = must(chan.prepInterrupt());
      tx.callback = () => {
        calls.push(i);
        chan.terminate();
      };
      tx.submit();
    }
    chan.issuePending();
    model.finish(2);
    await settle();
    expect(calls).toEqual([0]);
    expect(chan.inFlight).toBe(0);
  });

  it("is only for who has the channel alone", async () => {
    const { engine, chan } = await rig(["interrupt"]);
    chan.release();
    const shared = must(engine.findChannel(["interrupt"]));
    expect(refusal("ERR_DMA_STATE", () => shared.terminate()).message).toContain("requestChannel()");
  });
});

describe("reset", () => {
  it("ends everything on a channel that hangs, for every client of it, and the channel works again", async () => {
    const { engine, model, chan } = await rig(["interrupt"]);
    chan.release();
    const one = must(engine.findChannel(["interrupt"], { client: "one" }));
    const other = must(engine.findChannel(["interrupt"], { client: "other" }));
    const results: string[] = [];
    const cookies = Object.entries({ one, other }).map(([name, client]) => {
      const tx = must(client.prepInterrupt());
      tx.callback = (result) => results.push(`${name} ${result}`);
      return tx.submit();
    });
    const waiting = one.syncWait(must(cookies[0]));
    await settle();
    model.hang();
    expect(await waiting).toBe(DmaStatus.ERROR);
    expect(other.hung).toBe(true);
    other.reset();
    expect(other.hung).toBe(false);
    expect(model.calls).toContain("terminateAll");
    await settle();
    expect(results).toEqual([`one ${DmaTransResult.ABORTED}`, `other ${DmaTransResult.ABORTED}`]);
    model.fast = true;
    expect(await other.syncWait(must(other.prepInterrupt()).submit())).toBe(DmaStatus.COMPLETE);
  });

  it("forgets what was prepared and not submitted", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const { done } = must(chan.prepInterrupt());
    const hanging = chan.syncWait(must(chan.prepInterrupt()).submit());
    await settle();
    model.hang();
    await hanging;
    chan.reset();
    await rejection("ERR_DMA_TRANSFER", done);
  });

  it("helps where the driver fails at polling", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const hanging = chan.syncWait(must(chan.prepInterrupt()).submit());
    await settle();
    model.poll = () => {
      throw new Error("lost its way");
    };
    model.finish(0);
    await expect(hanging).rejects.toThrow("lost its way");
    expect(chan.hung).toBe(true);
    chan.reset();
    expect(chan.inFlight).toBe(0);
  });

  it("is refused while nobody knows of a hang, and once something has ended since", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const first = must(chan.prepInterrupt()).submit();
    expect(refusal("ERR_DMA_STATE", () => chan.reset()).message).toContain("hangs");
    const hanging = chan.syncWait(first);
    must(chan.prepInterrupt()).submit();
    await settle();
    model.hang();
    await hanging;
    model.finish(1);
    refusal("ERR_DMA_STATE", () => chan.reset());
  });

  it("follows a hang that a transaction's done has reported, and does nothing on a removed channel", async () => {
    const { engine, driver, chan, model } = await rig(["interrupt"]);
    const tx = must(chan.prepInterrupt(DMA_CTRL_ACK));
    const { done } = tx;
    tx.submit();
    chan.issuePending();
    await settle();
    model.hang();
    await rejection("ERR_DMA_TRANSFER", done);
    chan.reset();
    expect(chan.inFlight).toBe(0);
    const gone = engine.remove(driver);
    model.calls.length = 0;
    chan.reset();
    expect(model.calls).toEqual([]);
    chan.release();
    await gone;
  });
});

describe("an engine that takes time to stop", () => {
  /** A rig whose driver comes to rest when the test says so. */
  async function slow() {
    let rest = (): void => {};
    let fail = (_error: Error): void => {};
    const made = await rig(["interrupt"], {
      extra: {
        synchronize: () =>
          new Promise<void>((resolve, reject) => {
            rest = resolve;
            fail = reject;
          }),
      },
    });
    return { ...made, rest: () => rest(), fail: (error: Error) => fail(error) };
  }

  it("keeps memory mapped and descriptors back until it has come to rest", async () => {
    const { chan, device, rest } = await slow();
    const tx = must(chan.prepInterrupt());
    const unmap = device.getUnmapData(1);
    tx.setUnmap(unmap);
    unmap.put();
    let done = "waiting";
    tx.done.catch(() => {
      done = "rejected";
    });
    const cookie = tx.submit();
    chan.issuePending();
    chan.terminate();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.ERROR);
    await settle();
    expect([unmap.refs, done]).toEqual([1, "waiting"]);
    let synchronized = false;
    const synchronizing = chan.synchronize().then(() => {
      synchronized = true;
    });
    await settle();
    expect(synchronized).toBe(false);
    rest();
    await synchronizing;
    expect([unmap.refs, done]).toEqual([0, "rejected"]);
  });

  it("ends descriptors even if it fails at stopping, and says so", async () => {
    const { chan, device, fail, uncaught } = await slow();
    const tx = must(chan.prepInterrupt());
    const unmap = device.getUnmapData(1);
    tx.setUnmap(unmap);
    unmap.put();
    tx.submit();
    chan.terminate();
    fail(new Error("no answer"));
    await chan.synchronize();
    expect(unmap.refs).toBe(0);
    expect(uncaught).toEqual([new Error("no answer")]);
  });

  it("lets nobody be told of periods that the terminated transaction still had", async () => {
    let rest = (): void => {};
    const { chan, model } = await rig(["cyclic"], {
      extra: {
        synchronize: () =>
          new Promise<void>((resolve) => {
            rest = resolve;
          }),
      },
    });
    const tx = must(chan.prepCyclic(4096, 64, 16, DmaTransferDirection.DEV_TO_MEM));
    let calls = 0;
    tx.callback = () => {
      calls += 1;
      chan.terminate();
    };
    tx.submit();
    chan.issuePending();
    const running = must(model.issued[0]);
    for (let i = 0; i < 3; i++) model.host.periodElapsed(running);
    await settle();
    refusal("ERR_DMA_DRIVER", () => model.host.periodElapsed(running));
    rest();
    await chan.synchronize();
    expect(calls).toBe(1);
  });

  it("is synchronized at once when nothing was terminated; callbacks that are due have run then", async () => {
    const { chan, model } = await slow();
    const tx = must(chan.prepInterrupt());
    let called = false;
    tx.callback = () => {
      called = true;
    };
    tx.submit();
    chan.issuePending();
    model.finish();
    expect(called).toBe(false);
    await chan.synchronize();
    expect(called).toBe(true);
  });
});

describe("pause and resume", () => {
  it("change the status and reach the driver once", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const cookie = must(chan.prepInterrupt()).submit();
    chan.issuePending();
    chan.pause();
    chan.pause();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.PAUSED);
    expect(await chan.syncWait(cookie)).toBe(DmaStatus.PAUSED);
    const state = { last: 0, used: 0, residue: 0 };
    chan.txStatus(cookie, state);
    expect(state.residue).toBe(5);
    chan.resume();
    chan.resume();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.IN_PROGRESS);
    expect(model.calls.filter((call) => call === "pause" || call === "resume")).toEqual(["pause", "resume"]);
  });

  it("let whoever awaits done wait on", async () => {
    const { chan, model } = await rig(["interrupt"]);
    const tx = must(chan.prepInterrupt(DMA_CTRL_ACK));
    const { done } = tx;
    tx.submit();
    chan.issuePending();
    chan.pause();
    await settle();
    model.hang();
    await settle();
    chan.resume();
    await settle();
    model.finish();
    await done;
    expect(tx.result).toBe(DmaTransResult.NOERROR);
  });

  it("end with terminate", async () => {
    const { chan, model } = await rig(["interrupt"]);
    chan.pause();
    chan.terminate();
    const cookie = must(chan.prepInterrupt()).submit();
    chan.issuePending();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.IN_PROGRESS);
    model.finish();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
  });

  it("are refused where the driver can't, or the channel is shared", async () => {
    const { chan, engine } = await rig(["interrupt"], { without: ["pause", "resume"] });
    refusal("ERR_DMA_CAPABILITY", () => chan.pause());
    refusal("ERR_DMA_CAPABILITY", () => chan.resume());
    chan.release();
    refusal("ERR_DMA_STATE", () => must(engine.findChannel(["interrupt"])).pause());
  });
});

describe("descriptors for reuse", () => {
  const reuse = DMA_CTRL_REUSE | DMA_CTRL_ACK;

  it("can be submitted again and again, with the same callback", async () => {
    const { chan, model } = await rig(["interrupt"], { ringSize: 1, descriptorReuse: true });
    const tx = must(chan.prepInterrupt(reuse));
    let calls = 0;
    tx.callback = () => {
      calls += 1;
    };
    for (let i = 0; i < 3; i++) {
      expect(tx.submit()).toBe(2 + i);
      chan.issuePending();
      model.finish();
      await settle();
    }
    expect(calls).toBe(3);
    expect(chan.prepInterrupt()).toBeNull();
    tx.free();
    expect(model.calls).toContain("freeDescriptor interrupt");
    expect(chan.prepInterrupt()).not.toBeNull();
  });

  it("tell of each run through done, and what it came to", async () => {
    const { chan, model } = await rig(["interrupt"], { descriptorReuse: true });
    const tx = must(chan.prepInterrupt(reuse));
    tx.submit();
    chan.issuePending();
    model.finish(1, DmaTransResult.READ_FAILED);
    await rejection("ERR_DMA_TRANSFER", tx.done);
    tx.submit();
    expect(tx.result).toBe(DmaTransResult.NOERROR);
    chan.issuePending();
    model.finish();
    await tx.done;
  });

  it("survive terminate, as in the original, and go when they are freed", async () => {
    const { chan, model } = await rig(["interrupt"], { ringSize: 2, descriptorReuse: true });
    const [running, idle] = [must(chan.prepInterrupt(reuse)), must(chan.prepInterrupt(reuse))];
    running.submit();
    chan.issuePending();
    chan.terminate();
    expect(running.result).toBe(DmaTransResult.ABORTED);
    running.submit();
    idle.submit();
    chan.issuePending();
    running.free();
    expect(model.calls).not.toContain("freeDescriptor interrupt");
    model.finish();
    expect(model.calls.filter((call) => call === "freeDescriptor interrupt")).toHaveLength(1);
    idle.free();
    expect(chan.prepInterrupt()).not.toBeNull();
    expect(chan.prepInterrupt()).not.toBeNull();
  });

  it("keep their callback when a run is aborted", async () => {
    const { chan, model } = await rig(["interrupt"], { descriptorReuse: true });
    const tx = must(chan.prepInterrupt(reuse));
    const results: number[] = [];
    tx.callback = (result) => results.push(result);
    tx.submit();
    chan.issuePending();
    chan.terminate();
    tx.submit();
    chan.issuePending();
    model.finish();
    await settle();
    expect(results).toEqual([DmaTransResult.NOERROR]);
  });

  it("whose prep call is refused were never the driver's", async () => {
    const { chan, model } = await rig(["interrupt"], { descriptorReuse: true });
    model.room = 0;
    expect(chan.prepInterrupt(reuse)).toBeNull();
    expect(model.calls).not.toContain("freeDescriptor interrupt");
  });

  it("are only to be had where the device has them, and only they can be freed", async () => {
    const { chan } = await rig(["interrupt"]);
    refusal("ERR_DMA_LIMIT", () => chan.prepInterrupt(reuse));
    const tx = must(chan.prepInterrupt());
    refusal("ERR_DMA_STATE", () => tx.free());
  });

  it("that are freed before they were ever submitted reject done", async () => {
    const { chan } = await rig(["interrupt"], { descriptorReuse: true });
    const tx = must(chan.prepInterrupt(reuse));
    const { done } = tx;
    tx.free();
    await rejection("ERR_DMA_TRANSFER", done);
    refusal("ERR_DMA_STATE", () => tx.free());
  });
});

describe("endless transactions", () => {
  it("call back once for each period, and never complete", async () => {
    const { chan, model } = await rig(["cyclic"]);
    const tx = must(chan.prepCyclic(4096, 64, 16, DmaTransferDirection.DEV_TO_MEM));
    const calls: unknown[] = [];
    tx.callback = (...args) => calls.push(args);
    tx.callbackParam = "ring";
    const cookie = tx.submit();
    chan.issuePending();
    const [running] = model.issued;
    model.host.periodElapsed(must(running));
    model.host.periodElapsed(must(running));
    await settle();
    expect(calls).toEqual([
      [DmaTransResult.NOERROR, "ring", 0],
      [DmaTransResult.NOERROR, "ring", 0],
    ]);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.IN_PROGRESS);
    model.host.periodElapsed(must(running));
    chan.terminate();
    await settle();
    expect(calls).toHaveLength(2);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.ERROR);
  });

  it("may be terminated by their own callback, with periods still to be told", async () => {
    const { chan, model } = await rig(["cyclic"], { ringSize: 1 });
    const tx = must(chan.prepCyclic(4096, 64, 16, DmaTransferDirection.DEV_TO_MEM));
    let calls = 0;
    tx.callback = () => {
      calls += 1;
      chan.terminate();
    };
    tx.submit();
    chan.issuePending();
    for (let i = 0; i < 3; i++) model.host.periodElapsed(must(model.issued[0]));
    await settle();
    expect(calls).toBe(1);
    expect(chan.prepCyclic(4096, 64, 16, DmaTransferDirection.DEV_TO_MEM)).not.toBeNull();
  });

  it("that are repeated make place for one that loads at their end", async () => {
    const { chan, model } = await rig(["interleaved"]);
    const template = {
      srcStart: 4096,
      dstStart: 8192,
      direction: DmaTransferDirection.MEM_TO_MEM,
      numFrames: 1,
      chunks: [{ sizeBytes: 8 }],
    };
    const repeated = must(chan.prepInterleaved(template, DMA_PREP_REPEAT | DMA_CTRL_ACK));
    let periods = 0;
    repeated.callback = () => {
      periods += 1;
    };
    const first = repeated.submit();
    const next = must(chan.prepInterleaved(template, DMA_PREP_LOAD_EOT | DMA_CTRL_ACK)).submit();
    chan.issuePending();
    const [running] = model.issued;
    model.host.periodElapsed(must(running));
    model.host.complete(must(running));
    await settle();
    expect(periods).toBe(2);
    expect([chan.txStatus(first), chan.txStatus(next)]).toEqual([DmaStatus.COMPLETE, DmaStatus.IN_PROGRESS]);
  });

  it("leave no period behind for the descriptor's next transaction", async () => {
    const { chan, model } = await rig(["interleaved", "interrupt"], { ringSize: 1 });
    const template = {
      srcStart: 4096,
      dstStart: 8192,
      direction: DmaTransferDirection.MEM_TO_MEM,
      numFrames: 1,
      chunks: [{ sizeBytes: 8 }],
    };
    let calls = 0;
    const count = (): void => {
      calls += 1;
    };
    const repeated = must(chan.prepInterleaved(template, DMA_PREP_REPEAT | DMA_CTRL_ACK));
    repeated.callback = count;
    repeated.submit();
    chan.issuePending();
    const [running] = model.issued.splice(0);
    model.host.periodElapsed(must(running));
    model.host.complete(must(running));
    chan.terminate();
    const next = must(chan.prepInterrupt());
    next.callback = count;
    next.submit();
    chan.issuePending();
    model.finish();
    await settle();
    expect(calls).toBe(1);
  });

  it("refuse a driver that reports periods of anything else", async () => {
    const { chan, model } = await rig(["interrupt"]);
    must(chan.prepInterrupt()).submit();
    chan.issuePending();
    refusal("ERR_DMA_DRIVER", () => model.host.periodElapsed(must(model.issued[0])));
  });
});
