import { describe, expect, it } from "vitest";
import type { AnyDeviceDefinition } from "./driver-contract.js";
import { type DeviceEvent, DmaEngine } from "./engine.js";
import { DMA_CTRL_ACK } from "./flags.js";
import { DmaDirection } from "./mapping/direction.js";
import type { AnyOperationDefinition } from "./operations/operation.js";
import { DmaStatus, DmaTransResult } from "./status.js";
import { MODEL_CAPABILITIES, ModelDriver } from "./testing/model-driver.js";
import { must, refusal, rejection, rig } from "./testing/rig.js";

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe("register", () => {
  it("takes devices in and their channels into use, named as in the kernel", async () => {
    const engine = new DmaEngine();
    const driver = new ModelDriver({ channels: 2 });
    await engine.register(driver);
    await engine.register(new ModelDriver({ name: "model1" }));
    expect(engine.devices.map(({ name, id }) => [name, id])).toEqual([
      ["model0", 0],
      ["model1", 1],
    ]);
    expect(driver.channels.map(({ host }) => host.name)).toEqual(["dma0chan0", "dma0chan1"]);
    expect(driver.channels.map(({ calls }) => calls)).toEqual([
      ["allocChanResources"],
      ["allocChanResources"],
    ]);
  });

  it("refuses a driver of another contract and names both versions", async () => {
    const error = await rejection(
      "ERR_DMA_CONTRACT",
      new DmaEngine().register(new ModelDriver({ contract: 99 })),
    );
    expect(error.message).toMatch(/model0 was built for version 99 .* has version 1/);
  });

  it("refuses the same driver twice, also while the first call is under way", async () => {
    const engine = new DmaEngine();
    const driver = new ModelDriver();
    const first = engine.register(driver);
    await rejection("ERR_DMA_REGISTER", engine.register(driver));
    await first;
    await rejection("ERR_DMA_REGISTER", engine.register(driver));
  });

  it("refuses a second device of the same name", async () => {
    const engine = new DmaEngine();
    await engine.register(new ModelDriver());
    const second = new ModelDriver();
    const error = await rejection("ERR_DMA_REGISTER", engine.register(second));
    expect(error.message).toContain('"model0" is registered already');
    expect(second.removed).toBe(1);
    await engine.register(new ModelDriver({ name: "model1" }));
  });

  it("takes limits that leave just one choice", async () => {
    const engine = new DmaEngine();
    const limits = { minLengthBytes: 8, maxLengthBytes: 8, alignBytes: 1 };
    await engine.register(new ModelDriver({ capabilities: { memcpy: limits, xor: { maxSources: 1 } } }));
    await engine.register(new ModelDriver({ name: "model1", dmaMaskBits: 53, segmentBoundaryBytes: 1 }));
    expect(engine.devices).toHaveLength(2);
  });

  it("refuses a claim without its call", async () => {
    for (const [operation, call] of [
      ["xor", "prepXor"],
      ["cyclic", "config"],
      ["slaveSg", "config"],
    ] as const) {
      const limits = { maxSources: 1, maxSegments: 1 };
      const driver = new ModelDriver({ without: [call], capabilities: { [operation]: limits } });
      const error = await rejection("ERR_DMA_CAPABILITY", new DmaEngine().register(driver));
      expect(error.message).toContain(`has no ${call}()`);
    }
    await new DmaEngine().register(
      new ModelDriver({ without: ["prepXor", "config"], capabilities: { memcpy: {} } }),
    );
  });

  const crc32c = { name: "crc32c" } as unknown as AnyOperationDefinition;
  const memcpy = { name: "memcpy" } as unknown as AnyOperationDefinition;
  const unknown = { crc32c: {} } as unknown as AnyDeviceDefinition["capabilities"];
  it.each([
    ["an operation that nobody has defined", { capabilities: unknown }, '"crc32c", which nobody has defined'],
    [
      "an operation in the name of a built-in one",
      { operations: [memcpy] },
      '"memcpy", which is a built-in one',
    ],
    [
      "an operation that it defines and has no prep for",
      { operations: [crc32c], capabilities: unknown, without: ["prepCrc32c"] },
      "prepCrc32c",
    ],
    [
      "transfers from peripherals without a word on them",
      { slave: { directions: [], srcAddrWidths: [], dstAddrWidths: [] } },
      '"slave"',
    ],
    ["no channels", { channels: 0 }, "no channels"],
    ["no descriptors", { ringSize: 0 }, "ringSize of 0"],
    ["half a descriptor", { ringSize: 1.5 }, "ringSize of 1.5"],
    [
      "an alignment that is no power of two",
      { capabilities: { memcpy: { alignBytes: 3 } } },
      'aligns "memcpy" to 3',
    ],
    ["no sources", { capabilities: { xor: { maxSources: 0 } } }, "maxSources 0"],
    [
      "no length",
      { capabilities: { memcpy: { minLengthBytes: 9, maxLengthBytes: 8 } } },
      "at least 9 and at most 8",
    ],
    ["too wide addresses", { dmaMaskBits: 64 }, "64 bits"],
    ["empty segments", { maxSegmentBytes: 0 }, "segments of 0 bytes"],
    ["a crooked segment boundary", { segmentBoundaryBytes: 1000 }, "boundary of 1000 bytes"],
  ])("refuses a device with %s", async (_what, options, text) => {
    const engine = new DmaEngine();
    const driver = new ModelDriver(options as ConstructorParameters<typeof ModelDriver>[0]);
    const error = await rejection("ERR_DMA_CAPABILITY", engine.register(driver));
    expect(error.message).toContain(text);
    expect(engine.devices).toEqual([]);
    expect(driver.removed).toBe(1);
  });

  it("gives everything back when a channel can't be taken into use", async () => {
    const engine = new DmaEngine();
    const driver = new ModelDriver({ channels: 2 });
    const broken = new Error("no such hardware");
    let n = 0;
    const failing = new ModelDriver({
      channels: 2,
      extra: {
        allocChanResources: () => {
          if (++n === 2) throw broken;
        },
      },
    });
    await expect(engine.register(failing)).rejects.toBe(broken);
    expect(failing.channels.map(({ calls }) => calls)).toEqual([["freeChanResources"], []]);
    expect(failing.removed).toBe(1);
    await engine.register(driver);
  });
});

