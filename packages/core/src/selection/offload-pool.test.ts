import { describe, expect, it } from "vitest";
import type { DmaChan } from "../chan.js";
import { DmaEngine } from "../engine.js";
import { DMA_CTRL_ACK } from "../flags.js";
import { DirectDomain } from "../mapping/direct-domain.js";
import { DmaDirection } from "../mapping/direction.js";
import { DmaTransResult } from "../status.js";
import { ModelDriver, type ModelOptions } from "../testing/model-driver.js";
import { must, refusal, rejection } from "../testing/rig.js";
import { OffloadPool, type OffloadPoolOptions } from "./offload-pool.js";
import { measured, roundRobin } from "./policy.js";

const { TO_DEVICE, FROM_DEVICE } = DmaDirection;
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** An engine with a fast software engine and two devices, each in a domain of its own unless told otherwise. */
async function machine(
  options: readonly ModelOptions[] = [{ name: "cpu" }, { name: "one" }, { name: "two" }],
) {
  const engine = new DmaEngine({ checker: true });
  const drivers = options.map((each) => new ModelDriver(each));
  for (const driver of drivers) {
    await engine.register(driver);
    driver.channel.fast = true;
  }
  return { engine, drivers };
}

/** The copy that a client would do: maps for the channel that it gets, whichever that is. */
function copier(dst: Uint8Array, src: Uint8Array) {
  const used: string[] = [];
  const prepare = (chan: DmaChan<"memcpy">) => {
    const { device } = chan;
    used.push(device.name);
    const unmap = device.getUnmapData(2);
    unmap.len = src.length;
    unmap.addr[0] = device.mapSingle(src, TO_DEVICE);
    unmap.toCnt = 1;
    unmap.addr[1] = device.mapSingle(dst, FROM_DEVICE);
    unmap.fromCnt = 1;
    try {
      const tx = chan.prepMemcpy(must(unmap.addr[1]), must(unmap.addr[0]), src.length);
      tx?.setUnmap(unmap);
      return tx;
    } finally {
      unmap.put();
    }
  };
  return { prepare, used };
}

const memcpy = (lengthBytes: number) => ({ operation: "memcpy", lengthBytes }) as const;
const source = Uint8Array.from({ length: 64 }, (_, i) => i + 1);

