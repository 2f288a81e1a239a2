import { describe, expect, it } from "vitest";
import { must, refusal, rig } from "../testing/rig.js";
import { DmaDirection } from "./direction.js";

/** A record of the given device with one mapping of each kind. */
async function filled(checker = false) {
  const made = await rig(["interrupt"], {}, { checker });
  const { device } = made;
  const unmap = device.getUnmapData(3);
  unmap.len = 16;
  unmap.toCnt = unmap.fromCnt = unmap.bidiCnt = 1;
  unmap.addr[0] = device.mapSingle(new Uint8Array(16), DmaDirection.TO_DEVICE);
  unmap.addr[1] = device.mapSingle(new Uint8Array(16), DmaDirection.FROM_DEVICE);
  unmap.addr[2] = device.mapSingle(new Uint8Array(16), DmaDirection.BIDIRECTIONAL);
  return { ...made, unmap };
}

describe("unmap data", () => {
  it("comes from pools of 2, 16, 128 and 256 addresses", async () => {
    const { device } = await rig(["interrupt"]);
    const capacities = [1, 2, 3, 16, 17, 128, 129, 256].map(
      (count) => device.getUnmapData(count).addr.length,
    );
    expect(capacities).toEqual([2, 2, 16, 16, 128, 128, 256, 256]);
    for (const count of [0, 257, Number.NaN]) refusal("ERR_DMA_LIMIT", () => device.getUnmapData(count));
  });

  it("unmaps everything by direction when the last reference goes, and only then", async () => {
    const { device, unmap } = await filled(true);
    unmap.get();
    unmap.put();
    expect(device.stats().mapping.unmaps).toBe(0);
    unmap.put();
    expect(device.stats()).toMatchObject({ unmapRecords: 0, mapping: { maps: 3, unmaps: 3 } });
  });

  it("is kept by each descriptor that it was given to, until that ends", async () => {
    const { chan, model, unmap } = await filled();
    const txs = [must(chan.prepInterrupt()), must(chan.prepInterrupt())];
    for (const tx of txs) tx.setUnmap(unmap);
    expect(unmap.refs).toBe(3);
    unmap.put();
    for (const tx of txs) tx.submit();
    chan.issuePending();
    model.finish(1);
    expect(unmap.refs).toBe(1);
    model.finish(1);
    expect(unmap.refs).toBe(0);
  });

  it("skips a bidirectional address of 0, an unused P or Q", async () => {
    const { device } = await rig(["interrupt"]);
    const unmap = device.getUnmapData(2);
    unmap.bidiCnt = 2;
    unmap.len = 16;
    unmap.addr[0] = 0;
    unmap.addr[1] = device.mapSingle(new Uint8Array(16), DmaDirection.BIDIRECTIONAL);
    unmap.put();
    expect(device.stats().mapping.unmaps).toBe(1);
  });

  it("is used again, empty", async () => {
    const { device, engine } = await rig(["interrupt"]);
    const first = device.getUnmapData(2);
    const counts = { toCnt: 1, fromCnt: 1, bidiCnt: 0, len: 16 };
    for (const bidirectional of [false, true]) {
      const record = bidirectional ? device.getUnmapData(1) : first;
      expect(record).toBe(first);
      Object.assign(record, bidirectional ? { bidiCnt: 1, len: 16 } : counts);
      const [one, other] = bidirectional
        ? ([DmaDirection.BIDIRECTIONAL, null] as const)
        : ([DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE] as const);
      record.addr[0] = device.mapSingle(new Uint8Array(16), one);
      if (other !== null) record.addr[1] = device.mapSingle(new Uint8Array(16), other);
      record.put();
    }
    const second = device.getUnmapData(1);
    expect(second).toBe(first);
    expect(second).toMatchObject({ refs: 1, toCnt: 0, fromCnt: 0, bidiCnt: 0, len: 0 });
    expect(engine.stats().unmapPools).toContainEqual({ capacity: 2, created: 1, live: 1 });
    second.put();
    expect(engine.stats().unmapPools).toContainEqual({ capacity: 2, created: 1, live: 0 });
  });

  it("refuses to be attached twice, or after submit", async () => {
    const { chan, unmap } = await filled();
    const tx = must(chan.prepInterrupt());
    tx.setUnmap(unmap);
    refusal("ERR_DMA_STATE", () => tx.setUnmap(unmap));
    tx.submit();
    refusal("ERR_DMA_STATE", () => tx.setUnmap(unmap));
    expect(unmap.refs).toBe(2);
  });

  it("refuses one put too many, and use after the last put", async () => {
    const { unmap } = await filled();
    unmap.put();
    refusal("ERR_DMA_STATE", () => unmap.put());
    refusal("ERR_DMA_STATE", () => unmap.get());
  });

  it("tells where the record was taken and let go, if the checker is on, and even if its place was taken again", async () => {
    const { device, unmap } = await filled(true);
    unmap.put();
    device.getUnmapData(3);
    const error = refusal("ERR_DMA_STATE", () => unmap.put());
    expect(String((error.cause as Error).stack)).toContain("unmap-data.test");
    expect(String(((error.cause as Error).cause as Error).stack)).toContain("unmap-data.test");
  });

  it("refuses counts beyond its room before it unmaps anything", async () => {
    const { device } = await rig(["interrupt"]);
    const unmap = device.getUnmapData(2);
    for (const counts of [
      [3, 0, 0],
      [1, 2, 0],
      [1, 1, 1],
      [0, 0, 3],
    ] as const) {
      [unmap.toCnt, unmap.fromCnt, unmap.bidiCnt] = counts;
      refusal("ERR_DMA_LIMIT", () => unmap.put());
    }
    unmap.toCnt = unmap.fromCnt = unmap.bidiCnt = 0;
    unmap.put();
    expect(device.stats().unmapRecords).toBe(0);
  });

  it("unmaps the rest when one entry can't be unmapped, and says why", async () => {
    const { device, unmap } = await filled(true);
    device.unmapSingle(must(unmap.addr[1]), 16, DmaDirection.FROM_DEVICE);
    expect(refusal("ERR_DMA_CHECK", () => unmap.put())).toMatchObject({ check: "unmap-not-mapped" });
    expect(device.stats()).toMatchObject({ unmapRecords: 0, mapping: { maps: 3, unmaps: 3 } });
  });
});