describe("requestChannel", () => {
  it("gives each channel to one client, and says why there is none", async () => {
    const engine = new DmaEngine();
    refusal("ERR_DMA_NO_CHANNEL", () => engine.requestChannel(["memcpy"]));
    await engine.register(new ModelDriver({ channels: 2, capabilities: { memcpy: {} } }));
    await engine.register(new ModelDriver({ name: "copier", capabilities: { interrupt: {} } }));
    const first = engine.requestChannel(["memcpy"], { client: "ann" });
    engine.requestChannel(["memcpy"], { client: "bob" });
    const error = refusal("ERR_DMA_NO_CHANNEL", () => engine.requestChannel(["memcpy"]));
    expect(error.message).toBe(
      "no channel for memcpy: dma0chan0 is held by ann; dma0chan1 is held by bob; copier has no memcpy",
    );
    first.release();
    expect(engine.requestChannel(["memcpy"]).name).toBe("dma0chan0");
  });

  it("asks the filter", async () => {
    const engine = new DmaEngine();
    await engine.register(new ModelDriver());
    await engine.register(new ModelDriver({ name: "model1" }));
    const chan = engine.requestChannel(["memcpy"], { filter: ({ name }) => name === "model1" });
    expect(chan.device.name).toBe("model1");
    const error = refusal("ERR_DMA_NO_CHANNEL", () =>
      engine.requestChannel(["memcpy"], { filter: () => false }),
    );
    expect(error.message).toContain("model0 was filtered out");
  });

  it("finds private devices, which findChannel doesn't", async () => {
    const engine = new DmaEngine();
    await engine.register(new ModelDriver({ private: true }));
    expect(engine.findChannel(["memcpy"])).toBeNull();
    expect(engine.findChannels(["memcpy"])).toEqual([]);
    expect(engine.requestChannel(["memcpy"]).device.private).toBe(true);
  });
});