describe("a pool", () => {
  it("shares every public channel that has all the operations", async () => {
    const { engine } = await machine([
      { name: "cpu" },
      { name: "copies", capabilities: { memcpy: {} } },
      { name: "secret", private: true },
      { name: "barred" },
    ]);
    const pool = new OffloadPool(engine, ["memcpy", "xor"], { filter: ({ name }) => name !== "barred" });
    expect(pool.explain(memcpy(64)).map(({ device }) => device)).toEqual(["cpu"]);
    pool.release();
    expect(must(engine.findChannel(["memcpy"])).name).toBe("dma0chan0");
  });

  it("chooses by policy and counts", async () => {
    const { engine } = await machine();
    const pool = new OffloadPool(engine, ["memcpy"], { policy: roundRobin() });
    const picked = [1, 2, 3, 4].map(() => pool.pick(memcpy(64)).device.name);
    expect(picked).toEqual(["cpu", "one", "two", "cpu"]);
    expect(pool.stats()).toEqual({
      dma0chan0: { taken: 2, failed: 0 },
      dma1chan0: { taken: 1, failed: 0 },
      dma2chan0: { taken: 1, failed: 0 },
    });
  });

  it("gives small operations to a named device", async () => {
    const { engine } = await machine();
    const small = { belowBytes: 1000, device: "cpu" };
    const pool = new OffloadPool(engine, ["memcpy"], { policy: roundRobin(), small });
    expect([999, 999, 1000, 1000, 999].map((length) => pool.pick(memcpy(length)).device.name)).toEqual([
      "cpu",
      "cpu",
      "one",
      "two",
      "cpu",
    ]);
  });

  it("passes over channels whose limits forbid the operation", async () => {
    const { engine } = await machine([
      { name: "aligned", capabilities: { memcpy: { alignBytes: 8 } } },
      { name: "long", capabilities: { memcpy: { minLengthBytes: 128 } } },
      { name: "short", capabilities: { memcpy: { maxLengthBytes: 32 } } },
    ]);
    const pool = new OffloadPool(engine, ["memcpy"]);
    expect([8, 33 * 8, 31, 32 - 1, 129, 131].map((length) => pool.pick(memcpy(length)).device.name)).toEqual([
      "aligned",
      "aligned",
      "short",
      "short",
      "long",
      "long",
    ]);
    const only = (device: string) => ({ fits: (chan: DmaChan<"memcpy">) => chan.device.name === device });
    expect(pool.pick({ ...memcpy(128), ...only("long") }).device.name).toBe("long");
    expect(pool.pick({ ...memcpy(32), ...only("short") }).device.name).toBe("short");
    const error = refusal("ERR_DMA_NO_CHANNEL", () => pool.pick(memcpy(33)));
    expect(error.message).toBe(
      "no channel for memcpy of 33 bytes: dma0chan0: it does multiples of 8 bytes; " +
        "dma1chan0: it does 128 bytes or more; dma2chan0: it does 32 bytes or less",
    );
    const fits = (chan: DmaChan<"memcpy">): boolean => chan.device.name === "long";
    expect(pool.pick({ ...memcpy(256), fits }).device.name).toBe("long");
  });

  it("says so when there is nothing to choose from", async () => {
    const pool = new OffloadPool(new DmaEngine(), ["memcpy", "xor"]);
    expect(refusal("ERR_DMA_NO_CHANNEL", () => pool.pick(memcpy(1))).message).toContain(
      "no public channel has memcpy, xor",
    );
    await rejection(
      "ERR_DMA_NO_CHANNEL",
      pool.run(memcpy(1), () => null),
    );
    pool.release();
    refusal("ERR_DMA_STATE", () => pool.pick(memcpy(1)));
  });

  it("explains itself, and changes nothing by it", async () => {
    const { engine, drivers } = await machine([
      { name: "cpu" },
      { name: "one" },
      { name: "two" },
      { name: "picky", capabilities: { memcpy: { alignBytes: 128 } } },
    ]);
    const small = { belowBytes: 50, device: "cpu" };
    const pool = new OffloadPool(engine, ["memcpy"], {
      policy: roundRobin(),
      small,
      restAfterFailure: { operations: 9 },
    });
    const why = (length: number) => pool.explain(memcpy(length)).map((verdict) => verdict.why);
    expect(why(10)).toEqual([
      "takes it: 10 bytes are less than 50",
      "10 bytes are less than 50",
      "10 bytes are less than 50",
      "it does multiples of 128 bytes",
    ]);
    pool.pick(memcpy(64));
    failing(drivers[1]);
    await pool.run(memcpy(64), copier(new Uint8Array(64), source).prepare);
    for (let i = 0; i < 2; i++) {
      expect(why(64)).toEqual([
        "takes it: round robin",
        "it failed, and rests for 8 operations more",
        "round robin prefers dma0chan0",
        "it does multiples of 128 bytes",
      ]);
    }
    expect(pool.explain(memcpy(64))[0]).toEqual({
      channel: "dma0chan0",
      device: "cpu",
      takes: true,
      why: "takes it: round robin",
    });
    expect(why(64 * 2).at(-1)).toBe("takes it: round robin");
  });
});

/** Makes a device fail everything from now on. */
function failing(driver: ModelDriver | undefined): void {
  const { channel } = must(driver);
  channel.poll = () => channel.finish(channel.issued.length, DmaTransResult.READ_FAILED);
}

