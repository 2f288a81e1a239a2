// What becomes of chains when engines fail, hang, leave or are taken away.

import { DmaEngine, DmaStatus } from "@dmaengine/core";
import type { DmaDriver } from "@dmaengine/core/driver";
import { ioat } from "@dmaengine/driver-ioat";
import { mvXor } from "@dmaengine/driver-mvxor";
import { pl08x } from "@dmaengine/driver-pl08x";
import { FaultPlan, type PlannedFault, Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import {
  ASYNC_TX_ACK,
  ASYNC_TX_FENCE,
  ASYNC_TX_XOR_ZERO_DST,
  AsyncTx,
  type AsyncTxDescriptor,
  initAsyncSubmit,
} from "./index.js";
import { type EngineSet, machine, takeApart } from "./testing/engine-sets.js";
import { noise, xorOf } from "./testing/model.js";
import { refused } from "./testing/refused.js";

const LEN = 512;
const SWITCHING = "copy and xor on different engines (IOP33x)";
const page = (seed: number) => noise(LEN, seed);

/** xor, copy of it, copy of the copy; with callbacks that note how they ended. */
async function chainOfThree(atx: AsyncTx) {
  const [dest, first, second, a, b] = [1, 2, 3, 4, 5].map(page) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const ended: [unknown, DmaStatus][] = [];
  const submit = (flags: number, dependTx: AsyncTxDescriptor | null, name: string) =>
    initAsyncSubmit(flags, dependTx, (param, status) => ended.push([param, status]), name);
  const flags = ASYNC_TX_FENCE | ASYNC_TX_XOR_ZERO_DST;
  const xored = await atx.asyncXor(dest, [a, b], 0, 2, LEN, submit(flags, null, "xor"));
  const copied = await atx.asyncMemcpy(first, dest, 0, 0, LEN, submit(ASYNC_TX_FENCE, xored, "copy"));
  const last = await atx.asyncMemcpy(second, first, 0, 0, LEN, submit(ASYNC_TX_FENCE, copied, "copy of it"));
  return { last, ended, second, sum: xorOf([a, b]) };
}

const ALL_FAILED = [
  ["xor", DmaStatus.ERROR],
  ["copy", DmaStatus.ERROR],
  ["copy of it", DmaStatus.ERROR],
];

describe("an operation that fails", () => {
  const failing = async (set: EngineSet, fault: PlannedFault) => {
    const m = await machine(set, { faults: new FaultPlan([fault]) });
    return { ...m, atx: new AsyncTx(m.engine) };
  };

  it.each([
    "everything on one engine (I/OAT)",
    SWITCHING,
    "copy and xor on engines of different makes (PL080, Orion)",
  ] as const)(
    "fails what depends on it, wherever it is in the chain: callbacks and waits say so; %s",
    async (set) => {
      const outcomes = new Set<string>();
      for (let at = 0; at < 16; at++) {
        const m = await failing(set, { kind: "busError", at });
        const { last, ended, second, sum } = await chainOfThree(m.atx);
        const status = await m.atx.dmaWaitForAsyncTx(last);
        expect(ended.map(([name]) => name)).toEqual(["xor", "copy", "copy of it"]);
        const statuses = ended.map(([, of]) => of);
        const firstFailed = statuses.indexOf(DmaStatus.ERROR);
        outcomes.add(statuses.join());
        if (firstFailed < 0) expect(second).toEqual(sum);
        else expect(statuses.slice(firstFailed).every((of) => of === DmaStatus.ERROR)).toBe(true);
        expect(status).toBe(statuses[2]);
        if (status === DmaStatus.ERROR) {
          // The CPU can't go on with what is not there. The original panics.
          await refused("ERR_ASYNC_TX_TRANSFER", m.atx.asyncTxQuiesce(last));
          // Whoever comes next has nothing to do with it.
          const again = await chainOfThree(m.atx);
          expect(await m.atx.dmaWaitForAsyncTx(again.last)).toBe(DmaStatus.COMPLETE);
          expect(again.second).toEqual(again.sum);
        }
        await m.atx.close();
        await takeApart(m);
      }
      expect([...outcomes].sort()).toEqual(
        expect.arrayContaining(
          ["0,0,0", "0,3,3", "3,3,3"].filter((outcome) => outcome !== "0,3,3" || set === SWITCHING),
        ),
      );
    },
  );

  it("fails what follows on an engine that goes on with it, too", async () => {
    const m = await failing("copy alone, without interrupt descriptors (PL080)", { kind: "busError", at: 0 });
    const [first, second, src] = [page(1), page(2), page(3)];
    const copied = await m.atx.asyncMemcpy(first, src, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_FENCE));
    const last = await m.atx.asyncMemcpy(second, first, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_ACK, copied));
    expect(await m.atx.dmaWaitForAsyncTx(last)).toBe(DmaStatus.ERROR);
    const { memcpy } = m.engine.stats().devices["pl08x0"]?.channels["dma0chan0"]?.operations ?? {};
    expect(memcpy).toMatchObject({ failed: 1, completed: 1 });
    await m.atx.close();
    await takeApart(m);
  });

  it("refuses to go on in software", async () => {
    const m = await failing("copy alone, without interrupt descriptors (PL080)", { kind: "busError", at: 0 });
    const [dest, a, b] = [page(1), page(2), page(3)];
    const copied = await m.atx.asyncMemcpy(dest, a, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_FENCE));
    const before = dest.slice();
    let called = 0;
    const submit = initAsyncSubmit(ASYNC_TX_ACK | ASYNC_TX_XOR_ZERO_DST, copied, () => called++);
    await refused("ERR_ASYNC_TX_TRANSFER", m.atx.asyncXor(dest, [a, b], 0, 2, LEN, submit));
    expect(dest).toEqual(before);
    expect(called).toBe(0);
    await m.atx.close();
  });
});

