import { type DmaDevice, DmaDirection, DmaEngine, DmaStatus, DmaTransResult } from "@dmaengine/core";
import { FAULT_KINDS, type FaultKind, FaultPlan, Platform } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import { FifoPeripheral } from "./hw/fifo-peripheral.js";
import { pl08x } from "./pl08x.js";
import { PL08X_VARIANTS, type Pl08xVersion } from "./variant.js";

const VERSIONS = Object.keys(PL08X_VARIANTS) as Pl08xVersion[];
const BURST = 16;
const LENGTH = 64;

/** A burst of copies on a machine with these faults, until nothing more happens by itself. */
async function runBurst(version: Pl08xVersion, faults: FaultPlan, interrupts: boolean) {
  const platform = new Platform({ clock: "stepped", faults });
  const engine = new DmaEngine();
  const driver = pl08x({ platform, version, ringSize: BURST });
  const device = (await engine.register(driver))[0] as DmaDevice;
  const chan = engine.requestChannel(["memcpy"]);
  const arena = Uint8Array.from({ length: 2 * BURST * LENGTH }, (_, i) =>
    i < BURST * LENGTH ? 1 + (i % 251) : 0,
  );
  const base = device.mapSingle(arena, DmaDirection.BIDIRECTIONAL);
  const results: DmaTransResult[][] = [];
  const submit = (): number[] =>
    Array.from({ length: BURST }, (_, i) => {
      const ended: DmaTransResult[] = [];
      results.push(ended);
      const tx = chan.prepMemcpy(base + (BURST + i) * LENGTH, base + i * LENGTH, LENGTH);
      if (tx === null) throw new Error("no room");
      tx.callback = (result) => ended.push(result);
      return tx.submit();
    });
  /** A client that polls goes on polling; one that waits for callbacks looks once, when it has waited long enough. */
  const settle = (cookies: readonly number[]): void => {
    chan.issuePending();
    let before = -1;
    while (before !== chan.inFlight) {
      before = chan.inFlight;
      while (platform.clock.runNext()) if (!interrupts) chan.txStatus(cookies[0] as number);
      chan.txStatus(cookies.at(-1) as number);
    }
  };
  const copied = (i: number): boolean =>
    Buffer.compare(
      arena.subarray((BURST + i) * LENGTH, (BURST + i + 1) * LENGTH),
      arena.subarray(i * LENGTH, (i + 1) * LENGTH),
    ) === 0;
  return { platform, engine, driver, device, chan, arena, base, results, submit, settle, copied };
}

type Burst = Awaited<ReturnType<typeof runBurst>>;

/** Every transaction that succeeded did what it should, and the channel, or a new one, works. */
async function worksAfterwards(burst: Burst): Promise<void> {
  const { arena, chan, device, base, engine, driver, submit, settle, results } = burst;
  expect(chan.inFlight).toBe(0);
  results.length = 0;
  arena.fill(0, BURST * LENGTH);
  const cookies = submit();
  settle(cookies);
  await Promise.resolve();
  expect(results.map((ended) => ended.join())).toEqual(cookies.map(() => `${DmaTransResult.NOERROR}`));
  expect(cookies.every((_, i) => burst.copied(i))).toBe(true);
  chan.release();
  device.unmapSingle(base, arena.length, DmaDirection.BIDIRECTIONAL);
  await engine.unregister(driver, { signal: AbortSignal.abort() });
}

describe.each(VERSIONS)("faults of a %s", (version) => {
  describe.each(FAULT_KINDS)("%s", (kind: FaultKind) => {
    it.each([true, false])(
      "anywhere in a burst ends every transaction once, interrupts: %s",
      async (interrupts) => {
        for (let position = 0; position < BURST; position++) {
          const plan = new FaultPlan([{ kind, at: position }]);
          const burst = await runBurst(version, plan, interrupts);
          const { chan, submit, settle, results, copied } = burst;
          const cookies = submit();
          settle(cookies);
          await Promise.resolve();
          expect(plan.struck.length).toBe(1);
          const ended = results.map((one) => one.join());
          const expected = cookies.map(() => `${DmaTransResult.NOERROR}`);
          if (kind === "busError" || kind === "badDescriptor") {
            expected[position] = `${DmaTransResult.READ_FAILED}`;
          }
          if (kind === "unplug") expected.fill(`${DmaTransResult.ABORTED}`, position);
          if (kind === "stuckChannel") {
            // As in Linux nobody watches: the client finds that nothing happens any more, and terminates.
            expect(await chan.syncWait(cookies[position] as number)).toBe(DmaStatus.ERROR);
            expect(chan.inFlight).toBe(BURST - position);
            expected.fill("", position);
            chan.terminate();
          }
          expect(ended).toEqual(expected);
          cookies.forEach((cookie, i) => {
            const succeeded = expected[i] === `${DmaTransResult.NOERROR}`;
            expect(chan.txStatus(cookie)).toBe(succeeded ? DmaStatus.COMPLETE : DmaStatus.ERROR);
            expect(copied(i)).toBe(succeeded);
          });
          if (kind !== "unplug") await worksAfterwards(burst);
          else {
            const removed = burst.engine.remove(burst.driver);
            chan.release();
            await removed;
          }
        }
      },
    );
  });
});

