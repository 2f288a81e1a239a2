// Overlapping mappings: refused, shown and caught.

import {
  type DmaAddr,
  type DmaChanControl,
  type DmaCheckError,
  DmaDirection,
  DmaEngine,
  type DmaEngineOptions,
  DmaStatus,
  type DmaTxDescriptor,
} from "@dmaengine/core";
import { iop3xx } from "@dmaengine/driver-iop3xx";
import { PLATFORMS, Platform, type PlatformOptions } from "@dmaengine/sim";
import { describe, expect, it } from "vitest";
import {
  ASYNC_TX_ACK,
  ASYNC_TX_FENCE,
  ASYNC_TX_XOR_DROP_DST,
  ASYNC_TX_XOR_ZERO_DST,
  AsyncTx,
  AsyncTx2007,
  AsyncTxError,
  initAsyncSubmit,
} from "./index.js";
import { noise, xorOf } from "./testing/model.js";
import { refused } from "./testing/refused.js";

const LEN = 1024;
const SEEDS = 50;

/** A machine with two engines: one copies, one xors. They share mappings. */
async function rig(platformOptions: PlatformOptions, options: DmaEngineOptions = {}) {
  const platform = new Platform(platformOptions);
  const engine = new DmaEngine(options);
  await engine.register(iop3xx({ platform }));
  return engine;
}

/** Pages in buffers of their own, as those of a stripe cache are, and what is to be in them. */
function chainPages() {
  const [dest, copy, a, b, c] = [1, 2, 3, 4, 5].map((seed) => noise(LEN, seed)) as Uint8Array[] as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const [sum, total] = [xorOf([a, b]), xorOf([a, b, c])];
  const differing = (one: Uint8Array, other: Uint8Array) => one.filter((byte, i) => byte !== other[i]).length;
  return { dest, copy, a, b, c, wrong: () => differing(dest, sum) + differing(copy, total) };
}

/** xor -> copy -> xor through async_tx. Says how many bytes are wrong. */
async function wrongBytes(platformOptions: PlatformOptions, options: DmaEngineOptions = {}): Promise<number> {
  const atx = new AsyncTx(await rig(platformOptions, options), { allowBroken: true });
  const { dest, copy, a, b, c, wrong } = chainPages();
  const zero = ASYNC_TX_XOR_ZERO_DST | ASYNC_TX_FENCE;
  const drop = ASYNC_TX_XOR_DROP_DST | ASYNC_TX_ACK;
  let tx = await atx.asyncXor(dest, [a, b], 0, 2, LEN, initAsyncSubmit(zero));
  tx = await atx.asyncMemcpy(copy, dest, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_FENCE, tx));
  tx = await atx.asyncXor(copy, [copy, c], 0, 2, LEN, initAsyncSubmit(drop, tx));
  expect(await atx.dmaWaitForAsyncTx(tx)).toBe(DmaStatus.COMPLETE);
  await atx.close();
  return wrong();
}

/** The same with each page mapped once, for the whole chain, and the client waiting at each switch. */
async function wrongBytesMappedOnce(platformOptions: PlatformOptions): Promise<number> {
  const engine = await rig(platformOptions, { checker: { requireMappingErrorTest: true } });
  const copies = engine.requestChannel(["memcpy"]);
  const xors = engine.requestChannel(["xor"]);
  const { device } = xors;
  const { dest, copy, a, b, c, wrong } = chainPages();
  const addrs = [dest, copy, a, b, c].map((page) => device.mapSingle(page, DmaDirection.BIDIRECTIONAL));
  expect(addrs.some((addr) => device.mappingError(addr))).toBe(false);
  const [atDest, atCopy, atA, atB, atC] = addrs as [DmaAddr, DmaAddr, DmaAddr, DmaAddr, DmaAddr];
  const finish = (chan: Pick<DmaChanControl<never>, "syncWait">, tx: DmaTxDescriptor | null) =>
    chan.syncWait(tx?.submit() ?? 0);
  const statuses = [
    await finish(xors, xors.prepXor(atDest, [atA, atB], 2, LEN)),
    await finish(copies, copies.prepMemcpy(atCopy, atDest, LEN)),
    await finish(xors, xors.prepXor(atCopy, [atCopy, atC], 2, LEN)),
  ];
  expect(statuses).toEqual([DmaStatus.COMPLETE, DmaStatus.COMPLETE, DmaStatus.COMPLETE]);
  for (const addr of addrs) device.unmapSingle(addr, LEN, DmaDirection.BIDIRECTIONAL);
  return wrong();
}