describe("findChannel", () => {
  it("shares channels evenly, by holders and then by load", async () => {
    const engine = new DmaEngine();
    await engine.register(new ModelDriver({ channels: 3 }));
    const chans = [1, 2, 3, 4].map(() => must(engine.findChannel(["memcpy"])));
    expect(chans.map(({ name }) => name)).toEqual(["dma0chan0", "dma0chan1", "dma0chan2", "dma0chan0"]);
    chans[3]?.release();
    const interrupting = must(engine.findChannel(["interrupt"], { filter: () => true }));
    expect(interrupting.name).toBe("dma0chan0");
    interrupting.release();
    const busy = must(engine.findChannel(["interrupt"]));
    must(busy.prepInterrupt()).submit();
    busy.release();
    expect(must(engine.findChannel(["memcpy"])).name).toBe("dma0chan1");
  });

  it("passes over exclusive channels, which are shared again after release", async () => {
    const engine = new DmaEngine();
    await engine.register(new ModelDriver());
    const exclusive = engine.requestChannel(["memcpy"]);
    expect(engine.findChannel(["memcpy"])).toBeNull();
    exclusive.release();
    const shared = must(engine.findChannel(["memcpy"]));
    refusal("ERR_DMA_NO_CHANNEL", () => engine.requestChannel(["memcpy"]));
    shared.release();
  });

  it("answers null when no device has all the operations", async () => {
    const engine = new DmaEngine();
    await engine.register(new ModelDriver({ capabilities: { memcpy: {} } }));
    expect(engine.findChannel(["memcpy", "xor"])).toBeNull();
  });

  it("can share all channels at once", async () => {
    const engine = new DmaEngine();
    await engine.register(new ModelDriver({ channels: 2 }));
    await engine.register(new ModelDriver({ name: "model1", capabilities: { memcpy: {} } }));
    expect(engine.findChannels(["memcpy", "xor"]).map(({ name }) => name)).toEqual([
      "dma0chan0",
      "dma0chan1",
    ]);
  });
});

describe("a channel handle", () => {
  it("has the limits and prep calls that were asked for, and no others", async () => {
    const { chan } = await rig(["memcpy", "xor"]);
    expect(Object.keys(chan.limits)).toEqual(["memcpy", "xor"]);
    expect(chan.limits.xor.maxSources).toBe(8);
    expect("prepMemcpy" in chan && "prepXor" in chan).toBe(true);
    expect("prepPq" in chan).toBe(false);
  });

  it("is of no use after release, and says so", async () => {
    const { chan } = await rig(["interrupt"]);
    chan.release();
    for (const use of [
      () => chan.prepInterrupt(),
      () => chan.issuePending(),
      () => chan.txStatus(2),
      () => chan.terminate(),
      () => chan.release(),
      () => chan.inFlight,
    ]) {
      expect(refusal("ERR_DMA_STATE", use).message).toContain('"test" released this channel');
    }
  });

  it("leaves no descriptor behind that its client prepared or did not ack", async () => {
    const { chan, engine, model } = await rig(["interrupt"], { ringSize: 3, descriptorReuse: true });
    must(chan.prepInterrupt(0)).submit();
    chan.issuePending();
    model.finish();
    must(chan.prepInterrupt());
    chan.release();
    expect(model.calls).toContain("terminateAll");
    const next = engine.requestChannel(["interrupt"]);
    for (let i = 0; i < 3; i++) expect(next.prepInterrupt()).not.toBeNull();
  });

  it("lets what was submitted run to its end", async () => {
    const { chan, engine, model } = await rig(["interrupt"], { ringSize: 1 });
    must(chan.prepInterrupt(0)).submit();
    chan.issuePending();
    chan.release();
    expect(model.calls).not.toContain("terminateAll");
    model.finish();
    expect(engine.requestChannel(["interrupt"]).prepInterrupt()).not.toBeNull();
  });
});

