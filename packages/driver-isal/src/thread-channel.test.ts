import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Worker } from "node:worker_threads";
import {
  DMA_CTRL_ACK,
  DMA_PREP_INTERRUPT,
  type DmaChan,
  DmaDirection,
  DmaEngine,
  DmaStatus,
  DmaTransResult,
  type DmaTxDescriptor,
  SumCheck,
} from "@dmaengine/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type IsalOptions, isal } from "./index.js";
import { missing, titled } from "./testing/library.js";

const BLOCK_BYTES = 65536;

/** Threads that were started, newest last. */
let threads: Worker[] = [];
const remember = (thread: Worker): void => {
  threads.push(thread);
};
beforeEach(() => {
  threads = [];
  process.on("worker", remember);
});
afterEach(() => {
  process.off("worker", remember);
});

async function open(options: IsalOptions = {}) {
  const engine = new DmaEngine();
  const driver = isal(options);
  await engine.register(driver);
  const chan = engine.requestChannel(["xor", "xorVal", "pq"]);
  const memory = chan.device.alloc(4 * BLOCK_BYTES);
  const base = chan.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
  const close = async (): Promise<void> => {
    chan.device.unmapSingle(base, memory.length, DmaDirection.BIDIRECTIONAL);
    chan.device.free(memory);
    chan.release();
    await engine.unregister(driver);
  };
  return { engine, chan, memory, base, close };
}

/** The xor of the first two blocks into another one. */
function xor(chan: DmaChan<"xor">, base: number, block = 2, flags = DMA_CTRL_ACK): DmaTxDescriptor {
  const dst = base + block * BLOCK_BYTES;
  const tx = chan.prepXor(dst, [base, base + BLOCK_BYTES], 2, BLOCK_BYTES, flags);
  if (tx === null) throw new Error("the channel is full");
  return tx;
}

describe.skipIf(missing !== undefined)(titled("a channel"), () => {
  it("works while the client does something else", async () => {
    const { chan, memory, base, close } = await open();
    memory.fill(0x21, 0, BLOCK_BYTES);
    const cookie = xor(chan, base).submit();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.IN_PROGRESS);
    chan.issuePending();
    // This thread is busy, and does not look at the event loop until the other one has done it.
    while (memory[3 * BLOCK_BYTES - 1] !== 0x21);
    expect(await chan.syncWait(cookie)).toBe(DmaStatus.COMPLETE);
    expect(memory.subarray(2 * BLOCK_BYTES, 3 * BLOCK_BYTES).every((byte) => byte === 0x21)).toBe(true);
    expect(chan.device.stats().mapping.bouncedBytes).toBe(0);
    await close();
  });

  it("calls back by interrupt, without anybody polling, for whom wants one", async () => {
    const { engine, chan, base, close } = await open();
    const called: number[] = [];
    const results = [1, 2, 3, 4].map((number) => {
      const flags = number % 2 === 0 ? DMA_CTRL_ACK | DMA_PREP_INTERRUPT : DMA_CTRL_ACK;
      const tx = xor(chan, base, 2, flags);
      const result = new Promise<DmaTransResult>((resolve) => {
        tx.callback = (value) => {
          called.push(number);
          resolve(value);
        };
      });
      tx.submit();
      return result;
    });
    chan.issuePending();
    expect(await results[3]).toBe(DmaTransResult.NOERROR);
    expect(called).toEqual([1, 2, 3, 4]);
    expect(engine.stats().devices["isal"]?.channels[chan.name]?.interrupts).toBe(2);
    await close();
  });

  it("wakes each of several that wait, in whichever order they began", async () => {
    const { chan, base, close } = await open();
    const cookies = Array.from({ length: 200 }, () => xor(chan, base).submit());
    chan.issuePending();
    const waited = [190, 10, 199, 0, 100].map(async (i) => await chan.syncWait(cookies[i] as number));
    expect(await Promise.all(waited)).toEqual(new Array(5).fill(DmaStatus.COMPLETE));
    await close();
  });

  it("keeps memory for the library that the client has given up", async () => {
    const { chan, base, close } = await open();
    const { device } = chan;
    /** Submits the xor of a block that nobody has any more. */
    const submit = (): { cookie: number; gone: WeakRef<ArrayBufferLike> } => {
      // Too long to be cut from a buffer that others have pieces of.
      const lost = device.alloc(5 << 20).fill(0x42);
      const addr = device.mapSingle(lost, DmaDirection.TO_DEVICE);
      const tx = chan.prepXor(base, [addr, addr], 2, BLOCK_BYTES) as DmaTxDescriptor;
      const cookie = tx.submit();
      device.unmapSingle(addr, BLOCK_BYTES, DmaDirection.TO_DEVICE);
      return { cookie, gone: new WeakRef(lost.buffer) };
    };
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const { cookie, gone } = submit();
    await setTimeout(1);
    gc();
    expect(gone.deref()).toBeDefined();
    expect(await chan.syncWait(cookie)).toBe(DmaStatus.COMPLETE);
    await setTimeout(1);
    gc();
    expect(gone.deref()).toBeUndefined();
    await close();
  });

  it("forgets what is terminated, and works afterwards", async () => {
    const { chan, memory, base, close } = await open({ ringSize: 8 });
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 5; i++) xor(chan, base).submit();
      chan.issuePending();
      for (let i = 0; i < 3; i++) xor(chan, base).submit();
      chan.terminate();
      await chan.synchronize();
      memory.fill(round + 1, 0, BLOCK_BYTES);
      expect(await chan.syncWait(xor(chan, base, 3).submit())).toBe(DmaStatus.COMPLETE);
      expect(memory.at(-1)).toBe(round + 1);
    }
    await close();
  });

  it("fails what is in flight when its thread ends, and everything behind it", async () => {
    const { chan, base, close } = await open();
    const verdict = new SumCheck();
    const results: DmaTransResult[] = [];
    const first = xor(chan, base);
    first.callback = (result) => results.push(result);
    first.submit();
    const check = chan.prepXorVal([base, base], 2, BLOCK_BYTES, verdict)?.submit() as number;
    await threads[0]?.terminate();
    expect(await chan.syncWait(check)).toBe(DmaStatus.ERROR);
    expect(results).toEqual([DmaTransResult.WRITE_FAILED]);
    expect(await chan.syncWait(xor(chan, base).submit())).toBe(DmaStatus.ERROR);
    await close();
  });

  it("is refused at registration when its thread does not start", async () => {
    process.once("worker", (thread: Worker) => void thread.terminate());
    await expect(new DmaEngine().register(isal())).rejects.toThrow(
      expect.objectContaining({
        code: "ERR_DMA_DRIVER",
        message: expect.stringContaining("its thread does not start"),
      }),
    );
  });
});