describe("run", () => {
  it("does the operation", async () => {
    const { engine } = await machine();
    const pool = new OffloadPool(engine, ["memcpy"]);
    const dst = new Uint8Array(64);
    await pool.run(memcpy(64), copier(dst, source).prepare);
    expect(dst).toEqual(source);
    expect(Object.values(engine.stats().devices).every(({ unmapRecords }) => unmapRecords === 0)).toBe(true);
  });

  it("moves on when a device fails, with another mapping, and nothing is lost", async () => {
    const { engine, drivers } = await machine();
    failing(drivers[0]);
    failing(drivers[1]);
    const pool = new OffloadPool(engine, ["memcpy"]);
    const dst = new Uint8Array(64);
    const { prepare, used } = copier(dst, source);
    await pool.run(memcpy(64), prepare);
    expect(used).toEqual(["cpu", "one", "two"]);
    expect(dst).toEqual(source);
    expect(Object.values(pool.stats()).map(({ failed }) => failed)).toEqual([1, 1, 0]);
    for (const { mapping } of Object.values(engine.stats().devices))
      expect(mapping.maps).toBe(mapping.unmaps);
  });

  it("may keep a mapping where the next device shares the domain", async () => {
    const domain = new DirectDomain("shared");
    const { engine, drivers } = await machine([
      { name: "one", domain },
      { name: "two", domain },
    ]);
    failing(drivers[0]);
    const pool = new OffloadPool(engine, ["memcpy"]);
    const [from, to] = [source.slice(), new Uint8Array(64)];
    const [mapper] = engine.devices;
    const [src, dst] = [must(mapper).mapSingle(from, TO_DEVICE), must(mapper).mapSingle(to, FROM_DEVICE)];
    await pool.run(memcpy(64), (chan) => chan.prepMemcpy(dst, src, 64, DMA_CTRL_ACK));
    must(mapper).unmapSingle(src, 64, TO_DEVICE);
    must(mapper).unmapSingle(dst, 64, FROM_DEVICE);
    expect(to).toEqual(source);
  });

  it("remembers a failure for a number of operations", async () => {
    const { engine, drivers } = await machine([{ name: "one" }, { name: "two" }]);
    const healthy = drivers[0]?.channel.poll;
    failing(drivers[0]);
    const pool = new OffloadPool(engine, ["memcpy"], {
      policy: roundRobin(),
      restAfterFailure: { operations: 4 },
    });
    const { prepare, used } = copier(new Uint8Array(64), source);
    await pool.run(memcpy(64), prepare);
    Object.assign(must(drivers[0]).channel, { poll: healthy });
    for (let i = 0; i < 5; i++) await pool.run(memcpy(64), prepare);
    expect(used).toEqual(["one", "two", "two", "two", "two", "one", "two"]);
  });

  it("remembers a failure for a time, by a clock that it is given", async () => {
    const { engine, drivers } = await machine([{ name: "one" }, { name: "two" }]);
    const healthy = drivers[0]?.channel.poll;
    failing(drivers[0]);
    let time = 0;
    const options: OffloadPoolOptions = { restAfterFailure: { nanos: 500, now: () => time } };
    const pool = new OffloadPool(engine, ["memcpy"], options);
    const { prepare, used } = copier(new Uint8Array(64), source);
    await pool.run(memcpy(64), prepare);
    Object.assign(must(drivers[0]).channel, { poll: healthy });
    time = 499;
    expect(pool.explain(memcpy(64))[0]?.why).toBe("it failed, and rests for 1 ns more");
    await pool.run(memcpy(64), prepare);
    time = 500;
    await pool.run(memcpy(64), prepare);
    expect(used).toEqual(["one", "two", "two", "one"]);
  });

  it("uses a channel that failed lately when there is no other", async () => {
    const { engine, drivers } = await machine([{ name: "one" }]);
    const healthy = drivers[0]?.channel.poll;
    failing(drivers[0]);
    const pool = new OffloadPool(engine, ["memcpy"]);
    const { prepare } = copier(new Uint8Array(64), source);
    const error = await rejection("ERR_DMA_TRANSFER", pool.run(memcpy(64), prepare));
    expect(error.message).toContain("failed reading its source");
    Object.assign(must(drivers[0]).channel, { poll: healthy });
    expect(pool.explain(memcpy(64))[0]?.why).toBe("takes it: least loaded, although it failed lately");
    await pool.run(memcpy(64), prepare);
  });

  it("doesn't repeat an operation that writes what it reads", async () => {
    const { engine, drivers } = await machine([{ name: "one" }, { name: "two" }]);
    failing(drivers[0]);
    const pool = new OffloadPool(engine, ["memcpy"]);
    const { prepare, used } = copier(new Uint8Array(64), source);
    await rejection("ERR_DMA_TRANSFER", pool.run({ ...memcpy(64), inPlace: true }, prepare));
    expect(used).toEqual(["one"]);
    await pool.run({ ...memcpy(64), inPlace: true }, prepare);
    expect(used).toEqual(["one", "two"]);
  });

  it("takes another channel when one is full, and waits when all are", async () => {
    const { engine, drivers } = await machine([
      { name: "one", ringSize: 1 },
      { name: "two", ringSize: 1 },
    ]);
    for (const { channel } of drivers) channel.fast = false;
    const pool = new OffloadPool(engine, ["memcpy"]);
    const dsts = Array.from({ length: 5 }, () => new Uint8Array(64));
    const runs = dsts.map((dst) => pool.run(memcpy(64), copier(dst, source).prepare));
    await null;
    expect(drivers.map(({ channel }) => channel.issued.length)).toEqual([1, 1]);
    for (let i = 0; i < 10; i++) {
      await settle();
      for (const { channel } of drivers) channel.finish();
    }
    await Promise.all(runs);
    expect(dsts.every((dst) => dst.every((byte, i) => byte === source[i]))).toBe(true);
    expect(Object.values(pool.stats()).reduce((sum, { taken }) => sum + taken, 0)).toBe(5);
  });

  it("passes on what prepare throws", async () => {
    const { engine } = await machine();
    const pool = new OffloadPool(engine, ["memcpy"]);
    const mistake = new Error("a client's mistake");
    const run = pool.run(memcpy(64), () => {
      throw mistake;
    });
    await expect(run).rejects.toBe(mistake);
    await rejection(
      "ERR_DMA_LIMIT",
      pool.run(memcpy(64), (chan) => chan.prepMemcpy(0, 0, -1)),
    );
    pool.release();
  });

  it("tells the policy how long operations took, by the policy's clock", async () => {
    let time = 0;
    const policy = measured({ now: () => time });
    const { engine, drivers } = await machine([{ name: "slow" }, { name: "fast" }]);
    for (const [i, { channel }] of drivers.entries()) {
      const { poll } = channel;
      channel.poll = () => {
        time += i === 0 ? 1000 : 10;
        poll.call(channel);
      };
    }
    const pool = new OffloadPool(engine, ["memcpy"], { policy });
    const { prepare, used } = copier(new Uint8Array(64), source);
    for (let i = 0; i < 5; i++) await pool.run(memcpy(64), prepare);
    expect(used).toEqual(["slow", "fast", "fast", "fast", "fast"]);
  });
});