describe("an engine that is taken away", () => {
  it("ends its chains with errors, parked ones too, and the CPU does what comes next", async () => {
    const m = await machine(SWITCHING, { clock: "stepped" });
    const atx = new AsyncTx(m.engine);
    const { last, ended } = await chainOfThree(atx);
    const removed = m.engine.remove(m.drivers[0] as (typeof m.drivers)[0]);
    expect(await atx.dmaWaitForAsyncTx(last)).toBe(DmaStatus.ERROR);
    expect(ended).toEqual(ALL_FAILED);
    await removed;
    atx.asyncTxAck(last);
    const [dest, src] = [page(1), page(2)];
    expect(await atx.asyncMemcpy(dest, src, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_ACK))).toBe(null);
    expect(dest).toEqual(src);
    await atx.close();
    expect(m.uncaught).toEqual([]);
  });

  it.each(["everything on one engine (I/OAT)", SWITCHING] as const)(
    "is let go when it is asked to leave, %s: what was submitted ends before",
    async (set) => {
      const m = await machine(set);
      const atx = new AsyncTx(m.engine);
      const { last, ended, second, sum } = await chainOfThree(atx);
      await m.engine.unregister(m.drivers[0] as (typeof m.drivers)[0]);
      expect(second).toEqual(sum);
      expect(ended.map(([name]) => name)).toEqual(["xor", "copy", "copy of it"]);
      // Its descriptors are still good to depend on, and to wait for.
      expect(await atx.dmaWaitForAsyncTx(last)).toBe(DmaStatus.COMPLETE);
      const [dest, src] = [page(1), page(2)];
      expect(await atx.asyncMemcpy(dest, src, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_ACK))).toBe(null);
      await m.engine.register(mvXor());
      expect(await atx.asyncMemcpy(dest, src, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_ACK))).not.toBe(null);
      await atx.close();
      expect(m.uncaught).toEqual([]);
    },
  );
});