describe("unregister", () => {
  it("frees the channels and the driver when nothing is held", async () => {
    const engine = new DmaEngine();
    const driver = new ModelDriver();
    await engine.register(driver);
    await engine.unregister(driver);
    expect(driver.channel.calls).toEqual(["allocChanResources", "freeChanResources"]);
    expect(driver.removed).toBe(1);
    expect(engine.devices).toEqual([]);
    await rejection("ERR_DMA_REGISTER", (async () => engine.unregister(driver))());
    await engine.register(driver);
  });

  it("waits for holders, transactions and unmap records, and lets nobody new in", async () => {
    const { engine, driver, device, chan, model } = await rig(["interrupt"]);
    const unmap = device.getUnmapData(1);
    must(chan.prepInterrupt()).submit();
    let gone = false;
    const leaving = engine.unregister(driver).then(() => {
      gone = true;
    });
    await settle();
    expect(gone).toBe(false);
    expect(engine.devices).toEqual([]);
    refusal("ERR_DMA_NO_CHANNEL", () => engine.requestChannel(["interrupt"]));
    chan.release();
    await settle();
    expect(gone).toBe(false);
    model.finish();
    await settle();
    expect(gone).toBe(false);
    unmap.put();
    await leaving;
    expect(driver.removed).toBe(1);
  });

  it("polls for what is in flight, because no client does any more", async () => {
    const { engine, driver, chan, model } = await rig(["interrupt"]);
    must(chan.prepInterrupt(DMA_CTRL_ACK)).submit();
    chan.release();
    model.fast = true;
    await engine.unregister(driver);
    expect(driver.removed).toBe(1);
  });

  it("gives up when its signal aborts, names who holds what and where records were taken, and leaves the driver usable", async () => {
    const { engine, driver, device, chan, model } = await rig(["interrupt"], {}, { checker: true });
    const unmap = device.getUnmapData(1);
    must(chan.prepInterrupt()).submit();
    const giveUp = new AbortController();
    const leaving = engine.unregister(driver, { signal: giveUp.signal });
    await settle();
    giveUp.abort();
    const error = await rejection("ERR_DMA_BUSY", leaving);
    expect(error.message).toContain("dma0chan0 is held by test");
    expect(error.message).toContain("dma0chan0 has 1 transactions in flight");
    expect(error.message).toContain("model0 has 1 unmap records with references");
    expect(error.message).toContain("engine.test");
    expect(engine.devices).toEqual([device]);
    unmap.put();
    model.finish();
    chan.release();
    expect(engine.requestChannel(["interrupt"]).device).toBe(device);
  });

  it("answers at once when its signal is aborted already", async () => {
    const { engine, driver, chan } = await rig(["interrupt"]);
    await rejection("ERR_DMA_BUSY", engine.unregister(driver, { signal: AbortSignal.abort() }));
    chan.release();
    await engine.unregister(driver, { signal: AbortSignal.abort() });
  });

  it("waits for an engine that takes time to stop", async () => {
    let rest = (): void => {};
    const synchronize = (): Promise<void> =>
      new Promise((resolve) => {
        rest = resolve;
      });
    const { engine, driver, chan } = await rig(["interrupt"], { extra: { synchronize } });
    must(chan.prepInterrupt()).submit();
    chan.terminate();
    chan.release();
    const error = await rejection("ERR_DMA_BUSY", engine.unregister(driver, { signal: AbortSignal.abort() }));
    expect(error.message).toContain("coming to rest");
    const leaving = engine.unregister(driver);
    await settle();
    expect(driver.removed).toBe(0);
    rest();
    await leaving;
    expect(driver.removed).toBe(1);
  });

  it("can be asked for twice", async () => {
    const { engine, driver, chan } = await rig(["interrupt"]);
    const both = [engine.unregister(driver), engine.unregister(driver)];
    chan.release();
    await Promise.all(both);
    expect(driver.removed).toBe(1);
  });
});

