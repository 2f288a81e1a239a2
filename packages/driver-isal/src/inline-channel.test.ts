import { DMA_CTRL_ACK, DmaDirection, DmaEngine, DmaStatus, DmaTransResult } from "@dmaengine/core";
import { describe, expect, it } from "vitest";
import { isal } from "./index.js";
import { missing, titled } from "./testing/library.js";

const BLOCK_BYTES = 65536;

async function open(ringSize = 8) {
  const engine = new DmaEngine();
  const driver = isal({ threads: 0, ringSize });
  await engine.register(driver);
  const chan = engine.requestChannel(["xor"]);
  const memory = chan.device.alloc(3 * BLOCK_BYTES);
  memory.fill(0x21, 0, BLOCK_BYTES);
  const base = chan.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
  const results: DmaTransResult[] = [];
  /** The xor of the first two blocks into the third one. */
  const submit = (src = base) => {
    const tx = chan.prepXor(base + 2 * BLOCK_BYTES, [src, base + BLOCK_BYTES], 2, BLOCK_BYTES, DMA_CTRL_ACK);
    if (tx === null) throw new Error("the channel is full");
    tx.callback = (result) => void results.push(result);
    return tx.submit();
  };
  const close = async (): Promise<void> => {
    chan.device.unmapSingle(base, memory.length, DmaDirection.BIDIRECTIONAL);
    chan.device.free(memory);
    chan.release();
    await engine.unregister(driver);
  };
  return { chan, memory, submit, results, close };
}

describe.skipIf(missing !== undefined)(titled("a channel without a thread"), () => {
  it("does what was submitted within issuePending, and not before", async () => {
    const { chan, memory, submit, results, close } = await open();
    const sum = () => memory.subarray(2 * BLOCK_BYTES);
    const cookie = submit();
    expect(chan.txStatus(cookie)).toBe(DmaStatus.IN_PROGRESS);
    expect(sum().every((byte) => byte === 0)).toBe(true);
    chan.issuePending();
    expect(sum().every((byte) => byte === 0x21)).toBe(true);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
    expect(chan.inFlight).toBe(0);
    await expect.poll(() => results).toEqual([DmaTransResult.NOERROR]);
    await close();
  });

  it("goes on behind a transaction whose address is not mapped, as long as one likes", async () => {
    const { chan, submit, results, close } = await open(3);
    const { NOERROR, READ_FAILED } = DmaTransResult;
    for (let i = 0; i < 4; i++) {
      results.length = 0;
      submit();
      submit(2 ** 40);
      submit();
      chan.issuePending();
      await expect.poll(() => results).toEqual([NOERROR, READ_FAILED, NOERROR]);
    }
    await close();
  });

  it("forgets what was not issued", async () => {
    const { chan, memory, submit, close } = await open(2);
    submit();
    submit();
    chan.terminate();
    submit();
    memory.fill(0x42, 0, BLOCK_BYTES);
    chan.issuePending();
    expect(memory[2 * BLOCK_BYTES]).toBe(0x42);
    await close();
  });
});