describe("a platform that is not coherent", () => {
  it.each([AsyncTx, AsyncTx2007])("is refused, with the reason and what to do (%o)", async (Form) => {
    const engine = await rig(PLATFORMS.iop33x);
    try {
      new Form(engine);
      expect.unreachable();
    } catch (error) {
      expect(AsyncTxError.isInstance(error) && error.code).toBe("ERR_ASYNC_TX_NON_COHERENT");
      const { message } = error as Error;
      for (const part of [
        "iop-adma.0",
        "iop33x",
        "overlapping mappings",
        "@dmaengine/raid456",
        "allowBroken",
      ]) {
        expect(message).toContain(part);
      }
    }
    expect(engine.stats().devices["iop-adma.0"]?.channels["dma0chan0"]?.holders).toBe(0);
  });

  it("is refused by every call if it is there later, as long as it is", async () => {
    const engine = new DmaEngine();
    const atx = new AsyncTx(engine);
    const driver = iop3xx({ platform: new Platform({ coherence: "v7" }) });
    await engine.register(driver);
    const [dest, src] = [noise(LEN, 1), noise(LEN, 2)];
    const submit = initAsyncSubmit(ASYNC_TX_ACK);
    await refused("ERR_ASYNC_TX_NON_COHERENT", atx.asyncMemcpy(dest, src, 0, 0, LEN, submit));
    // Others may have it.
    engine.requestChannel(["memcpy"]).release();
    await engine.unregister(driver);
    expect(await atx.asyncMemcpy(dest, src, 0, 0, LEN, submit)).toBe(null);
    await atx.close();
  });

  it("corrupts a chain with allowBroken, which a chain mapped once survives", async () => {
    let corrupted = 0;
    for (let seed = 0; seed < SEEDS; seed++) {
      const platform = { ...PLATFORMS.iop33x, seed };
      if ((await wrongBytes(platform)) > 0) corrupted += 1;
      expect(await wrongBytesMappedOnce(platform), `seed ${seed}`).toBe(0);
    }
    expect(corrupted, `of ${SEEDS} seeds`).toBeGreaterThan(0);
  });

  it("has luck where it is coherent, whatever the seed", async () => {
    for (let seed = 0; seed < SEEDS; seed++) expect(await wrongBytes({ seed })).toBe(0);
  });
});

describe("the checker", () => {
  const overlap = async (run: Promise<unknown>) => {
    const error = await run.then(
      () => expect.unreachable(),
      (error: DmaCheckError) => error,
    );
    expect(error).toMatchObject({ code: "ERR_DMA_CHECK", check: "overlap" });
  };

  it("names the overlap of two operations of a chain, on every platform", async () => {
    await overlap(wrongBytes({}, { checker: true }));
    await overlap(wrongBytes({ coherence: "v7" }, { checker: true }));
  });

  it("names the overlap within one xor, whose destination is one of its sources", async () => {
    const engine = await rig({}, { checker: true });
    const atx = new AsyncTx(engine);
    const { dest, a } = chainPages();
    const submit = initAsyncSubmit(ASYNC_TX_ACK | ASYNC_TX_XOR_DROP_DST);
    await overlap(atx.asyncXor(dest, [dest, a], 0, 2, LEN, submit));
    await atx.close();
    expect(engine.stats().unmapPools.map(({ live }) => live)).toEqual([0, 0, 0, 0]);
  });

  it("finds nothing else: mappings are tested, and taken back as they were made", async () => {
    const uncaught: unknown[] = [];
    const engine = await rig(
      {},
      { checker: { requireMappingErrorTest: true }, onUncaught: (error) => uncaught.push(error) },
    );
    const atx = new AsyncTx(engine);
    const { dest, copy, a, b } = chainPages();
    const zero = ASYNC_TX_XOR_ZERO_DST | ASYNC_TX_ACK;
    await atx.dmaWaitForAsyncTx(await atx.asyncXor(dest, [a, b], 0, 2, LEN, initAsyncSubmit(zero)));
    await atx.dmaWaitForAsyncTx(await atx.asyncMemcpy(copy, dest, 0, 0, LEN, initAsyncSubmit(ASYNC_TX_ACK)));
    await atx.close();
    expect(uncaught).toEqual([]);
    expect(copy).toEqual(xorOf([a, b]));
  });
});