describe("devices that come and go", () => {
  it("join and leave the pool", async () => {
    const { engine, drivers } = await machine([{ name: "one" }]);
    const pool = new OffloadPool(engine, ["memcpy"]);
    const late = new ModelDriver({ name: "two" });
    await engine.register(late);
    const devices = () => pool.explain(memcpy(1)).map(({ device }) => device);
    expect(devices()).toEqual(["one", "two"]);
    await engine.unregister(must(drivers[0]));
    expect(devices()).toEqual(["two"]);
    await engine.remove(late);
    expect(devices()).toEqual([]);
  });

  it("hand what they were doing to the next", async () => {
    const { engine, drivers } = await machine([{ name: "one" }, { name: "two" }]);
    must(drivers[0]).channel.fast = false;
    const pool = new OffloadPool(engine, ["memcpy"]);
    const dst = new Uint8Array(64);
    const { prepare, used } = copier(dst, source);
    const run = pool.run(memcpy(64), prepare);
    await settle();
    const removal = engine.remove(must(drivers[0]));
    await run;
    await removal;
    expect(used).toEqual(["one", "two"]);
    expect(dst).toEqual(source);
  });

  it("are passed over when they are removed between the choice and the prep call", async () => {
    const { engine, drivers } = await machine([{ name: "one" }, { name: "two" }]);
    const pool = new OffloadPool(engine, ["memcpy"]);
    const dst = new Uint8Array(64);
    const { prepare, used } = copier(dst, source);
    let removal: Promise<void> | undefined;
    await pool.run({ ...memcpy(64), inPlace: true }, (chan) => {
      removal ??= engine.remove(must(drivers[0]));
      return prepare(chan);
    });
    await removal;
    expect(used).toEqual(["one", "two"]);
  });

  it("can go while the pool still works on them: they finish first", async () => {
    const { engine, drivers } = await machine([{ name: "one" }]);
    must(drivers[0]).channel.fast = false;
    const pool = new OffloadPool(engine, ["memcpy"]);
    const dst = new Uint8Array(64);
    const run = pool.run(memcpy(64), copier(dst, source).prepare);
    await settle();
    const leaving = engine.unregister(must(drivers[0]));
    expect(pool.explain(memcpy(1))[0]?.why).toBe("its device is going");
    pool.release();
    must(drivers[0]).channel.finish();
    await Promise.all([run, leaving]);
    expect(dst).toEqual(source);
  });
});