describe("an engine that is asked to leave while a call waits", () => {
  const submit = (dependTx: AsyncTxDescriptor | null = null) =>
    initAsyncSubmit(ASYNC_TX_ACK | ASYNC_TX_XOR_ZERO_DST, dependTx);

  /** Engines of two makes: one copies, and one does all that `driver` says. The clock is stepped. */
  async function twoMakes(makeDriver: (platform: Platform) => DmaDriver) {
    const platform = new Platform({ clock: "stepped" });
    const engine = new DmaEngine();
    const driver = makeDriver(platform);
    const copier = pl08x({ platform });
    await engine.register(copier);
    await engine.register(driver);
    const atx = new AsyncTx(engine);
    /** Lets time pass until `leaving` is over. */
    const leave = async (leaving: Promise<void>): Promise<void> => {
      let over = false;
      const ended = leaving.finally(() => {
        over = true;
      });
      for (let i = 0; i < 100_000 && !over; i++) {
        for (let turn = 0; turn < 20; turn++) await null;
        platform.clock.runNext();
      }
      await ended;
    };
    return { engine, copier, driver, atx, leave };
  }

  it("for what the operation depends on, and then for room: stays until that is done", async () => {
    const m = await twoMakes((platform) => ioat({ platform, channels: 1, ringSize: 8, ringOrder: 5 }));
    const large = new Uint8Array(65536).fill(1);
    const copy = new Uint8Array(65536);
    const [dest, b] = [page(1), page(2)];
    for (let i = 0; i < 8; i++) await m.atx.asyncXor(page(3), [b, b], 0, 2, LEN, submit());
    const copied = await m.atx.asyncMemcpy(copy, large, 0, 0, 65536, initAsyncSubmit(ASYNC_TX_FENCE));
    expect(copied?.channelName).toBe("dma0chan0");
    const late = m.atx.asyncXor(dest, [copy, b], 0, 2, LEN, submit(copied));
    await m.leave(m.engine.unregister(m.driver));
    expect((await late)?.channelName).toBe("dma1chan0");
    expect(dest).toEqual(b.map((byte) => byte ^ 1));
    await m.atx.close();
  });

  it("at a switch without interrupts: stays until that is done", async () => {
    const m = await twoMakes((platform) => mvXor({ platform, variant: "orion", channels: 1 }));
    const [dest, copy, a, b] = [page(1), page(2), page(3), page(4)];
    const copied = await m.atx.asyncMemcpy(copy, a, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_FENCE));
    const late = m.atx.asyncXor(dest, [copy, b], 0, 2, LEN, submit(copied));
    await m.leave(m.engine.unregister(m.driver));
    expect((await late)?.channelName).toBe("dma1chan0");
    expect(dest).toEqual(xorOf([a, b]));
    await m.atx.close();
  });

  it("at a switch, for a copy: stays until that is done", async () => {
    const m = await twoMakes((platform) => {
      const driver = mvXor({ platform, variant: "orion", channels: 1 });
      const probe = async () =>
        (await driver.probe()).map((device) => {
          const { memcpy: _, ...capabilities } = device.capabilities;
          return { ...device, capabilities };
        });
      return { ...driver, probe };
    });
    const [dest, copy, a, b] = [page(1), page(2), page(3), page(4)];
    const xored = await m.atx.asyncXor(dest, [a, b], 0, 2, LEN, initAsyncSubmit(ASYNC_TX_XOR_ZERO_DST));
    expect(xored?.channelName).toBe("dma1chan0");
    const late = m.atx.asyncMemcpy(copy, dest, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_ACK, xored));
    await m.leave(m.engine.unregister(m.copier));
    expect((await late)?.channelName).toBe("dma0chan0");
    expect(copy).toEqual(xorOf([a, b]));
    await m.atx.close();
  });
});

describe("close", () => {
  it("waits for what was submitted, acks what nobody acked, and gives every channel up", async () => {
    const m = await machine(SWITCHING);
    const atx = new AsyncTx(m.engine);
    const { second, sum, last } = await chainOfThree(atx);
    await atx.close();
    expect(second).toEqual(sum);
    expect(last?.acked).toBe(true);
    await takeApart(m);
    expect(m.uncaught).toEqual([]);
    const [dest, src] = [page(1), page(2)];
    const submit = initAsyncSubmit(ASYNC_TX_ACK);
    await refused("ERR_ASYNC_TX_CLOSED", atx.asyncMemcpy(dest, src, 0, 0, LEN, submit));
  });

  it("is not for ever: another instance may be made, and both forms live side by side", async () => {
    const m = await machine("everything on one engine (I/OAT)");
    await new AsyncTx(m.engine).close();
    const [one, other] = [new AsyncTx(m.engine), new AsyncTx(m.engine)];
    const [dest, src] = [page(1), page(2)];
    const tx = await one.asyncMemcpy(dest, src, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_FENCE));
    await one.close();
    expect(dest).toEqual(src);
    expect(tx?.acked).toBe(true);
    expect(await other.asyncMemcpy(dest, src, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_ACK))).not.toBe(null);
    await other.close();
    await takeApart(m);
  });
});