describe("a terminal count that belongs to the neighbour", () => {
  it("ends nothing too early: channels that go on are left alone", async () => {
    const faults = new FaultPlan([{ kind: "wrongCompletion", unit: "pl08x0.0", at: 0 }]);
    const platform = new Platform({ clock: "stepped", faults });
    const engine = new DmaEngine();
    const device = (await engine.register(pl08x({ platform })))[0] as DmaDevice;
    const [short, long] = [engine.requestChannel(["memcpy"]), engine.requestChannel(["memcpy"])];
    const arena = new Uint8Array(32768).fill(1, 0, 8192);
    const base = device.mapSingle(arena, DmaDirection.BIDIRECTIONAL);
    const cookies = [
      short.prepMemcpy(base + 8192, base, 64)?.submit() as number,
      long.prepMemcpy(base + 16384, base, 8192)?.submit() as number,
    ];
    short.issuePending();
    long.issuePending();
    while (faults.struck.length === 0 || short.inFlight > 0) if (!platform.clock.runNext()) break;
    expect(short.txStatus(cookies[0] as number)).toBe(DmaStatus.COMPLETE);
    expect(long.txStatus(cookies[1] as number)).toBe(DmaStatus.IN_PROGRESS);
    while (platform.clock.runNext());
    expect(long.txStatus(cookies[1] as number)).toBe(DmaStatus.COMPLETE);
    expect(arena.subarray(16384, 24576).every((byte) => byte === 1)).toBe(true);
  });
});

describe("an error whose interrupt was lost", () => {
  it("is told as one, although clearing it sets an interrupt free that tells of the channel's end", async () => {
    const faults = new FaultPlan([
      { kind: "badDescriptor", unit: "pl08x0.0", at: 0 },
      { kind: "lostInterrupt", unit: "pl08x0.0", at: 0 },
      { kind: "wrongCompletion", unit: "pl08x0.1", at: 0 },
    ]);
    const platform = new Platform({ clock: "stepped", faults });
    const engine = new DmaEngine();
    const device = (await engine.register(pl08x({ platform, version: "pl081" })))[0] as DmaDevice;
    const chans = [engine.requestChannel(["memcpy"]), engine.requestChannel(["memcpy"])];
    const base = device.mapSingle(new Uint8Array(4096), DmaDirection.BIDIRECTIONAL);
    const results: DmaTransResult[] = [];
    const cookies = chans.map((chan, n) => {
      const tx = chan.prepMemcpy(base + 2048, base, 64);
      if (tx === null) throw new Error("no room");
      tx.callback = (result) => {
        results[n] = result;
      };
      return tx.submit();
    });
    for (const chan of chans) chan.issuePending();
    while (platform.clock.runNext());
    chans.forEach((chan, n) => void chan.txStatus(cookies[n] as number));
    while (platform.clock.runNext());
    expect(faults.struck.length).toBe(3);
    expect(results).toEqual([DmaTransResult.READ_FAILED, DmaTransResult.NOERROR]);
  });
});

describe("a snapshot in the middle of work", () => {
  it("goes on the same way every time", async () => {
    const platform = new Platform({ clock: "stepped" });
    const fifo = new FifoPeripheral(platform, { name: "uart0" });
    const engine = new DmaEngine();
    const devices = await engine.register(
      pl08x({ platform, slaveChannels: [{ name: "tx", signal: 2, requests: fifo.txRequests }] }),
    );
    const arena = Uint8Array.from({ length: 4096 }, (_, i) => i % 253);
    const base = (devices[0] as DmaDevice).mapSingle(arena, DmaDirection.BIDIRECTIONAL);
    const chan = engine.requestChannel(["cyclic"]);
    chan.config({ dstAddr: fifo.addr, dstAddrWidth: 1, dstMaxburst: 4 });
    // Endless, so that software has nothing to do, which would not be put back.
    chan.prepCyclic(base, 300, 100, 1)?.submit();
    chan.issuePending();
    for (let i = 0; i < 333; i++) platform.clock.runNext();
    const snapshot = platform.snapshot();
    const goOn = (): unknown => {
      for (let i = 0; i < 1000; i++) platform.clock.runNext();
      const registers = Array.from({ length: 5 }, (_, n) => platform.bus.read32(0xfe01_0100 + 4 * n));
      return { now: platform.clock.nowNanos, sent: fifo.sent.join(), registers };
    };
    const once = goOn();
    snapshot.restore();
    expect(fifo.sent.length).toBeLessThan(333);
    expect(goOn()).toEqual(once);
    snapshot.restore();
    expect(goOn()).toEqual(once);
  });
});
