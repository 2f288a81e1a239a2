import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import {
  DMA_CTRL_ACK,
  DMA_PREP_INTERRUPT,
  type DmaAddr,
  type DmaChan,
  type DmaDevice,
  DmaDirection,
  DmaEngine,
  DmaStatus,
  DmaTransResult,
  type DmaTxDescriptor,
  SumCheck,
} from "@dmaengine/core";
import { expect, it } from "vitest";
import { Ring, SLOT_BYTES } from "../wasm/slot.js";
import { cpu, type SpawnWorker, spawnWorkerThread, type WorkerTask } from "./index.js";

const LONG = process.env["DMAENGINE_LONG"] === "1";
const COUNT = LONG ? 1_000_000 : 20_000;
const WORKERS = 3;
const RING_SIZE = 64;
const BLOCK_BYTES = 4096;
const BLOCKS = 16;
/** With one batch in so many workers are killed, and one new worker in so many hangs. */
const KILL_ONE_IN = LONG ? 100 : 25;
const HANG_ONE_IN = LONG ? 20 : 10;
const HANG_TIMEOUT_MILLIS = 300;
const SEED = 0x5eed;

type Draw = (below: number) => number;

/** A 32-bit xorshift generator. */
function generator(seed: number): Draw {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Workers that can be made to trap, and of which some hang from the start. */
class MortalWorkers {
  killed = 0;
  hung = 0;
  readonly #draw: Draw;
  readonly #tasks = new Map<number, WorkerTask>();

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  readonly spawn: SpawnWorker = (task, died) => {
    const first = !this.#tasks.has(task.ring);
    this.#tasks.set(task.ring, task);
    if (first || this.#draw(HANG_ONE_IN) > 0) return spawnWorkerThread(task, died);
    this.hung += 1;
    const worker = new Worker("for (;;);", { eval: true });
    worker.unref();
    return {
      async terminate() {
        await worker.terminate();
      },
    };
  };

  /** Lets some workers trap at their next transaction, wherever they are now: no slot of their rings names a function any more. */
  kill(): void {
    this.killed += 1;
    const tasks = [...this.#tasks.values()];
    const first = this.#draw(tasks.length);
    const count = 1 + this.#draw(tasks.length);
    for (let i = 0; i < count; i++) {
      const { memory, ring, ringSize } = tasks[(first + i) % tasks.length] as WorkerTask;
      const words = new Uint32Array(memory.buffer);
      for (let slot = 0; slot < ringSize; slot++) words[(ring + Ring.SLOTS + slot * SLOT_BYTES) / 4] = 0xffff;
    }
  }
}

const OPERATIONS = ["memcpy", "memset", "xor", "xorVal", "pq", "pqVal"] as const;
type Chan = DmaChan<(typeof OPERATIONS)[number]>;

/** A client with a channel, that is a worker, and memory of its own. */
class Client {
  readonly #chan: Chan;
  readonly #memory: Uint8Array;
  readonly #base: DmaAddr;
  readonly #draw: Draw;
  /** How often each transaction of the batch at hand has ended. */
  readonly #ends: number[] = [];
  #failed = 0;
  #last: DmaTxDescriptor | null = null;
  #mark = 0;

  constructor(chan: Chan, draw: Draw) {
    this.#chan = chan;
    this.#draw = draw;
    this.#memory = chan.device.alloc(BLOCKS * BLOCK_BYTES, 4096);
    this.#base = chan.device.mapSingle(this.#memory, DmaDirection.BIDIRECTIONAL);
  }

  get device(): DmaDevice {
    return this.#chan.device;
  }

  get heldBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /**
   * Submits up to a ring full of anything, with a fill at the end that can be looked for, and issues it after `beforeIssue`. How many
   * transactions that is.
   */
  submit(beforeIssue: () => unknown): number {
    const count = 1 + this.#draw(RING_SIZE);
    this.#ends.length = 0;
    for (let i = 0; i < count; i++) {
      const flags = DMA_CTRL_ACK | (this.#draw(2) === 0 ? DMA_PREP_INTERRUPT : 0);
      const tx = i === count - 1 ? this.#prepareMark(flags) : this.#prepare(flags);
      if (tx === null) throw new Error("the channel is full although everything has ended");
      this.#ends.push(0);
      tx.callback = (result) => {
        this.#ends[i]! += 1;
        if (result !== DmaTransResult.NOERROR) this.#failed += 1;
      };
      tx.submit();
      this.#last = tx;
    }
    beforeIssue();
    this.#chan.issuePending();
    return count;
  }

  /** Waits until all of it has ended, and checks that it has. How many transactions failed. */
  async settle(): Promise<number> {
    const status = await this.#chan.syncWait((this.#last as DmaTxDescriptor).cookie);
    await new Promise((resolve) => setTimeout(resolve));
    expect(this.#ends.every((times) => times === 1)).toBe(true);
    expect(status).not.toBe(DmaStatus.IN_PROGRESS);
    if (status === DmaStatus.COMPLETE) expect(this.#memory.at(-1)).toBe(this.#mark);
    const failed = this.#failed;
    this.#failed = 0;
    return failed;
  }

  close(): void {
    this.device.unmapSingle(this.#base, this.#memory.length, DmaDirection.BIDIRECTIONAL);
    this.device.free(this.#memory);
    this.#chan.release();
  }

  #prepareMark(flags: number): DmaTxDescriptor | null {
    this.#mark = this.#draw(256);
    const last = this.#base + BLOCKS * BLOCK_BYTES - 1;
    return this.#chan.prepMemset(last, this.#mark, 1, flags);
  }

  #prepare(flags: number): DmaTxDescriptor | null {
    const [chan, draw] = [this.#chan, this.#draw];
    const block = (i: number): DmaAddr => this.#base + i * BLOCK_BYTES;
    const length = 1 + draw(BLOCK_BYTES);
    const srcs = [block(draw(8)), block(8 + draw(4))];
    const [p, q] = [block(12 + draw(2)), block(14 + draw(2))];
    switch (draw(6)) {
      case 0:
        return chan.prepMemcpy(p, srcs[0] as DmaAddr, length, flags);
      case 1:
        return chan.prepMemset(p, draw(256), length, flags);
      case 2:
        return chan.prepXor(p, srcs, 2, length, flags);
      case 3:
        return chan.prepPq(p, q, srcs, 2, [draw(256), draw(256)], length, flags);
      case 4:
        return chan.prepXorVal(srcs, 2, length, new SumCheck(), flags);
      default:
        return chan.prepPqVal(p, q, srcs, 2, [1, 2], length, new SumCheck(), flags);
    }
  }
}

function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

it(`soaks: of ${COUNT} operations over ${WORKERS} workers that die and hang, none is lost and none ends twice, seed ${SEED}`, async () => {
  const draw = generator(SEED);
  const workers = new MortalWorkers(draw);
  const engine = new DmaEngine();
  const driver = cpu({
    workers: WORKERS,
    spawn: workers.spawn,
    ringSize: RING_SIZE,
    hangTimeoutMillis: HANG_TIMEOUT_MILLIS,
    maxMemoryBytes: 64 * 1024 * 1024,
  });
  await engine.register(driver);
  const clients = Array.from(
    { length: WORKERS },
    (_, i) => new Client(engine.requestChannel(OPERATIONS), generator(SEED + i + 1)),
  );
  const heldBytes = clients[0]?.heldBytes;
  let failed = 0;
  let heapBefore = 0;
  for (let done = 0; done < COUNT; ) {
    for (const client of clients) {
      // Before they begin, while they are at it, or not at all.
      const fate = draw(2 * KILL_ONE_IN);
      done += client.submit(() => fate === 0 && workers.kill());
      if (fate === 1) workers.kill();
    }
    for (const client of clients) failed += await client.settle();
    if (heapBefore === 0 && done > COUNT / 4) heapBefore = heapBytes();
  }
  expect(workers.killed).toBeGreaterThan(0);
  expect(failed).toBeGreaterThan(0);
  expect(heapBytes() - heapBefore).toBeLessThan(4_000_000);
  for (const client of clients) {
    expect(client.heldBytes).toBe(heldBytes);
    client.close();
  }
  const stats = engine.stats().devices["cpu"];
  for (const { operations } of Object.values(stats?.channels ?? {})) {
    for (const one of Object.values(operations)) expect(one.completed + one.failed).toBe(one.submitted);
  }
  await engine.unregister(driver);
});