describe("remove", () => {
  it("ends every outstanding transaction exactly once, as aborted, with its callback", async () => {
    const { engine, driver, chan, model } = await rig(["interrupt"]);
    const calls: unknown[] = [];
    const txs = ["finished", "running", "queued", "prepared"].map((name) => {
      const tx = must(chan.prepInterrupt());
      tx.callback = (result) => calls.push([name, result]);
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
    const removal = engine.remove(driver);
    expect(chan.removed).toBe(true);
    cookies.push(must(txs[3]).submit());
    await settle();
    expect(calls).toEqual([
      ["finished", DmaTransResult.NOERROR],
      ["running", DmaTransResult.ABORTED],
      ["queued", DmaTransResult.ABORTED],
      ["prepared", DmaTransResult.ABORTED],
    ]);
    expect(await Promise.all(dones)).toEqual(["resolved", "rejected", "rejected", "rejected"]);
    expect(cookies.map((cookie) => chan.txStatus(cookie))).toEqual([
      DmaStatus.COMPLETE,
      DmaStatus.ERROR,
      DmaStatus.ERROR,
      DmaStatus.ERROR,
    ]);
    chan.release();
    await removal;
    expect(driver.removed).toBe(1);
  });

  it("makes later use of the channel a clear error or an aborted transaction", async () => {
    const steps: string[] = [];
    const trace = ({ type }: { type: string }) => steps.push(type);
    const { engine, driver, chan, model } = await rig(["interrupt"], {}, { trace });
    const cookie = must(chan.prepInterrupt()).submit();
    const removal = engine.remove(driver);
    expect(steps.slice(-3)).toEqual(["remove", "terminate", "complete"]);
    refusal("ERR_DMA_REMOVED", () => chan.prepInterrupt());
    chan.issuePending();
    chan.pause();
    chan.resume();
    chan.terminate();
    await chan.synchronize();
    expect(await chan.syncWait(cookie)).toBe(DmaStatus.ERROR);
    expect(model.calls.filter((call) => call !== "allocChanResources")).toEqual(["terminateAll"]);
    expect(engine.devices).toEqual([]);
    refusal("ERR_DMA_NO_CHANNEL", () => engine.requestChannel(["interrupt"]));
    chan.release();
    await removal;
  });

  it("waits for what clients hold; memory can be unmapped until then", async () => {
    const { engine, driver, device, chan } = await rig(["interrupt"], {}, { checker: true });
    const memory = new Uint8Array(16);
    const addr = device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
    const removal = engine.remove(driver);
    await rejection("ERR_DMA_BUSY", engine.remove(driver, { signal: AbortSignal.abort() }));
    expect(driver.removed).toBe(0);
    chan.release();
    device.unmapSingle(addr, 16, DmaDirection.BIDIRECTIONAL);
    await removal;
    expect(driver.removed).toBe(1);
  });

  it("overtakes an unregister that waits", async () => {
    const { engine, driver, chan } = await rig(["interrupt"]);
    const leaving = engine.unregister(driver);
    await settle();
    const removal = engine.remove(driver);
    chan.release();
    await Promise.all([leaving, removal]);
    expect(driver.removed).toBe(1);
  });
});

describe("onDeviceChange", () => {
  it("tells when devices come, are to go, are taken away and come back", async () => {
    const engine = new DmaEngine();
    const events: string[] = [];
    const stop = engine.onDeviceChange(({ type, device }: DeviceEvent) =>
      events.push(`${type} ${device.name}`),
    );
    const driver = new ModelDriver();
    await engine.register(driver);
    const chan = engine.requestChannel(["memcpy"]);
    await rejection("ERR_DMA_BUSY", engine.unregister(driver, { signal: AbortSignal.abort() }));
    const removal = engine.remove(driver);
    chan.release();
    await removal;
    stop();
    await engine.register(new ModelDriver());
    expect(events).toEqual(["available model0", "leaving model0", "available model0", "removed model0"]);
  });

  it("reports what a listener throws and goes on", async () => {
    const uncaught: unknown[] = [];
    const engine = new DmaEngine({ onUncaught: (error) => uncaught.push(error) });
    engine.onDeviceChange(() => {
      throw new Error("a listener's mistake");
    });
    await engine.register(new ModelDriver());
    expect(engine.devices).toHaveLength(1);
    expect(uncaught).toEqual([new Error("a listener's mistake")]);
  });
});

describe("issuePendingAll", () => {
  it("starts what was submitted on public channels", async () => {
    const engine = new DmaEngine();
    const [open, closed] = [new ModelDriver(), new ModelDriver({ name: "private", private: true })];
    await engine.register(open);
    await engine.register(closed);
    for (const client of [
      must(engine.findChannel(["interrupt"])),
      engine.requestChannel(["interrupt"], { filter: (d) => d.private }),
    ]) {
      must(client.prepInterrupt()).submit();
    }
    engine.issuePendingAll();
    expect([open.channel.issued.length, closed.channel.issued.length]).toEqual([1, 0]);
  });
});

describe("statistics", () => {
  it("count by device, channel and operation", async () => {
    const { engine, device, chan, model } = await rig(["memcpy", "xor"]);
    const memory = new Uint8Array(64);
    const addr = device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
    must(chan.prepMemcpy(addr + 32, addr, 16)).submit();
    must(chan.prepXor(addr + 32, [addr, addr + 8], 2, 8)).submit();
    chan.issuePending();
    model.finish(1);
    chan.txStatus(3);
    model.host.interrupt();
    device.syncSingleForCpu(addr, 8, DmaDirection.BIDIRECTIONAL);
    device.syncSingleForDevice(addr, 8, DmaDirection.BIDIRECTIONAL);
    device.getUnmapData(1);
    const stats = engine.stats();
    expect(stats.devices["model0"]?.mapping).toEqual({
      maps: 1,
      unmaps: 0,
      failures: 0,
      syncsForCpu: 1,
      syncsForDevice: 1,
      bouncedBytes: 0,
      coherentBytes: 0,
    });
    expect(stats.devices["model0"]?.unmapRecords).toBe(1);
    expect(stats.devices["model0"]?.channels["dma0chan0"]).toMatchObject({
      holders: 1,
      inFlight: 1,
      polls: 1,
      interrupts: 1,
      operations: {
        memcpy: { submitted: 1, completed: 1, failed: 0, aborted: 0, bytes: 16 },
        xor: { submitted: 1, completed: 0, failed: 0, aborted: 0, bytes: 16 },
      },
    });
    model.finish();
    expect(stats.devices["model0"]?.channels["dma0chan0"]?.inFlight).toBe(1);
  });

  it("cover every operation that a device claims", async () => {
    const { device } = await rig(["memcpy"]);
    expect(Object.keys(must(device.stats().channels["dma0chan0"]).operations)).toEqual(
      Object.keys(MODEL_CAPABILITIES),
    );
  });
});

describe("the trace", () => {
  it("gets every step, in order", async () => {
    const steps: string[] = [];
    const { engine, driver, device, chan, model } = await rig(
      ["memcpy"],
      {},
      { trace: (event) => steps.push([event.type, ...Object.values(event).slice(1)].join(" ")) },
    );
    const memory = new Uint8Array(16);
    const addr = device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
    must(chan.prepMemcpy(addr + 8, addr, 8)).submit();
    chan.issuePending();
    model.host.interrupt();
    model.finish();
    device.syncSingleForCpu(addr, 8, DmaDirection.BIDIRECTIONAL);
    device.syncSingleForDevice(addr, 8, DmaDirection.BIDIRECTIONAL);
    device.unmapSingle(addr, 16, DmaDirection.BIDIRECTIONAL);
    chan.pause();
    chan.resume();
    chan.terminate();
    chan.release();
    await engine.unregister(driver);
    const at = `model0 ${addr}`;
    expect(steps).toEqual([
      "register model0",
      "hold dma0chan0 test",
      `map ${at} 16 0`,
      "submit dma0chan0 2 memcpy 8 2",
      "issue dma0chan0",
      "interrupt dma0chan0",
      "complete dma0chan0 2 memcpy 0",
      `syncForCpu ${at} 8 0`,
      `syncForDevice ${at} 8 0`,
      `unmap ${at} 16 0`,
      "pause dma0chan0",
      "resume dma0chan0",
      "terminate dma0chan0",
      "release dma0chan0 test",
      "issue dma0chan0",
      "unregister model0",
    ]);
  });
});
